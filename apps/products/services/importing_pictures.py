"""Copies pictures that are known by their address only."""

import dataclasses
import datetime as dt
import io
import uuid
from collections.abc import Callable, Iterator

from django.conf import settings

from apps.products.models import ProductImage
from apps.products.pictures import ImageRefused
from apps.products.services.images import fill_image
from core.http_client import Fetched, FetchFailed, fetch

Fetch = Callable[[str], Fetched]


@dataclasses.dataclass(frozen=True, slots=True)
class PictureResult:
    """What became of one picture; `failure` is empty when it was copied."""

    source_url: str
    failure: str


def fetch_from_the_internet(url: str) -> Fetched:
    """Return the file at a public address, within the size of an upload. Raises FetchFailed."""
    return fetch(url, max_bytes=settings.UPLOAD_MAX_BYTES)


def fetch_missing_pictures(
    *, product_id: uuid.UUID, now: dt.datetime, fetch_picture: Fetch = fetch_from_the_internet
) -> Iterator[PictureResult]:
    """Copy the product's pictures that we have no file of, one after the other, and tell of each.

    Runs outside transactions: each picture is fetched first and then written in one of its own.
    """
    missing = ProductImage.objects.select_related("product").filter(product_id=product_id, file="")
    for image in missing.order_by("position", "id"):
        failure = ""
        try:
            fetched = fetch_picture(image.source_url)
            fill_image(image=image, upload=io.BytesIO(fetched.body), now=now)
        except FetchFailed as error:
            failure = f"could not be fetched: {error.reason}"
        except ImageRefused as error:
            failure = f"was fetched and refused: {error.detail}"
        yield PictureResult(source_url=image.source_url, failure=failure)
