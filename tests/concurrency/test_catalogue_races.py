"""Races of those who keep the catalogue, on real connections; each with a control that goes wrong without the guard."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from django.db import IntegrityError, connection, transaction

from apps.products.errors import CategoryInsideItself
from apps.products.locks import lock_product
from apps.products.models import Category, Product, ProductVariant
from apps.products.services import categories, products, removal
from apps.products.services.categories import update_category
from apps.products.services.products import create_product, update_product
from apps.products.services.removal import Removal, archive_or_delete_product
from core import clock
from core.deletion import Survey, delete_only
from tests import factories
from tests.apps.orders.making import make_order

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
T = TypeVar("T")
WRITERS = 16


def on_own_connection(act: Callable[[], T]) -> Callable[[], T]:
    def run() -> T:
        try:
            return act()
        finally:
            connection.close()

    return run


def all_at_once(*acts: Callable[[], T]) -> list["Future[T]"]:
    """Run the acts from one starting line, each on its own connection."""
    line = threading.Barrier(len(acts))

    def start(act: Callable[[], T]) -> T:
        line.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [pool.submit(on_own_connection(lambda act=act: start(act))) for act in acts]  # type: ignore[misc]


def while_another_holds(first: Callable[[], Any], second: Callable[[], T]) -> "Future[T]":
    """Run `first` in a transaction, start `second` so that it has to wait for it, then commit."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            waiting = pool.submit(on_own_connection(second))
            time.sleep(0.3)
        return waiting


# --- Slugs ------------------------------------------------------------------------------------------


def offer_twins() -> list["Future[Product]"]:
    seller = factories.make_seller()
    data = products.ProductInput(name="Blue shirt", price=Decimal(5))
    return all_at_once(*[lambda: create_product(actor=seller, data=data, now=clock.now())] * WRITERS)


def test_products_of_one_name_made_at_once_get_slugs_of_their_own() -> None:
    made = [future.result() for future in offer_twins()]

    assert len({product.slug for product in made}) == WRITERS
    assert Product.objects.filter(slug="blue-shirt").count() == 1


