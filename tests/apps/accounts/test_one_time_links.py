"""One-time links work once, for one purpose, for one person, for a while."""

import datetime as dt
import itertools
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.test import Client

from apps.accounts.errors import InvalidLink
from apps.accounts.models import LoginSession, User
from apps.accounts.one_time_links import make_link, make_token
from apps.accounts.services.activation import deactivate_account
from apps.accounts.services.email_proof import verify_email
from apps.accounts.services.passwords import change_password, reset_password
from apps.accounts.states import LinkPurpose
from core import clock
from core.events.models import OutboxEvent
from tests.apps.accounts.conftest import Clock, Limits
from tests.factories import PASSWORD, access_token_of, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
VERIFY, RESET = LinkPurpose.VERIFY_EMAIL, LinkPurpose.RESET_PASSWORD
NEW_PASSWORD = "quite-another-staple"
ENDPOINTS = {VERIFY: "auth/email/verify/", RESET: "auth/password/reset/confirm/"}


def token_of(user: User, purpose: LinkPurpose, issued_at: dt.datetime | None = None) -> str:
    return make_token(user=User.objects.get(pk=user.pk), purpose=purpose, issued_at=issued_at or clock.now())


def use(purpose: LinkPurpose, token: str, user: User | None = None):
    """Send a token to a purpose's endpoint, signed in as the user if one is given."""
    client = ApiClient(Client(), access=access_token_of(user) if user else "", base="/api/v2/")
    body = {"token": token} | ({"password": NEW_PASSWORD} if purpose is RESET else {})
    return client.post(ENDPOINTS[purpose], body)


def state_of(user: User) -> tuple[object, ...]:
    return tuple(User.objects.filter(pk=user.pk).values_list("email", "password", "email_verified_at", "token_version"))


def refuses(purpose: LinkPurpose, token: str, user: User, signed_in: User | None = None) -> None:
    before, events = state_of(user), OutboxEvent.objects.count()
    response = use(purpose, token, signed_in)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_link")
    assert (state_of(user), OutboxEvent.objects.count()) == (before, events)


def test_a_link_proves_the_address_once(customer: User) -> None:
    token = token_of(customer, VERIFY)
    assert use(VERIFY, token).status_code == 204
    customer.refresh_from_db()
    assert customer.email_verified_at is not None
    refuses(VERIFY, token, customer)
    event = OutboxEvent.objects.get(name="accounts.email_verified")
    assert event.payload["is_account_proven"] is False


def test_who_is_signed_in_proves_the_account_as_well(customer: User) -> None:
    assert use(VERIFY, token_of(customer, VERIFY), customer).status_code == 204
    assert OutboxEvent.objects.get(name="accounts.email_verified").payload["is_account_proven"] is True


def test_a_link_sets_a_new_password_once_and_ends_every_sign_in(customer: User) -> None:
    old = ApiClient(Client(), access=access_token_of(customer), base="/api/v2/")
    token = token_of(customer, RESET)
    assert use(RESET, token).status_code == 204
    customer.refresh_from_db()
    assert customer.check_password(NEW_PASSWORD)
    assert customer.email_verified_at is not None
    assert old.get("users/me/").status_code == 401
    assert LoginSession.objects.filter(user=customer, revoked_at=None).count() == 0
    names = list(OutboxEvent.objects.order_by("id").values_list("name", flat=True))
    assert names == ["accounts.password_changed", "accounts.email_verified"]
    refuses(RESET, token, customer)


def test_a_weak_password_leaves_the_link_good(customer: User) -> None:
    token = token_of(customer, RESET)
    client = ApiClient(Client(), base="/api/v2/")
    response = client.post(ENDPOINTS[RESET], {"token": token, "password": "12345678"})
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {"password"}
    assert use(RESET, token).status_code == 204


@pytest.mark.parametrize(("made_for", "used_for"), [(VERIFY, RESET), (RESET, VERIFY)])
def test_a_link_is_not_taken_for_another_kind(customer: User, made_for: LinkPurpose, used_for: LinkPurpose) -> None:
    refuses(used_for, token_of(customer, made_for), customer)


@pytest.mark.parametrize("path", ["auth/token/refresh/", "auth/token/verify/"])
@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_is_no_token(customer: User, purpose: LinkPurpose, path: str) -> None:
    token = token_of(customer, purpose)
    client = ApiClient(Client(), base="/api/v2/")
    assert client.post(path, {"token": token, "refresh": token}).status_code == 401
    assert ApiClient(Client(), access=token, base="/api/v2/").get("users/me/").status_code == 401


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_sign_in_token_is_no_link(customer: User, purpose: LinkPurpose) -> None:
    refuses(purpose, access_token_of(customer), customer)


def test_nobody_else_uses_a_link_that_proves_an_address(customer: User) -> None:
    refuses(VERIFY, token_of(customer, VERIFY), customer, signed_in=make_user())


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_dies_with_the_address(customer: User, purpose: LinkPurpose) -> None:
    token = token_of(customer, purpose)
    User.objects.filter(pk=customer.pk).update(email="moved@example.com")
    refuses(purpose, token, customer)


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_dies_with_the_password(customer: User, purpose: LinkPurpose) -> None:
    token = token_of(customer, purpose)
    change_password(user=customer, password="yet-another-password", now=clock.now())
    refuses(purpose, token, customer)


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_of_a_closed_account_is_dead_also_after_it_is_opened_again(customer: User, purpose: LinkPurpose) -> None:
    token = token_of(customer, purpose)
    deactivate_account(user_id=customer.pk, now=clock.now())
    refuses(purpose, token, customer)
    User.objects.filter(pk=customer.pk).update(is_active=True)
    refuses(purpose, token, customer)


