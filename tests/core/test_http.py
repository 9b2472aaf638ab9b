"""What every answer of the shop has: a problem for a refusal, an id, safe headers, an ETag."""

import re
import secrets
from io import BytesIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client, RequestFactory

from core.api.middleware import best_language, drain, matches
from core.api.problems import _PLAIN, problem

pytestmark = pytest.mark.django_db
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}


@pytest.mark.parametrize("path", ["/api/nothing/", "/api/v1/nothing/", "/api/v9/", "/nothing/"])
def test_an_unknown_path_is_a_problem_never_html(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert set(body) == PROBLEM_MEMBERS
    assert (body["status"], body["code"], body["errors"]) == (404, "not_found", [])
    assert body["request_id"] == response["X-Request-ID"]


def test_a_bad_token_is_told_in_a_header_and_not_in_the_document(client: Client) -> None:
    response = client.get("/api/v1/auth/profile/", headers={"Authorization": "Bearer not-a-token"})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert set(response.json()) == PROBLEM_MEMBERS


def test_a_limit_is_told_in_headers_and_not_in_the_document(client: Client, settings: LazySettings) -> None:
    settings.THROTTLE_ENABLED = True
    settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, "refresh": "1/hour"}
    address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"  # of its own: Redis keeps counts over runs
    first, second = (
        client.post("/api/v1/auth/refresh/", {}, content_type="application/json", REMOTE_ADDR=address) for _ in "12"
    )
    assert (first.status_code, second.status_code) == (400, 429)
    assert int(second["Retry-After"]) > 0
    assert second["RateLimit-Policy"] == '"refresh";q=1;w=3600'
    assert set(second.json()) == PROBLEM_MEMBERS


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ["/api/v1/products", "/api/cart/add", "/api/v2/addresses"])
def test_a_forgotten_last_slash_is_pointed_out(client: Client, method: str, path: str) -> None:
    response = getattr(client, method)(path)
    assert response.status_code == 404
    assert response.json()["detail"] == f"Paths end with a slash: {path}/"


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v1/products/nothing", "/api/a%0A"]
)
def test_a_slash_is_not_blamed_for_a_path_that_is_unknown_anyway(client: Client, path: str) -> None:
    assert client.get(path).json()["detail"] == "Not found"


def test_a_well_formed_request_id_is_kept_and_another_is_replaced(client: Client) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "my-trace.0001"})["X-Request-ID"] == "my-trace.0001"
    for bad in ("short", "a" * 129, "white space here", "semi;colon", "4242-4242-4242-4242"):
        given = client.get("/healthz", headers={"X-Request-ID": bad})["X-Request-ID"]
        assert given != bad
        assert re.fullmatch(r"[0-9a-f-]{36}", given)


def test_a_method_that_is_not_offered_names_those_that_are(client: Client) -> None:
    response = client.put("/api/v1/auth/login/")
    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"
    assert response.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/healthz", "/readyz", "/metrics", "/problems/out-of-stock/", "/api/health_check", "/api/health_check/"),
        *("/api/docs/", "/api/redoc/", "/api/schema/", "/api/schema/?version=v2"),
    ],
)
def test_a_page_refuses_other_methods_with_a_problem_in_json(client: Client, path: str) -> None:
    response = client.post(path)
    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"
    assert set(response.json()) == PROBLEM_MEMBERS
    assert {"GET", "HEAD"} <= set(response["Allow"].split(", "))


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("get", "/api/nothing/", {}),
        ("put", "/api/v1/cart/", {}),
        ("get", "/api/v1/cart/", {"headers": {"Accept": "image/png"}}),
        ("get", "/api/v1/cart/", {"headers": {"Host": "evil.example"}}),
        ("get", "/api/v1/orders/", {}),
        ("post", "/api/v1/auth/login/", {"data": "{", "content_type": "application/json"}),
        ("post", "/api/v1/auth/login/", {"data": "{}", "content_type": "application/json"}),
        ("post", "/api/v1/auth/login/", {"data": "a=b", "content_type": "text/plain"}),
    ],
)
def test_the_type_of_a_problem_leads_to_a_page_or_nowhere(
    client: Client, method: str, path: str, options: dict[str, Any]
) -> None:
    kind = getattr(client, method)(path, **options).json()["type"]
    assert kind == "about:blank" or client.get(kind).status_code == 200


@pytest.mark.parametrize("number", _PLAIN)
def test_what_a_bare_status_becomes_leads_to_a_page_or_nowhere(client: Client, number: int) -> None:
    kind = problem(number)["type"]
    assert kind == "about:blank" or client.get(kind).status_code == 200


def test_a_foreign_media_type_is_415(client: Client) -> None:
    response = client.post("/api/v1/auth/login/", b"<xml/>", content_type="text/xml")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b'"text"',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"\xff\xfe",
        b'{"a":' * 30 + b"1" + b"}" * 30,
    ],
)
def test_a_body_that_is_no_json_object_is_400(client: Client, body: bytes) -> None:
    response = client.post("/api/v1/auth/login/", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "malformed")


