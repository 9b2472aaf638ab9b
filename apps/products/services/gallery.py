"""Which picture of a product comes first."""

import datetime as dt

from django.db.models import F

from apps.products.models import ProductImage
from apps.products.services.images import touch_product
from core import transactions


def make_primary(*, image: ProductImage, now: dt.datetime) -> None:
    """Put a picture before the product's others, which keep their order. Three statements, none if it is first."""
    if image.position == 0:
        return
    with transactions.atomic():
        ProductImage.objects.filter(product_id=image.product_id).update(position=F("position") + 1)
        ProductImage.objects.filter(pk=image.pk).update(position=0)
        image.position = 0
        touch_product(product=image.product, now=now)
