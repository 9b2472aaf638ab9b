"""Structured logs: one JSON object a line, each with the request's id. A card's number is in none of them."""

import logging
from typing import Any

from django.http import HttpRequest
from pythonjsonlogger.orjson import OrjsonFormatter, orjson_default

from core import context
from core.card_numbers import mask_card_numbers


class ContextFilter(logging.Filter):
    """Puts the request's id on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = context.request_id.get()
        return True


class JsonFormatter(OrjsonFormatter):
    """time, level, logger, message, request_id and whatever `extra` holds."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}{request_id}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            json_default=_described,
        )
        self.default_msec_format = "%s.%03dZ"

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Return what is written: what a client sent may stand in a path, an id or an error's text."""
        masked: dict[str, Any] = _masked(super().process_log_record(log_data))
        return masked


def _described(value: Any) -> Any:
    """Return what stands for a thing that JSON does not know. Of a request, nothing of its query string."""
    if isinstance(value, HttpRequest):
        return mask_card_numbers(f"{value.method} {value.path}")
    return _masked(orjson_default(value))


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_card_numbers(value)
    if isinstance(value, dict):
        return {_masked(name): _masked(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(entry) for entry in value]
    if isinstance(value, int) and not isinstance(value, bool) and value > 10**12:
        return _masked(str(value))
    return value
