"""Reads of the catalogue that know no stock (stock stands above; reads that show it live under the roof)."""

import dataclasses
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from apps.accounts.models import User
from apps.products.errors import NotYourProduct, ProductNotFound, VariantNotFound
from apps.products.models import Product, ProductVariant


@dataclasses.dataclass(frozen=True, slots=True)
class Sellable:
    """A variant as carts and orders see it. `name` is "Shirt", or "Shirt - Small" where variants have names.

    `unit_price` is an amount of `currency`. `is_sellable` is false once the product or the variant is withdrawn.
    """

    variant_id: uuid.UUID
    product_id: uuid.UUID
    seller_id: uuid.UUID
    name: str
    sku: str | None
    unit_price: Decimal
    currency: str
    weight_grams: int
    tax_category: str
    is_taxable: bool
    requires_shipping: bool
    is_sellable: bool


_SELLABLE_COLUMNS = (
    "id", "product_id", "product__seller_id", "product__name", "name", "sku", "price", "currency", "weight_grams",
    "tax_category", "is_taxable", "requires_shipping", "is_active", "product__is_active",
)  # fmt: skip


def load_sellable(variant_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Sellable]:
    """Return the variants that exist, sellable or not, by id. One statement (none for no ids)."""
    wanted = list(variant_ids)
    if not wanted:
        return {}
    rows = ProductVariant.objects.filter(pk__in=wanted).order_by().values_list(*_SELLABLE_COLUMNS)
    return {row[0]: _sellable(row) for row in rows}


def choose_variant(*, product_id: uuid.UUID, variant_id: uuid.UUID | None = None) -> Sellable:
    """Return the variant to put into a cart: the one named, else the active one of lowest position. One statement.

    Raises ProductNotFound when the product is absent or hidden from customers, VariantNotFound when it has no such
    variant on sale (a refusal costs a second statement).
    """
    candidates = ProductVariant.objects.filter(product_id=product_id, is_active=True, product__is_active=True)
    if variant_id is not None:
        candidates = candidates.filter(pk=variant_id)
    row = candidates.order_by("position", "id").values_list(*_SELLABLE_COLUMNS).first()
    if row is not None:
        return _sellable(row)
    if Product.objects.filter(pk=product_id, is_active=True).exists():
        raise VariantNotFound
    raise ProductNotFound


def may_see_hidden(*, actor: User | None, seller_id: uuid.UUID) -> bool:
    """Whether this person sees the product when customers do not, and its cost price: admins and its seller."""
    return actor is not None and (actor.is_admin or (actor.is_seller and actor.pk == seller_id))


def access_product_to_edit(*, actor: User, product_id: uuid.UUID) -> Product:
    """Return a product this person may change, with its category. One statement.

    Raises ProductNotFound when it is absent or hidden from them, NotYourProduct when they see it as anyone does.
    """
    product = Product.objects.select_related("category").filter(pk=product_id).first()
    if product is None:
        raise ProductNotFound
    check_may_edit(actor=actor, product=product)
    return product


def check_may_edit(*, actor: User, product: Product) -> None:
    """Raise ProductNotFound or NotYourProduct unless the person is an admin or the product's seller."""
    if may_see_hidden(actor=actor, seller_id=product.seller_id):
        return
    raise NotYourProduct if product.is_active else ProductNotFound


def _sellable(row: tuple[Any, ...]) -> Sellable:
    variant_id, product_id, seller_id, product_name, variant_name, sku, price, currency, *rest = row
    weight_grams, tax_category, is_taxable, requires_shipping, variant_active, product_active = rest
    return Sellable(
        variant_id=variant_id,
        product_id=product_id,
        seller_id=seller_id,
        name=f"{product_name} - {variant_name}" if variant_name else product_name,
        sku=sku,
        unit_price=price,
        currency=currency,
        weight_grams=weight_grams,
        tax_category=tax_category,
        is_taxable=is_taxable,
        requires_shipping=requires_shipping,
        is_sellable=variant_active and product_active,
    )
