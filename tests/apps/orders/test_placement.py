"""A cart becomes an order: whole, at frozen prices, or not at all."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.db import IntegrityError
from pytest_django import DjangoAssertNumQueries, Settings

from apps.accounts.models import User
from apps.cart.errors import CartEmpty, CartHasProblems
from apps.cart.services.carts import read_cart
from apps.inventory.errors import OutOfStock
from apps.inventory.services.stock import set_available
from apps.orders.errors import (
    CartAlreadyOrdered,
    EmailRequired,
    OrderNumberTaken,
    OrderTooLarge,
    PaymentMethodNotOffered,
    TotalChanged,
)
from apps.orders.models import Order, OrderItem
from apps.orders.services import placement
from apps.orders.services.numbers import new_order_number
from apps.pricing.models import TaxRate
from core import clock
from core.events.models import OutboxEvent
from core.ids import hash_token
from tests.apps.orders.making import (
    checkout,
    fill_cart,
    guest,
    history,
    news,
    nothing_was_ordered,
    stock_of,
)
from tests.factories import ADDRESS, default_variant, make_product, make_seller, make_shipping, make_user, make_variant

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)


def test_order_holds_what_was_in_the_cart_at_todays_prices(customer: User) -> None:
    shirt, mug = default_variant(make_product(price="19.99", name="Shirt")), default_variant(make_product(price="7.50"))
    make_shipping(code="standard", price="4.90")
    TaxRate.objects.create(name="Texas", country="US", state="TX", rate=Decimal("0.10"), applies_to_shipping=False)

    placed = checkout(customer, fill_cart(customer, (shirt, 3), (mug, 2)), NOW, notes="Ring twice", language="de")

    order = Order.objects.get()
    assert (order.subtotal, order.discount_amount, order.shipping_cost) == (Decimal("74.97"), 0, Decimal("4.90"))
    assert (order.tax_amount, order.total_amount, order.currency) == (Decimal("7.50"), Decimal("87.37"), "USD")
    assert (order.user, order.email, order.notes, order.language) == (customer, customer.email, "Ring twice", "de")
    assert (order.shipping_method_code, order.shipping_method_name) == ("standard", "Standard")
    assert order.shipping_address == order.billing_address == ADDRESS
    assert order.order_token_hash is None
    assert placed.order_token is None
    lines = [(item.position, item.name, item.quantity, item.unit_price, item.total) for item in order.items.all()]
    assert lines == [
        (0, "Shirt", 3, Decimal("19.99"), Decimal("59.97")),
        (1, mug.product.name, 2, Decimal("7.50"), Decimal("15.00")),
    ]
    assert [item.seller_id for item in order.items.all()] == [shirt.product.seller_id, mug.product.seller_id]
    assert [item.tax_amount for item in order.items.all()] == [Decimal("6.00"), Decimal("1.50")]
    assert "tax.shipping" in [step["rule"] for step in order.pricing_steps]


def test_later_changes_of_the_catalogue_leave_the_order_alone(customer: User) -> None:
    variant = default_variant(make_product(price="10.00", name="Old name"))
    placed = checkout(customer, fill_cart(customer, (variant, 1)))

    variant.product.name = "New name"
    variant.product.save()
    variant.price = Decimal("99.00")
    variant.save()

    item = OrderItem.objects.get(order=placed.order)
    assert (item.name, item.unit_price, item.total) == ("Old name", Decimal("10.00"), Decimal("10.00"))


def test_stock_is_reserved_and_the_cart_is_empty(customer: User) -> None:
    variant = default_variant(make_product(stock=10))
    owner = fill_cart(customer, (variant, 3))

    checkout(customer, owner)

    assert stock_of(variant) == (10, 3)
    assert read_cart(owner=owner).lines == ()


def test_cash_on_delivery_is_confirmed_at_once(customer: User) -> None:
    order = checkout(customer, fill_cart(customer, (default_variant(make_product()), 1)), NOW).order

    assert (order.status, order.payment_status, order.confirmed_at, order.expires_at) == (
        "confirmed", "pending", NOW, None,
    )  # fmt: skip
    assert history(order) == [("", "pending", "placed"), ("pending", "confirmed", "placed")]
    assert history(order, "payment_status") == [("", "pending", "placed")]
    assert news(order) == ["orders.placed", "orders.confirmed"]


def test_other_payment_methods_wait_for_the_payment(customer: User, settings: Settings) -> None:
    settings.ORDER_EXPIRY_MINUTES = 45
    owner = fill_cart(customer, (default_variant(make_product()), 1))

    order = checkout(customer, owner, NOW, payment_method="simulated").order

    assert (order.status, order.confirmed_at) == ("pending", None)
    assert order.expires_at == NOW + dt.timedelta(minutes=45)
    assert history(order) == [("", "pending", "placed")]
    assert news(order) == ["orders.placed"]


def test_placed_event_carries_what_a_mail_needs(customer: User) -> None:
    owner = fill_cart(customer, (default_variant(make_product(price="12.50")), 2))

    order = checkout(customer, owner, language="ar").order

    assert OutboxEvent.objects.get(name="orders.placed").payload == {
        "order_id": str(order.pk),
        "order_number": order.order_number,
        "user_id": str(customer.pk),
        "email": customer.email,
        "language": "ar",
        "payment_method": "cod",
        "total_amount": "25.00",
        "currency": "USD",
    }


def test_guest_gets_a_token_that_is_stored_hashed() -> None:
    owner, _ = guest()
    fill_cart(owner, (default_variant(make_product()), 1))

    placed = checkout(None, owner, email="ada@example.com")

    assert placed.order_token is not None
    assert len(placed.order_token) == 43
    order = Order.objects.get()
    assert (order.user, order.email) == (None, "ada@example.com")
    assert order.order_token_hash == hash_token(placed.order_token)


def test_two_addresses_are_kept_apart(customer: User) -> None:
    billing = {**ADDRESS, "full_name": "The Firm", "city": "Dallas"}
    owner = fill_cart(customer, (default_variant(make_product()), 1))

    order = checkout(customer, owner, billing_address=billing).order

    assert (order.shipping_address["city"], order.billing_address["city"]) == ("Austin", "Dallas")


def test_order_numbers_are_readable_and_differ() -> None:
    numbers = {new_order_number() for _ in range(1_000)}

    assert len(numbers) == 1_000
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", number) for number in numbers)


def test_expected_total_that_is_right_changes_nothing(customer: User) -> None:
    owner = fill_cart(customer, (default_variant(make_product(price="10.00")), 2))

    assert checkout(customer, owner, expected_total=Decimal("20")).order.total_amount == Decimal("20.00")


def test_expected_total_that_differs_is_refused_with_both_figures(customer: User) -> None:
    variant = default_variant(make_product(price="10.00"))
    owner = fill_cart(customer, (variant, 2))

    with pytest.raises(TotalChanged) as refusal:
        checkout(customer, owner, expected_total=Decimal("19.99"))

    assert refusal.value.extra == {"expected_total": "19.99", "total_amount": "20.00", "currency": "USD"}
    _assert_untouched(customer, variant, units=2)


def test_empty_cart_is_refused(customer: User) -> None:
    with pytest.raises(CartEmpty):
        checkout(customer, fill_cart(customer))

    assert nothing_was_ordered()


def test_second_checkout_of_a_cart_finds_it_empty(customer: User) -> None:
    variant = default_variant(make_product())
    owner = fill_cart(customer, (variant, 1))
    checkout(customer, owner)

    with pytest.raises(CartEmpty):
        checkout(customer, owner)

    assert Order.objects.count() == 1
    assert stock_of(variant) == (10, 1)


def test_too_little_stock_is_refused_with_every_short_line(customer: User) -> None:
    short, enough = default_variant(make_product(stock=5)), default_variant(make_product(stock=5))
    owner = fill_cart(customer, (short, 3), (enough, 3))
    set_available(variant_id=short.pk, quantity=2, reason="counted", now=clock.now())

    with pytest.raises(OutOfStock) as refusal:
        checkout(customer, owner)

    assert refusal.value.extra["shortages"] == [{"variant_id": str(short.pk), "requested": 3, "available": 2}]
    assert nothing_was_ordered()
    assert stock_of(enough) == (5, 0)
    assert len(read_cart(owner=owner).lines) == 2


def test_withdrawn_product_is_refused(customer: User) -> None:
    variant = default_variant(make_product())
    owner = fill_cart(customer, (variant, 1))
    variant.product.is_active = False
    variant.product.save()

    with pytest.raises(CartHasProblems):
        checkout(customer, owner)

    assert nothing_was_ordered()


def test_guest_without_email_is_refused() -> None:
    owner, _ = guest()
    fill_cart(owner, (default_variant(make_product()), 1))

    with pytest.raises(EmailRequired) as refusal:
        checkout(None, owner, email="")

    assert [error.field for error in refusal.value.errors] == ["email"]
    assert nothing_was_ordered()


def test_payment_method_that_is_not_offered_is_refused(customer: User, settings: Settings) -> None:
    settings.PAYMENT_PROVIDERS = ["cod", "simulated"]
    variant = default_variant(make_product())
    owner = fill_cart(customer, (variant, 1))

    with pytest.raises(PaymentMethodNotOffered) as refusal:
        checkout(customer, owner, payment_method="stripe")

    assert [(error.field, error.detail) for error in refusal.value.errors] == [
        ("payment_method", "This shop takes: cod, simulated.")
    ]
    _assert_untouched(customer, variant, units=1)


def test_amount_that_no_order_can_hold_is_refused(customer: User) -> None:
    variant = default_variant(make_product(price="99999999999.99", stock=50))
    owner = fill_cart(customer, (variant, 20))

    with pytest.raises(OrderTooLarge):
        checkout(customer, owner)

    _assert_untouched(customer, variant, units=20)


def test_order_number_that_is_taken_can_be_tried_again(customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product()
    monkeypatch.setattr("apps.orders.services.drafting.new_order_number", lambda: "AAAA-BBBB-CCCC")
    first, variant = make_user(), default_variant(product)
    checkout(first, fill_cart(first, (variant, 1)))
    owner = fill_cart(customer, (variant, 1))

    with pytest.raises(OrderNumberTaken) as refusal:
        checkout(customer, owner)

    assert refusal.value.retry_after_seconds == 1
    assert Order.objects.count() == 1
    assert len(read_cart(owner=owner).lines) == 1


def test_cart_whose_id_is_ordered_already_is_a_conflict(customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unique cart_id is the guard where a cart cannot be locked (Redis)."""
    variant = default_variant(make_product())
    first = checkout(customer, fill_cart(customer, (variant, 1))).order
    owner = fill_cart(customer, (variant, 1))
    draft = placement.draft_order

    def with_the_first_cart(*args: object) -> Order:
        order = draft(*args)  # type: ignore[arg-type]
        order.cart_id = first.cart_id
        return order

    monkeypatch.setattr(placement, "draft_order", with_the_first_cart)

    with pytest.raises(CartAlreadyOrdered):
        checkout(customer, owner)

    assert list(Order.objects.all()) == [first]
    assert stock_of(variant) == (10, 1)


