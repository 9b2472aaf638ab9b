"""JSON out: orjson, for answers and for problem documents."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer


def _default(value: object) -> str:
    if isinstance(value, Decimal):
        raise TypeError("an amount reached JSON as a number; use core.money.format_amount")
    return str(value)


def to_json(data: object) -> bytes:
    """Return compact UTF-8 JSON. Raises TypeError for a Decimal: money is formatted text, never a float."""
    return orjson.dumps(data, default=_default, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


class JSONRenderer(BaseRenderer):
    """Renders what views return; a problem keeps its own media type."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else to_json(data)
