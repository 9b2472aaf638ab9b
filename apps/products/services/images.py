"""Gives products their pictures: checked, encoded anew, stored under a random name."""

import contextlib
import datetime as dt
import functools
import logging
import secrets
import weakref
from collections.abc import Callable, Iterator
from typing import BinaryIO

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Max

from apps.products.changes import announce_product_change
from apps.products.models import Product, ProductImage, ProductVariant
from apps.products.pictures import CleanPicture, clean_picture, read_capped
from core.transactions import atomic

FOLDER = "products"
log = logging.getLogger(__name__)


def add_image(
    *, product: Product, upload: BinaryIO, alt_text: str = "", variant: ProductVariant | None = None, now: dt.datetime
) -> ProductImage:
    """Append a picture to a product and return it; the product's version rises by one.

    `upload` is any readable binary file; its name and declared type are not looked at. Raises ImageTooLarge
    (settings.UPLOAD_MAX_BYTES, settings.IMAGE_MAX_PIXELS), ImageTypeNotAllowed or ImageUnreadable (all ImageRefused)
    and stores nothing then. The file goes away again if the surrounding transaction rolls back.
    """
    picture = check_upload(upload)
    with _stored(picture) as name:
        last = ProductImage.objects.filter(product=product).aggregate(last=Max("position"))["last"]
        image = ProductImage(
            product=product,
            variant=variant,
            file=name,
            alt_text=alt_text,
            position=0 if last is None else last + 1,
            width=picture.width,
            height=picture.height,
        )
        image.save(force_insert=True)
        touch_product(product=product, now=now)
    return image


def fill_image(*, image: ProductImage, upload: BinaryIO, now: dt.datetime) -> ProductImage:
    """Give a picture known only by its address a file of ours. Refuses and cleans up as `add_image` does.

    Two fillers at once: one wins, the other's file goes away and its picture object is returned without change.
    """
    picture = check_upload(upload)
    with _stored(picture) as name:
        filled = ProductImage.objects.filter(pk=image.pk, file="").update(
            file=name, width=picture.width, height=picture.height, updated_at=now
        )
        if filled:
            touch_product(product=image.product, now=now)
            image.width, image.height = picture.width, picture.height
            image.file.name = name
        else:
            delete_file_on_commit(name)
    return image


def remove_image(*, image: ProductImage, now: dt.datetime) -> None:
    """Take a picture off its product; its file goes once the transaction has committed."""
    with atomic():
        name = image.file.name if image.file else ""
        ProductImage.objects.filter(pk=image.pk).delete()
        touch_product(product=image.product, now=now)
        if name:
            delete_file_on_commit(name)


def check_upload(upload: BinaryIO) -> CleanPicture:
    """Return the upload as a clean picture within this shop's limits. Raises ImageRefused."""
    data = read_capped(upload, max_bytes=settings.UPLOAD_MAX_BYTES)
    return clean_picture(data, max_pixels=settings.IMAGE_MAX_PIXELS)


def delete_file_on_commit(name: str) -> None:
    """Delete a stored file once the transaction has committed (at once outside one)."""
    transaction.on_commit(functools.partial(_delete_file, name))


def touch_product(*, product: Product, now: dt.datetime) -> None:
    """Raise the product's version in the database and make cached answers stale on commit. One statement."""
    Product.objects.filter(pk=product.pk).update(version=F("version") + 1, updated_at=now)
    announce_product_change(product.pk)


@contextlib.contextmanager
def _stored(picture: CleanPicture) -> Iterator[str]:
    """Write the file, then open a transaction and hand over the file's name.

    Whoever rolls back, this block or the transaction around it, takes the file back too. The file is written before
    the transaction begins: a slow storage holds no lock.
    """
    name = default_storage.save(f"{FOLDER}/{secrets.token_hex(16)}.{picture.extension}", ContentFile(picture.data))
    keep = _KeepFile(functools.partial(_delete_file, name))
    with atomic():
        transaction.on_commit(keep)
        yield name


def _delete_file(name: str) -> None:
    try:
        default_storage.delete(name)
    except OSError:
        log.exception("could not delete %s: the file is an orphan", name)


class _KeepFile:
    """An on-commit hook that undoes something if it is dropped without having been called.

    Django has no hook for rollbacks, but it forgets the on-commit hooks of what was rolled back: then this object
    dies uncalled and its finalizer runs.
    """

    def __init__(self, undo: Callable[[], None]) -> None:
        self._finalizer = weakref.finalize(self, undo)
        self._finalizer.atexit = False

    def __call__(self) -> None:
        self._finalizer.detach()
