"""What carts and orders ask the catalogue."""

from decimal import Decimal

import pytest

from apps.products.errors import ProductNotFound, VariantNotFound
from apps.products.models import Product, ProductVariant
from apps.products.selectors import Sellable, choose_variant, load_sellable
from core.ids import new_id
from tests import factories

pytestmark = pytest.mark.django_db


def test_variants_are_loaded_by_id_in_one_statement(django_assert_num_queries):
    product = factories.make_product(name="Shirt", price="10.00", variant={"sku": "S", "tax_category": "clothing"})
    large = factories.make_variant(product, name="Large", price="12.50")
    first = factories.default_variant(product)

    with django_assert_num_queries(1):
        loaded = load_sellable([first.pk, large.pk, new_id()])

    assert set(loaded) == {first.pk, large.pk}
    assert loaded[first.pk] == Sellable(
        variant_id=first.pk,
        product_id=product.pk,
        seller_id=product.seller_id,
        name="Shirt",
        sku="S",
        unit_price=Decimal("10.00"),
        currency="USD",
        weight_grams=500,
        tax_category="clothing",
        is_taxable=True,
        requires_shipping=True,
        is_sellable=True,
    )
    assert (loaded[large.pk].name, loaded[large.pk].unit_price) == ("Shirt - Large", Decimal("12.50"))


def test_no_ids_cost_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert load_sellable([]) == {}


def test_a_withdrawn_product_or_variant_is_loaded_as_not_sellable():
    product = factories.make_product(is_active=False)
    other = factories.make_product(variant={"is_active": False})
    variants = [factories.default_variant(product).pk, factories.default_variant(other).pk]

    assert [load_sellable(variants)[pk].is_sellable for pk in variants] == [False, False]


def test_without_a_choice_the_first_active_variant_is_taken(django_assert_num_queries):
    product = factories.make_product(variant={"is_active": False})
    second, third = factories.make_variant(product, name="M"), factories.make_variant(product, name="L")

    with django_assert_num_queries(1):
        assert choose_variant(product_id=product.pk).variant_id == second.pk
    assert choose_variant(product_id=product.pk, variant_id=third.pk).variant_id == third.pk


def test_a_choice_is_refused_for_what_is_not_on_sale():
    product, other = factories.make_product(), factories.make_product()
    hidden = factories.make_product(is_active=False)
    off = factories.make_variant(product, is_active=False)

    for product_id in (new_id(), hidden.pk):
        with pytest.raises(ProductNotFound):
            choose_variant(product_id=product_id)
    with pytest.raises(ProductNotFound):
        choose_variant(product_id=hidden.pk, variant_id=factories.default_variant(hidden).pk)
    for variant_id in (off.pk, new_id(), factories.default_variant(other).pk):
        with pytest.raises(VariantNotFound):
            choose_variant(product_id=product.pk, variant_id=variant_id)


def test_a_product_without_an_active_variant_has_none_to_choose():
    product = factories.make_product(variant={"is_active": False})

    with pytest.raises(VariantNotFound):
        choose_variant(product_id=product.pk)


def test_the_database_refuses_a_product_that_is_archived_and_active(db):
    from django.db import IntegrityError, transaction

    from core import clock

    product = factories.make_product()
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(pk=product.pk).update(archived_at=clock.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        ProductVariant.objects.filter(product=product).update(price=Decimal(-1))