def test_unknown_integrity_errors_stay_loud(customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = fill_cart(customer, (default_variant(make_product()), 1))

    def broken(**kwargs: object) -> None:
        raise IntegrityError("something else")

    monkeypatch.setattr(placement.reservations, "reserve", broken)

    with pytest.raises(IntegrityError, match="something else"):
        checkout(customer, owner)


@pytest.mark.parametrize("lines", [1, 10])
def test_statements_do_not_grow_with_the_lines(
    customer: User, lines: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_shipping()
    product = make_product()
    variants = [default_variant(product), *(make_variant(product) for _ in range(lines - 1))]
    owner = fill_cart(customer, *((variant, 1) for variant in variants))

    with django_assert_max_num_queries(15):  # 13, and the savepoint that a test's own transaction needs
        checkout(customer, owner)


def test_lines_of_two_sellers_keep_their_sellers(customer: User) -> None:
    anna, bob = make_seller(), make_seller()
    owner = fill_cart(
        customer,
        (default_variant(make_product(seller=anna)), 1),
        (default_variant(make_product(seller=bob)), 1),
    )

    order = checkout(customer, owner).order

    assert [item.seller for item in order.items.all()] == [anna, bob]


def _assert_untouched(user: User, variant: object, *, units: int) -> None:
    """Nothing was ordered or reserved, and the cart still holds its units."""
    assert nothing_was_ordered()
    assert stock_of(variant)[1] == 0  # type: ignore[arg-type]
    cart = read_cart(owner=fill_cart(user))
    assert [line.quantity for line in cart.lines] == [units]
