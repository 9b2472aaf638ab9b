"""Who is let in, and how long they stay."""

import datetime as dt
from collections.abc import Callable

import pytest

from apps.accounts.errors import InvalidToken
from apps.accounts.models import LoginSession, User
from apps.accounts.services.sign_in import ClientInfo
from apps.accounts.services.tokens import end_all_sessions, start_session
from apps.accounts.states import RevokedReason
from apps.live.services.visitors import Visitor, no_longer_welcome, welcome
from core import clock
from tests.apps.orders.making import checkout, fill_cart, guest
from tests.factories import access_token_of, default_variant, make_product, make_user

pytestmark = pytest.mark.django_db


def enter(token: str = "", order_token: str = "") -> Visitor:
    return welcome(token=token, order_token=order_token, now=clock.now())


def end_sessions(user: User) -> None:
    end_all_sessions(user_id=user.pk, reason=RevokedReason.SIGNED_OUT, now=clock.now())


def close_account(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User) -> None:
    user.set_password("another-long-password")
    user.save()


def test_an_access_token_lets_its_user_in() -> None:
    user = make_user()
    visitor = enter(access_token_of(user))
    assert (visitor.user_id, visitor.order_id, visitor.key) == (str(user.pk), None, str(user.pk))
    assert no_longer_welcome([visitor], now=clock.now()) == []


@pytest.mark.parametrize("end", [end_sessions, close_account, change_password])
def test_who_is_signed_out_is_neither_kept_nor_let_in_again(end: Callable[[User], None]) -> None:
    user, other = make_user(), make_user()
    token = access_token_of(user)
    visitor, unaffected = enter(token), enter(access_token_of(other))
    end(user)
    assert no_longer_welcome([visitor, unaffected], now=clock.now()) == [visitor]
    with pytest.raises(InvalidToken):
        enter(token)


def test_a_token_that_expires_ends_the_visit() -> None:
    visitor = enter(access_token_of(make_user()))
    late = clock.now() + dt.timedelta(minutes=11)
    assert no_longer_welcome([visitor], now=late) == [visitor]


def test_no_other_text_lets_anybody_in() -> None:
    user = make_user()
    pair = start_session(user=user, client=ClientInfo(ip_address=None), now=clock.now())
    forged = pair.access[:-4] + ("AAAA" if pair.access[-4:] != "AAAA" else "BBBB")
    for token in (pair.refresh, forged, "x", "ü", pair.access * 10):
        with pytest.raises(InvalidToken):
            enter(token)
    assert LoginSession.objects.filter(user=user, revoked_at=None).count() == 1


def test_a_guest_is_let_in_to_one_order_by_its_token() -> None:
    owner, _ = guest()
    fill_cart(owner, (default_variant(make_product()), 1))
    placed = checkout(None, owner)
    visitor = enter(order_token=placed.order_token or "")
    assert (visitor.user_id, visitor.order_id) == (None, str(placed.order.pk))
    assert no_longer_welcome([visitor], now=clock.now()) == []
    for token in ("", "wrong", str(placed.order.pk)):
        with pytest.raises(InvalidToken):
            enter(order_token=token)


def test_tokens_do_not_show_when_a_visitor_is_printed() -> None:
    token = access_token_of(make_user())
    assert token not in repr(enter(token))
    assert "canary" not in repr(Visitor(order_id="o", order_token="canary"))
