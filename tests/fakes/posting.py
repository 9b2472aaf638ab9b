"""How the fakes call the shop: one POST, no redirects."""

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

SECONDS = 20.0


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """POST and return the status. Raises OSError or HTTPException when no answer comes."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, dict(headers))
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
