"""Forms with a picture."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import MultiPartParser

from core.api.errors import BodyTooLarge


class UploadParser(MultiPartParser):
    """multipart/form-data; refuses what announces more bytes than one picture and its fields may have."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.UPLOAD_MAX_BYTES + settings.API_BODY_MAX_BYTES
        announced = (parser_context or {})["request"].META.get("CONTENT_LENGTH") or "0"
        if int(announced) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.")
        return super().parse(stream, media_type, parser_context)
