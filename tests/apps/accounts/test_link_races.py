"""One link, one password, one order: used by twenty at once, on real connections."""

from collections import Counter
from collections.abc import Callable

import pytest
from django.db.models import QuerySet

from apps.accounts.errors import InvalidAccount, InvalidLink
from apps.accounts.models import User
from apps.accounts.one_time_links import make_token
from apps.accounts.services.email_proof import verify_email
from apps.accounts.services.passwords import change_own_password, reset_password
from apps.accounts.services.tokens import ClientInfo
from apps.accounts.states import LinkPurpose
from apps.orders.services.claiming import claim_guest_orders
from core import clock
from core.events.models import OutboxEvent
from tests.apps.accounts.test_races import at_once
from tests.apps.orders.making import checkout, fill_cart, guest
from tests.factories import PASSWORD, default_variant, make_product, make_shipping, make_user

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
USES = 20


def outcomes(results: list[object]) -> Counter[str]:
    return Counter(type(result).__name__ if isinstance(result, Exception) else "done" for result in results)


def verifier(user: User) -> Callable[[int], object]:
    token = make_token(user=user, purpose=LinkPurpose.VERIFY_EMAIL, issued_at=clock.now())
    return lambda _: verify_email(token=token, signed_in=user, now=clock.now())


def resetter(user: User) -> Callable[[int], object]:
    token = make_token(user=user, purpose=LinkPurpose.RESET_PASSWORD, issued_at=clock.now())
    return lambda number: reset_password(token=token, password=f"new-password-{number}", now=clock.now())


@pytest.mark.parametrize("make", [verifier, resetter])
def test_twenty_uses_of_one_link_are_one_success(make: Callable[[User], Callable[[int], object]]) -> None:
    user = make_user()
    results = at_once(make(user), clients=USES)
    assert outcomes(results) == {"done": 1, InvalidLink.__name__: USES - 1}
    assert OutboxEvent.objects.filter(name="accounts.email_verified").count() == 1


def test_control_without_the_condition_one_link_sets_many_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = QuerySet.filter

    def forgetful(rows, *args, **conditions):
        if rows.model is User and "password" in conditions:
            conditions = {"pk": conditions["pk"]}
        return plain(rows, *args, **conditions)

    monkeypatch.setattr(QuerySet, "filter", forgetful)
    results = at_once(resetter(make_user()), clients=USES)
    assert outcomes(results)["done"] > 1


def test_twenty_changes_of_one_password_are_one_success() -> None:
    user = make_user()

    def change(number: int) -> object:
        client = ClientInfo(ip_address=None)
        return change_own_password(
            user=user, current_password=PASSWORD, password=f"new-password-{number}", client=client, now=clock.now()
        )

    results = at_once(change, clients=USES)
    assert outcomes(results) == {"done": 1, InvalidAccount.__name__: USES - 1}
    winner = next(number for number, result in enumerate(results) if not isinstance(result, Exception))
    user.refresh_from_db()
    assert user.check_password(f"new-password-{winner}")
    assert user.token_version == 1


def test_twenty_claims_at_once_move_each_order_once() -> None:
    make_shipping()
    goods = default_variant(make_product(stock=100))
    for _ in range(5):
        checkout(None, fill_cart(guest()[0], (goods, 1)), email="ada@example.com")
    user = make_user(email="ada@example.com", email_verified_at=clock.now())
    results = at_once(lambda _: claim_guest_orders(user_id=user.pk, email=user.email, now=clock.now()), clients=USES)
    assert sum(results) == 5
    assert OutboxEvent.objects.filter(name="orders.claimed").count() == 5
