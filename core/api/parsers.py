"""JSON in: strict about what JSON is, and about how much and how deep."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from core.api.errors import BodyTooLarge

MAX_DEPTH = 20


class JSONParser(BaseParser):
    """Parses a JSON object or list. Refuses NaN, lone surrogates, bodies over the limit and deep nesting."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.API_BODY_MAX_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.")
        if not body.strip():
            return {}
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from None
        if _is_deeper_than(data, MAX_DEPTH):
            raise ParseError(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        return data


def _is_deeper_than(data: object, levels: int) -> bool:
    if not isinstance(data, dict | list):
        return False
    if levels == 0:
        return True
    children = data.values() if isinstance(data, dict) else data
    return any(_is_deeper_than(child, levels - 1) for child in children)
