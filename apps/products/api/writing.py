"""Writing a product together with its stock and picture, in one transaction. The roof, because stock stands above."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable
from typing import BinaryIO

from apps.accounts.models import User
from apps.inventory.selectors import available_units
from apps.inventory.services.stock import open_stock, set_many_available
from apps.products.models import Product, default_of
from apps.products.services.gallery import make_primary
from apps.products.services.images import add_image
from apps.products.services.products import ProductInput, create_product, update_product
from core import transactions
from core.errors import FieldError, InvalidInput

_REASON = "set with the product"


@dataclasses.dataclass(frozen=True, slots=True)
class ProductForm:
    """What a client sent: the product's fields, its units and its primary picture (None: as they are)."""

    fields: ProductInput
    stock_quantity: int | None = None
    image: BinaryIO | None = None


def offer_product(*, actor: User, form: ProductForm, now: dt.datetime) -> Product:
    """Write a new product with its stock and picture, or nothing. Raises what the services raise."""
    with transactions.atomic():
        product = create_product(actor=actor, data=form.fields, now=now)
        _set_picture(product, form, now)
        if form.stock_quantity is not None:
            variant_id = product.loaded_variants[0].pk
            open_stock(variant_id=variant_id, quantity=form.stock_quantity, reason=_REASON, actor=actor)
    return product


def change_product(
    *, actor: User, product_id: uuid.UUID, form: ProductForm, now: dt.datetime, precondition: Callable[[], None] | None
) -> Product:
    """Write what was sent of a product, its stock and picture, or nothing. Raises what the services raise."""
    with transactions.atomic():
        product = update_product(
            actor=actor, product_id=product_id, changes=form.fields, now=now, precondition=precondition
        )
        _set_picture(product, form, now)
        if form.stock_quantity is not None:
            variant_id, units = _units_to_set(product, form.stock_quantity)
            set_many_available({variant_id: units}, reason=_REASON, actor=actor, now=now)
    return product


def _set_picture(product: Product, form: ProductForm, now: dt.datetime) -> None:
    if form.image is not None:
        make_primary(image=add_image(product=product, upload=form.image, now=now), now=now)


def _units_to_set(product: Product, stock_quantity: int) -> tuple[uuid.UUID, int]:
    """Return the variant whose units make up the product's total, and how many it must have.

    So a quantity that was read can be sent back and changes nothing. The default variant makes up the difference.
    Raises InvalidInput when the others already hold more.
    """
    chosen = default_of(product.loaded_variants)
    others = [variant.pk for variant in product.loaded_variants if variant.is_active and variant is not chosen]
    if not others:
        return chosen.pk, stock_quantity
    held = sum(available_units(others).values())
    if held > stock_quantity:
        detail = f"The product's other variants hold {held} units; set their stock one by one."
        raise InvalidInput(detail, errors=(FieldError("stock_quantity", "held_by_variants", detail),))
    return chosen.pk, stock_quantity - held
