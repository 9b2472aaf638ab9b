"""What every log line and event of one request or task has in common."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
