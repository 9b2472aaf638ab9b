"""Slugs: a product's name in URLs, unique however many are made at once."""

import secrets
from collections.abc import Iterator

from django.utils.text import slugify

from apps.products.models import Product

MAX_LENGTH = 255
_ROOM_FOR_SUFFIX = 12
_RANDOM_TRIES = 5


def insert_with_free_slug(product: Product, *, wish: str = "") -> None:
    """Insert the product under the first free slug of its kind: "blue-shirt", "blue-shirt-2", "blue-shirt-3" …

    `wish` is the preferred slug; without one the name gives it, and a name without Latin letters gives "product-…".
    The unique key decides: an insert that loses the race to a twin does nothing and the next slug is tried.
    Two statements when the first slug is free.
    """
    for slug in _candidates(_base(wish or product.name, product)):
        product.slug = slug
        Product.objects.bulk_create([product], ignore_conflicts=True)
        if Product.objects.filter(pk=product.pk).exists():
            return
    product.save(force_insert=True)  # not the slug: let the database say what is wrong


def _base(text: str, product: Product) -> str:
    return slugify(text)[: MAX_LENGTH - _ROOM_FOR_SUFFIX].strip("-") or f"product-{product.pk.hex[-8:]}"


def _candidates(base: str) -> Iterator[str]:
    yield base
    taken = set(Product.objects.filter(slug__startswith=f"{base}-").values_list("slug", flat=True))
    yield next(slug for number in range(2, len(taken) + 3) if (slug := f"{base}-{number}") not in taken)
    for _ in range(_RANDOM_TRIES):
        yield f"{base}-{secrets.token_hex(4)}"
