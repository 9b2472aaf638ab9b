"""Reads of what may be put into a cart."""

import uuid

from apps.cart.goods import Goods, load_default_goods, load_goods
from apps.cart.recent_goods import default_goods_of, goods_of
from apps.products.errors import ProductNotFound, VariantNotFound


def choose_goods(*, product_id: uuid.UUID, variant_id: uuid.UUID | None = None, remembered: bool = True) -> Goods:
    """Return the variant to put into a cart: the one named, else the first that is on sale. One statement at most.

    A product that is withdrawn is returned as such (`is_on_sale`). With `remembered=False` the database is asked
    whatever is remembered. Raises ProductNotFound, and VariantNotFound when the product has no variant of that id.
    """
    if variant_id is None:
        goods = (default_goods_of if remembered else load_default_goods)(product_id)
        if goods is None:
            raise ProductNotFound
        return goods
    goods = (goods_of if remembered else load_goods)([variant_id]).get(variant_id)
    if goods is None or goods.product_id != product_id:
        raise VariantNotFound
    return goods
