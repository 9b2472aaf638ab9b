"""People choose what they are told and how; what keeps their account safe is always sent."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services.passwords import change_password
from apps.notifications.models import OptOut
from core import clock
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order
from tests.factories import access_token_of, make_admin, make_seller, make_shipping, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
CUSTOMER_KINDS = [
    "order_confirmed", "order_paid", "order_shipped", "order_tracking_changed", "order_delivered",
    "order_cancelled", "order_revived", "order_refunded", "review_request", "account_security",
]  # fmt: skip
SELLER_KINDS = [*CUSTOMER_KINDS[:-1], "new_order", "low_stock", "account_security"]
ADMIN_KINDS = [
    *SELLER_KINDS[:-1], "escalation", "money_went_back", "dead_letter", "webhook_disabled", "account_security",
]  # fmt: skip


def client_of(user: User) -> ApiClient:
    return ApiClient(Client(), access=access_token_of(user), base="/api/v2/notifications/")


def save(user: User, *wishes: dict[str, Any]):
    return client_of(user).put("preferences/", {"preferences": list(wishes)})


def rows(user: User) -> list[tuple[str, str]]:
    return list(OptOut.objects.filter(user=user).order_by("kind", "channel").values_list("kind", "channel"))


@pytest.mark.parametrize(
    ("make", "kinds"), [(make_user, CUSTOMER_KINDS), (make_seller, SELLER_KINDS), (make_admin, ADMIN_KINDS)]
)
def test_everybody_is_told_of_what_concerns_them(make: Any, kinds: list[str]) -> None:
    shown = client_of(make()).get("preferences/").json()["preferences"]
    assert [entry["kind"] for entry in shown] == kinds
    assert shown[0] == {"kind": "order_confirmed", "in_app": True, "mail": True, "is_locked": False}
    assert shown[-1] == {"kind": "account_security", "in_app": None, "mail": True, "is_locked": True}


def test_what_is_switched_off_stays_off_until_it_is_left_out(customer: User) -> None:
    answer = save(customer, {"kind": "order_paid", "mail": False}, {"kind": "order_shipped", "in_app": False})
    assert answer.status_code == 200
    assert answer.json() == client_of(customer).get("preferences/").json()
    by_kind = {entry["kind"]: entry for entry in answer.json()["preferences"]}
    assert (by_kind["order_paid"]["in_app"], by_kind["order_paid"]["mail"]) == (True, False)
    assert (by_kind["order_shipped"]["in_app"], by_kind["order_shipped"]["mail"]) == (False, True)
    assert rows(customer) == [("order_paid", "mail"), ("order_shipped", "in_app")]
    assert save(customer, {"kind": "order_paid", "mail": True}).status_code == 200
    assert rows(customer) == []


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"kind": "account_security", "mail": False}, "locked"),
        ({"kind": "low_stock", "mail": False}, "invalid_choice"),
        ({"kind": "escalation", "in_app": False}, "invalid_choice"),
        ({"kind": "nonsense", "mail": False}, "invalid_choice"),
        ({"kind": "order_paid", "mail": "no"}, "invalid"),
        ({"mail": False}, "required"),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_changes_nothing(customer: User, wish: dict[str, Any], code: str) -> None:
    save(customer, {"kind": "order_paid", "mail": False})
    answer = save(customer, {"kind": "order_shipped", "mail": False}, wish)
    assert (answer.status_code, {error["code"] for error in answer.json()["errors"]}) == (400, {code})
    assert rows(customer) == [("order_paid", "mail")]


def test_wishes_are_ones_own(customer: User) -> None:
    other = make_user()
    save(customer, {"kind": "order_paid", "mail": False})
    save(other, {"kind": "order_shipped", "mail": False})
    assert (rows(customer), rows(other)) == ([("order_paid", "mail")], [("order_shipped", "mail")])


def test_no_mail_of_a_kind_goes_to_whoever_does_not_want_it(customer: User, seller: User) -> None:
    make_shipping()
    save(customer, {"kind": "order_confirmed", "mail": False})
    make_order(user=customer, payment_method="cod")
    make_order(user=make_user(email="other@example.com"), payment_method="cod")
    deliver_all_due()
    confirmations = [m.to for m in mail.outbox if m.extra_headers["Message-ID"].startswith("<order_confirmation.")]
    assert confirmations == [["other@example.com"]]


def test_a_changed_password_is_told_whatever_was_chosen(customer: User) -> None:
    OptOut.objects.create(user=customer, kind="account_security", channel="mail")  # no API writes such a row
    change_password(user=customer, password="quite-another-staple", now=clock.now())
    deliver_all_due()
    (message,) = mail.outbox
    assert (message.to, message.subject) == ([customer.email], "Your password was changed")
