"""A guest signs in: promises of merge_guest_cart, over both stores."""

import pytest

from apps.accounts.models import User
from apps.cart.contents import CartProblem
from apps.cart.owners import CartOwner
from apps.cart.services.carts import add_item, read_cart
from apps.cart.services.merging import merge_guest_cart
from apps.products.models import Product
from core import clock
from core.ids import hash_token, new_token
from tests import factories
from tests.apps.cart.redis_store import BOTH

pytestmark = [pytest.mark.django_db, BOTH]


@pytest.fixture
def token() -> str:
    return new_token()


@pytest.fixture
def guest(token) -> CartOwner:
    return CartOwner(token_hash=hash_token(token))


@pytest.fixture
def own(customer: User) -> CartOwner:
    return CartOwner(user_id=customer.pk)


def put(owner: CartOwner, product: Product, quantity: int) -> None:
    add_item(owner=owner, product_id=product.pk, quantity=quantity, now=clock.now())


def held(owner: CartOwner) -> dict[str, int]:
    return {line.goods.name: line.quantity for line in read_cart(owner=owner).lines}


def merge(token: str, user: User) -> tuple[CartProblem, ...]:
    return merge_guest_cart(token=token, user=user, now=clock.now())


def test_quantities_are_added_and_the_guests_cart_is_gone(customer, token, guest, own):
    shirt, hat = factories.make_product(name="Shirt"), factories.make_product(name="Hat")
    put(own, shirt, 2)
    put(guest, shirt, 3)
    put(guest, hat, 1)
    assert merge(token, customer) == ()
    assert held(own) == {"Shirt": 5, "Hat": 1}
    assert read_cart(owner=guest).id is None


def test_a_second_merge_does_nothing(customer, token, guest, own):
    put(guest, factories.make_product(name="Shirt"), 3)
    merge(token, customer)
    assert merge(token, customer) == ()
    assert held(own) == {"Shirt": 3}


def test_another_account_gets_nothing_of_a_cart_that_was_merged(customer, token, guest):
    put(guest, factories.make_product(), 3)
    merge(token, customer)
    other = factories.make_user()
    merge(token, other)
    assert held(CartOwner(user_id=other.pk)) == {}


def test_an_unknown_token_merges_nothing(customer, own):
    put(own, factories.make_product(name="Shirt"), 1)
    assert merge(new_token(), customer) == ()
    assert held(own) == {"Shirt": 1}


def test_quantities_are_capped_by_stock_and_the_rest_is_reported(customer, token, guest, own):
    shirt = factories.make_product(name="Shirt", stock=4)
    put(own, shirt, 3)
    put(guest, shirt, 3)
    [problem] = merge(token, customer)
    [line] = read_cart(owner=own).lines
    assert line.quantity == 4
    assert problem == CartProblem(
        "out_of_stock", line.item_id, "2 of Shirt were not taken over. Only 4 units are left."
    )


def test_what_cannot_be_bought_any_more_is_reported_and_left_behind(customer, token, guest, own):
    shirt, hat = factories.make_product(name="Shirt", stock=4), factories.make_product(name="Hat")
    put(guest, shirt, 1)
    put(guest, hat, 2)
    factories.set_available(variant_id=factories.default_variant(shirt).pk, quantity=0, reason="test", now=clock.now())
    hat.is_active = False
    hat.save(update_fields=["is_active"])
    assert {(problem.code, problem.item_id, problem.detail) for problem in merge(token, customer)} == {
        ("out_of_stock", None, "1 of Shirt were not taken over. No units are left."),
        ("product_unavailable", None, "2 of Hat were not taken over. It is not on sale any more."),
    }
    assert held(own) == {}


def test_a_users_own_line_is_never_lowered(customer, token, guest, own):
    shirt = factories.make_product(name="Shirt", stock=5)
    put(own, shirt, 5)
    put(guest, shirt, 1)
    factories.set_available(variant_id=factories.default_variant(shirt).pk, quantity=2, reason="test", now=clock.now())
    assert [problem.code for problem in merge(token, customer)] == ["out_of_stock"]
    assert held(own) == {"Shirt": 5}


def test_no_line_grows_above_the_limit_and_no_cart_beyond_its_room(customer, token, guest, own, settings):
    shirt, hat, sock = (factories.make_product(name=name, stock=100) for name in ("Shirt", "Hat", "Sock"))
    put(own, shirt, 4)
    put(guest, shirt, 4)
    put(guest, hat, 1)
    put(guest, sock, 1)
    settings.CART_MAX_QUANTITY, settings.CART_MAX_LINES = 5, 2
    problems = merge(token, customer)
    assert held(own) == {"Shirt": 5, "Hat": 1}
    assert [(problem.code, problem.detail) for problem in problems] == [
        ("cart_limit", "3 of Shirt were not taken over. The cart holds no more."),
        ("cart_limit", "1 of Sock were not taken over. The cart holds no more."),
    ]


def test_a_login_brings_the_guests_cart_along(api, customer, token, guest, own):
    shirt = factories.make_product(name="Shirt", stock=4)
    put(own, shirt, 3)
    put(guest, shirt, 2)
    login = {"email": customer.email, "password": factories.PASSWORD}
    answer = api.post("auth/login/", login, X_Cart_Token=token)
    assert answer.status_code == 200
    assert held(own) == {"Shirt": 4}
    assert api.get("cart/", X_Cart_Token=token).json()["items"] == []
    assert api.post("auth/login/", login, X_Cart_Token=token).status_code == 200
    assert held(own) == {"Shirt": 4}