def test_a_body_over_the_limit_is_413(client: Client) -> None:
    response = client.post("/api/v1/auth/login/", b" " * (1024 * 1024 + 1), content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_body_in_chunks_is_refused_rather_than_taken_for_empty(client: Client) -> None:
    response = client.generic("POST", "/api/v1/cart/add/", headers={"Transfer-Encoding": "chunked"})
    assert (response.status_code, response.json()["code"]) == (411, "length_required")
    assert set(response.json()) == PROBLEM_MEMBERS


def test_a_host_that_is_not_ours_is_refused(client: Client) -> None:
    response = client.get("/api/v1/products/", headers={"Host": "evil.example"})
    assert (response.status_code, response.json()["code"]) == (400, "host_not_allowed")


def test_every_answer_carries_the_safe_headers(client: Client) -> None:
    response = client.get("/api/v1/cart/")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert response["Cache-Control"] == "private, no-store"


def test_an_unchanged_resource_is_304(client: Client) -> None:
    first = client.get("/api/v1/categories/")
    assert first.status_code == 200
    second = client.get("/api/v1/categories/", headers={"If-None-Match": first["ETag"]})
    assert (second.status_code, second.content) == (304, b"")
    assert client.get("/api/v1/categories/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_an_unchanged_resource_is_304_for_a_client_that_takes_gzip_too(client: Client) -> None:
    first = client.get("/api/health_check/", headers={"Accept-Encoding": "gzip"})
    long = client.get("/api/schema/?version=v1", headers={"Accept-Encoding": "gzip"})
    assert long["Content-Encoding"] == "gzip"
    for response, path in ((first, "/api/health_check/"), (long, "/api/schema/?version=v1")):
        headers = {"Accept-Encoding": "gzip", "If-None-Match": response["ETag"]}
        assert client.get(path, headers=headers).status_code == 304


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", False), ('"a"', True), ('W/"a"', True), ('"b", "a"', True), ('"b"', False), ("*", True), ('"a-gzip"', True)],
)
def test_if_none_match_is_compared_weakly(header: str, expected: bool) -> None:
    assert matches(header, '"a"') is expected


def test_plain_http_is_refused_by_the_api_where_https_is_required(client: Client, settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/api/v1/products/").json()["code"] == "https_required"
    assert client.get("/").status_code == 301
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("bn", "bn"),
        ("ar-EG;q=0.8, de", "de"),
        ("xx, fr;q=0.5", "fr"),
        ("*", "en"),
        ("x" * 5000, "en"),
        (";;,,", "en"),
    ],
)
def test_the_language_follows_the_header_as_far_as_we_speak_it(header: str, language: str) -> None:
    assert best_language(header) == language


def test_the_answer_says_its_language(client: Client) -> None:
    assert client.get("/api/v1/products/", headers={"Accept-Language": "bn-BD"})["Content-Language"] == "bn"


@pytest.mark.parametrize("path", ["/api/health_check", "/api/health_check/"])
def test_health_tells_each_parts_state(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.json()["parts"]["database"] == "ok"
    assert response.json()["parts"]["outbox"] == "ok"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/metrics", "/api/docs/", "/api/redoc/", "/api/docs/redoc/", "/admin/login/"]
)
def test_the_pages_answer_and_load_nothing_from_elsewhere(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert re.findall(r'(?:src|href)="(https?:)?//', response.content.decode()) == []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_schema_of_each_version_is_served(client: Client, version: str) -> None:
    response = client.get(f"/api/schema/?version={version}", headers={"Accept": "application/json"})
    assert response.status_code == 200
    assert response.json()["openapi"].startswith("3.")
    assert all(path.startswith(f"/api/{version}/") for path in response.json()["paths"])


def test_an_unknown_schema_version_is_400(client: Client) -> None:
    response = client.get("/api/schema/?version=v9")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "version")


def test_a_body_that_no_view_reads_is_read_to_its_end() -> None:
    body = BytesIO(b'{"a": 1}')
    request = RequestFactory().generic("POST", "/api/v1/cart/clear/", b"", content_type="application/json")
    request.META |= {"CONTENT_LENGTH": "8", "wsgi.input": body}
    drain(WSGIRequest(request.META))
    assert body.read() == b""


def test_a_payer_who_comes_back_to_a_shop_without_a_front_sees_where_to_look(client: Client) -> None:
    payment = "01a1f9c5-3b21-755b-be7c-1e58c0f973de"
    page = client.get("/checkout/return", {"payment": payment, "outcome": "success"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"/api/v2/payments/{payment}/" in page.content.decode()
    odd = client.get("/checkout/return", {"payment": "<script>", "outcome": "<script>"})
    assert (odd.status_code, "<script>" in odd.content.decode()) == (200, False)
