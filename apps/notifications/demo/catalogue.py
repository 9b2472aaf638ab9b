"""Demo products: the sample file through the same door as everybody's, and a drawn picture for each."""

import dataclasses
import datetime as dt
import io
from pathlib import Path

from django.core.management.base import CommandError

from apps.accounts.models import User
from apps.inventory.services.product_import import ImportOptions, Outcome, import_products
from apps.notifications.demo.pictures import draw_picture
from apps.products.models import Product
from apps.products.services.images import add_image
from apps.products.shopify.rows import RowProblem


@dataclasses.dataclass(frozen=True, slots=True)
class SeededProducts:
    """How many products and pictures were made."""

    products: int
    pictures: int


def ensure_products(path: Path, *, seller: User, now: dt.datetime) -> SeededProducts:
    """Import the products of the file that do not exist yet; those that do are left as they are, stock included."""
    problems: list[RowProblem] = []
    report = import_products(
        path,
        options=ImportOptions(seller=seller, only_new=True),
        now=now,
        on_problem=problems.append,
    )
    if problems:
        raise CommandError(f"{path.name}:{problems[0].line}: {problems[0]}")
    made = report.outcomes[Outcome.CREATED]
    return SeededProducts(products=made, pictures=_draw_missing(seller, now=now) if made else 0)


def _draw_missing(seller: User, *, now: dt.datetime) -> int:
    bare = list(Product.objects.filter(seller=seller, images=None).select_related("category").order_by("id"))
    for product in bare:
        category = product.category.name if product.category else ""
        picture = draw_picture(title=product.name, category=category)
        add_image(product=product, upload=io.BytesIO(picture), alt_text=product.name, now=now)
    return len(bare)
