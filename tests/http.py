"""A thin client of the API for tests: JSON in, JSON out, headers by name."""

import dataclasses
import json
from typing import Any

from django.http import HttpResponse
from django.test import Client


@dataclasses.dataclass
class ApiClient:
    """Sends JSON below `base`. `access`, `cart_token` and `order_token` become headers."""

    client: Client
    access: str = ""
    cart_token: str = ""
    order_token: str = ""
    base: str = "/api/v1/"

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self._send("GET", path, None, headers)

    def post(self, path: str, data: Any = None, **headers: str) -> HttpResponse:
        return self._send("POST", path, data, headers)

    def put(self, path: str, data: Any = None, **headers: str) -> HttpResponse:
        return self._send("PUT", path, data, headers)

    def patch(self, path: str, data: Any = None, **headers: str) -> HttpResponse:
        return self._send("PATCH", path, data, headers)

    def delete(self, path: str, data: Any = None, **headers: str) -> HttpResponse:
        return self._send("DELETE", path, data, headers)

    def _send(self, method: str, path: str, data: Any, headers: dict[str, str]) -> HttpResponse:
        url = path if path.startswith("/") else self.base + path
        body = b"" if data is None else json.dumps(data).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.access:
            named.setdefault("Authorization", f"Bearer {self.access}")
        if self.cart_token:
            named.setdefault("X-Cart-Token", self.cart_token)
        if self.order_token:
            named.setdefault("X-Order-Token", self.order_token)
        return self.client.generic(method, url, body, content_type="application/json", headers=named)  # type: ignore[return-value]
