"""The grouped paths of accounts and notifications answer under /api/, and so does what stands under /api/v2/."""

import uuid

import pytest
from django.test import Client

from apps.accounts.models import User
from tests.factories import access_token_of
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
ID = uuid.UUID("0198f000-0000-7000-8000-000000000000")
GROUPED = [
    ("post", "auth/register/", 400),
    ("post", "auth/login/", 400),
    ("post", "auth/token/refresh/", 400),
    ("post", "auth/token/verify/", 400),
    ("get", "auth/users/me/", 200),
    ("patch", "auth/users/me/", 200),
    ("get", "auth/addresses/", 200),
    ("post", "auth/addresses/", 400),
    ("get", f"auth/addresses/{ID}/", 404),
    ("patch", f"auth/addresses/{ID}/", 404),
    ("delete", f"auth/addresses/{ID}/", 404),
    ("get", "notifications/", 200),
    ("post", f"notifications/{ID}/mark_read/", 404),
    ("post", "notifications/mark_all_read/", 200),
    ("get", "notifications/unread_count/", 200),
]
EXTENDED = [
    ("post", "auth/register/", 400),
    ("post", "auth/login/", 400),
    ("post", "auth/token/refresh/", 400),
    ("post", "auth/token/verify/", 400),
    ("post", "auth/logout/", 400),
    ("post", "auth/password/change/", 400),
    ("post", "auth/password/reset/", 400),
    ("post", "auth/password/reset/confirm/", 400),
    ("post", "auth/email/verify/", 400),
    ("post", "auth/email/verify/resend/", 400),
    ("get", "users/me/", 200),
    ("patch", "users/me/", 200),
    ("get", "addresses/", 200),
    ("get", "notifications/", 200),
    ("post", f"notifications/{ID}/mark_read/", 404),
    ("post", "notifications/mark_all_read/", 200),
    ("get", "notifications/unread_count/", 200),
    ("get", "notifications/preferences/", 200),
    ("put", "notifications/preferences/", 400),
]


def answer(customer: User, base: str, method: str, path: str) -> int:
    client = ApiClient(Client(), access=access_token_of(customer), base=base)
    response = client.get(path) if method == "get" else getattr(client, method)(path, {})
    assert response.headers["Content-Type"] in {"application/json", "application/problem+json"}
    return response.status_code


@pytest.mark.parametrize(("method", "path", "status"), GROUPED)
def test_every_grouped_path_answers(customer: User, method: str, path: str, status: int) -> None:
    assert answer(customer, "/api/", method, path) == status


@pytest.mark.parametrize(("method", "path", "status"), EXTENDED)
def test_every_extended_path_answers(customer: User, method: str, path: str, status: int) -> None:
    assert answer(customer, "/api/v2/", method, path) == status