@pytest.mark.parametrize(("purpose", "minutes"), [(RESET, 60), (VERIFY, 72 * 60)])
def test_a_link_is_good_up_to_its_last_minute(customer: User, time: Clock, purpose: LinkPurpose, minutes: int) -> None:
    token, other = token_of(customer, purpose), token_of(make_user(), purpose)
    time.advance(minutes=minutes, seconds=-1)
    assert use(purpose, token).status_code == 204
    time.advance(seconds=2)
    response = use(purpose, other)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_link")


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_every_changed_character_breaks_the_link(customer: User, purpose: LinkPurpose) -> None:
    token = token_of(customer, purpose)
    act: dict[LinkPurpose, Callable[[str], object]] = {
        VERIFY: lambda text: verify_email(token=text, signed_in=None, now=clock.now()),
        RESET: lambda text: reset_password(token=text, password=NEW_PASSWORD, now=clock.now()),
    }
    for position in range(len(token)):
        changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        with pytest.raises(InvalidLink):
            act[purpose](changed)
    assert OutboxEvent.objects.count() == 0


@pytest.mark.parametrize(
    "text", ["", " ", "x", "A" * 76, "=" * 76, "é" * 76, "_" * 76, "A" * 2_048, "\x00" * 76, "~" * 76]
)
@pytest.mark.parametrize("purpose", LinkPurpose)
def test_text_that_is_no_token_is_refused(customer: User, purpose: LinkPurpose, text: str) -> None:
    before = state_of(customer)
    assert use(purpose, text).status_code == 400
    assert state_of(customer) == before


def test_a_link_of_an_account_that_never_was_is_refused(customer: User) -> None:
    customer.pk = uuid.uuid4()
    with pytest.raises(InvalidLink):
        token = make_token(user=customer, purpose=RESET, issued_at=clock.now())
        reset_password(token=token, password=NEW_PASSWORD, now=clock.now())


@pytest.mark.parametrize(
    ("host", "forwarded"),
    list(itertools.product(["127.0.0.1", "localhost:9"], ["evil.example.com", "evil.example.com:80"])),
)
def test_a_link_leads_to_the_configured_storefront_whatever_the_request_says(
    customer: User, settings: LazySettings, host: str, forwarded: str
) -> None:
    settings.STOREFRONT_URL = "https://shop.example.com/front/"
    client = Client(headers={"Host": host, "X-Forwarded-Host": forwarded})
    sent = client.post("/api/v2/auth/password/reset/", {"email": customer.email}, content_type="application/json")
    assert sent.status_code == 202
    link = make_link(user=customer, purpose=RESET, issued_at=clock.now())
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "shop.example.com", "/front/account/reset-password")
    assert parts.query == ""
    assert parts.fragment.startswith("token=")


@pytest.mark.parametrize("path", ["auth/password/reset/", "auth/email/verify/resend/"])
def test_asking_for_a_link_tells_nobody_who_has_an_account(path: str, django_assert_num_queries) -> None:
    known, unknown = make_user(email="ada@example.com"), "bob@example.com"
    answers = []
    for email in (known.email, unknown):
        client = ApiClient(Client(), base="/api/v2/")
        with django_assert_num_queries(3):  # the event, and the savepoint of this test around it
            answers.append(client.post(path, {"email": email}, X_Request_ID="the-same-for-both"))
    first, second = answers
    assert (first.status_code, first.content) == (202, second.content)
    assert second.status_code == 202
    assert dict(first.headers) == dict(second.headers)
    events = OutboxEvent.objects.order_by("id")
    assert [event.payload["email"] for event in events] == ["ada@example.com", "bob@example.com"]


@pytest.mark.parametrize("path", ["auth/password/reset/", "auth/email/verify/resend/"])
def test_one_address_is_sent_ten_links_an_hour_whether_it_has_an_account_or_not(path: str, limits: Limits) -> None:
    limits(login="1000/minute", link_mail="10/hour")
    known = make_user(email=f"{uuid.uuid4().hex}@example.com")
    for email in (known.email, f"{uuid.uuid4().hex}@example.com"):
        client = ApiClient(Client(), base="/api/v2/")
        statuses = [client.post(path, {"email": email.upper()}).status_code for _ in range(11)]
        assert statuses == [202] * 10 + [429]


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_guessing_links_is_limited_as_signing_in_is(purpose: LinkPurpose, limits: Limits, from_address) -> None:
    limits(login="3/minute")
    headers = from_address()
    client = ApiClient(Client(), base="/api/v2/")
    body = {"token": "A" * 76, "password": NEW_PASSWORD}
    statuses = [client.post(ENDPOINTS[purpose], body, **headers).status_code for _ in range(4)]
    assert statuses == [400, 400, 400, 429]


def test_no_event_and_no_row_holds_a_token_or_a_password(customer: User) -> None:
    token = token_of(customer, RESET)
    ApiClient(Client(), base="/api/v2/").post("auth/password/reset/", {"email": customer.email})
    assert use(RESET, token).status_code == 204
    written = str(list(OutboxEvent.objects.values()))
    for secret in (token, NEW_PASSWORD, PASSWORD, customer.password):
        assert secret not in written