def test_control_a_slug_that_is_looked_up_and_then_inserted_collides(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_then_insert(product: Product, *, wish: str = "") -> None:
        number = Product.objects.filter(slug__startswith="blue-shirt").count()
        time.sleep(0.05)
        product.slug = f"blue-shirt-{number}"
        product.save(force_insert=True)

    monkeypatch.setattr(products, "insert_with_free_slug", look_then_insert)

    assert any(isinstance(future.exception(), IntegrityError) for future in offer_twins())


# --- Edits ------------------------------------------------------------------------------------------


def edit_price_against_an_edit_under_way() -> tuple[Decimal, Decimal]:
    """One edit sets 20 and commits late; another, which waits for it, sets the price back to 10."""
    product = factories.make_product(price="10")
    seller = product.seller

    def edit(price: str) -> None:
        changes = products.ProductInput(price=Decimal(price))
        update_product(actor=seller, product_id=product.pk, changes=changes, now=clock.now())

    while_another_holds(lambda: edit("20"), lambda: edit("10")).result()
    product.refresh_from_db()
    return product.price, factories.default_variant(product).price


def test_an_edit_that_had_to_wait_sees_what_it_waited_for() -> None:
    assert edit_price_against_an_edit_under_way() == (Decimal(10), Decimal(10))


def test_control_variants_read_with_the_lock_of_the_product_alone_are_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    def lock_the_product_only(product_id: Any) -> tuple[Product, list[ProductVariant]]:
        rows = ProductVariant.objects.select_related("product__category").filter(product_id=product_id)
        variants = list(rows.select_for_update(of=("product",), no_key=True))
        return variants[0].product, variants

    monkeypatch.setattr(products, "lock_product", lock_the_product_only)

    assert edit_price_against_an_edit_under_way() == (Decimal(10), Decimal(20))


def test_many_edits_of_one_product_leave_it_like_its_default_variant() -> None:
    product = factories.make_product(price="1")
    factories.make_variant(product, price="1")

    def edit(number: int) -> None:
        changes = products.ProductInput(price=Decimal(number), sku=f"S-{number}")
        update_product(actor=product.seller, product_id=product.pk, changes=changes, now=clock.now())

    for future in all_at_once(*[lambda n=n: edit(n) for n in range(2, 2 + WRITERS)]):  # type: ignore[misc]
        future.result()

    product.refresh_from_db()
    variant = factories.default_variant(product)
    assert (product.version, product.price, product.sku) == (1 + WRITERS, variant.price, variant.sku)


def order_during(lock: Callable[[Product], Any], *, patience_seconds: float) -> bool:
    """Order a product while an edit holds `lock`; tell whether the order went through before the edit ended."""
    factories.make_shipping()
    product = factories.make_product()
    done = threading.Event()

    def order() -> None:
        make_order((factories.default_variant(product), 1))
        done.set()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock(product)
            ordering = pool.submit(on_own_connection(order))
            went_through = done.wait(timeout=patience_seconds)
        ordering.result()
    return went_through


def test_an_order_does_not_wait_for_an_edit() -> None:
    """The edit's locks let foreign keys point at its rows: nobody waits crosswise for stock and product."""
    assert order_during(lambda product: lock_product(product.pk), patience_seconds=10)


def test_control_with_a_full_lock_the_order_waits() -> None:
    assert not order_during(
        lambda product: Product.objects.select_for_update().get(pk=product.pk), patience_seconds=0.7
    )


# --- Removal ----------------------------------------------------------------------------------------


def remove_against_an_order_under_way() -> tuple["Future[Removal]", Product]:
    factories.make_shipping()
    product = factories.make_product()

    def remove() -> Removal:
        return archive_or_delete_product(actor=product.seller, product_id=product.pk, now=clock.now())

    return while_another_holds(lambda: make_order((factories.default_variant(product), 1)), remove), product


def test_a_product_ordered_while_it_is_removed_is_archived() -> None:
    removing, product = remove_against_an_order_under_way()

    product.refresh_from_db()
    assert removing.result() is Removal.ARCHIVED
    assert (product.is_active, product.order_items.count()) == (False, 1)


def test_control_foreign_keys_checked_only_at_the_end_fail_the_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    def destroy_unchecked(found: Survey) -> bool:
        found.delete_branches()
        return bool(delete_only(Product.objects.filter(pk=found.root_id)))

    monkeypatch.setattr(removal, "_destroy", destroy_unchecked)

    assert isinstance(remove_against_an_order_under_way()[0].exception(), IntegrityError)


# --- Categories -------------------------------------------------------------------------------------


def move_two_below_each_other() -> list["Future[Category]"]:
    left, right = factories.make_category(), factories.make_category()
    return all_at_once(
        lambda: update_category(category_id=left.pk, changes={"parent_id": right.pk}),
        lambda: update_category(category_id=right.pk, changes={"parent_id": left.pk}),
    )


def count_roots() -> int:
    return Category.objects.filter(parent=None).count()


def test_two_categories_moved_below_each_other_never_close_a_ring() -> None:
    for _ in range(10):
        Category.objects.update(parent=None)
        Category.objects.all().delete()
        errors = [future.exception() for future in move_two_below_each_other()]
        assert sorted(type(error).__name__ for error in errors) == ["CategoryInsideItself", "NoneType"]
        assert count_roots() == 1
    assert CategoryInsideItself.code == "category_inside_itself"


def test_control_without_the_lock_a_ring_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_without_lock() -> dict[Any, Any]:
        parents = dict(Category.objects.values_list("pk", "parent_id"))
        time.sleep(0.2)
        return parents

    monkeypatch.setattr(categories, "lock_category_tree", read_without_lock)

    move_two_below_each_other()

    assert count_roots() == 0
