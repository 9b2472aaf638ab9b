"""DELETE /api/v1/products/{id}/: destroyed when never ordered, archived when ordered."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.inventory.models import Stock, StockMovement
from apps.orders.models import OrderItem
from apps.products.models import Product, ProductVariant
from apps.products.services.removal import Removal, archive_or_delete_product
from core import clock
from tests import factories
from tests.apps.orders.making import make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_seller(seller, api_as):
    return api_as(seller)


def make_sold_product(seller, **fields) -> Product:
    product = factories.make_product(seller=seller, **fields)
    factories.make_shipping()
    make_order((factories.default_variant(product), 1))
    return product


def test_a_product_nobody_ordered_is_gone_with_its_variants_and_stock(as_seller, seller, api):
    product = factories.make_product(seller=seller)
    factories.make_variant(product)
    product.tags.create(name="x", slug="x")

    response = as_seller.delete(f"products/{product.pk}/")

    assert (response.status_code, response.content) == (204, b"")
    assert [model.objects.count() for model in (Product, ProductVariant, Stock, StockMovement)] == [0, 0, 0, 0]
    assert as_seller.get(f"products/{product.pk}/").status_code == 404
    assert as_seller.delete(f"products/{product.pk}/").status_code == 404


def test_a_product_that_was_ordered_is_archived_and_the_order_keeps_its_line(as_seller, seller, api):
    product = make_sold_product(seller, name="Sold")

    response = as_seller.delete(f"products/{product.pk}/")

    product.refresh_from_db()
    assert response.status_code == 204
    assert (product.is_active, product.version) == (False, 2)
    assert product.archived_at is not None
    assert OrderItem.objects.get().product_id == product.pk
    assert api.get(f"products/{product.pk}/").status_code == 404
    assert api.get("products/").json()["count"] == 0
    assert as_seller.get(f"products/{product.pk}/").json()["is_active"] is False


def test_archiving_twice_changes_nothing_more(seller):
    product = make_sold_product(seller)
    first, second = clock.now(), clock.now()

    outcomes = [archive_or_delete_product(actor=seller, product_id=product.pk, now=now) for now in (first, second)]

    product.refresh_from_db()
    assert outcomes == [Removal.ARCHIVED, Removal.ARCHIVED]
    assert (product.archived_at, product.version) == (first, 2)


def test_an_archived_product_made_active_is_back_on_sale(as_seller, seller, api):
    product = make_sold_product(seller)
    as_seller.delete(f"products/{product.pk}/")

    assert as_seller.patch(f"products/{product.pk}/", {"is_active": True}).status_code == 200

    product.refresh_from_db()
    assert (product.is_active, product.archived_at) == (True, None)
    assert api.get(f"products/{product.pk}/").status_code == 200


def test_the_files_of_a_destroyed_product_go_and_those_of_an_archived_one_stay(
    seller, settings, tmp_path, django_capture_on_commit_callbacks
):
    settings.MEDIA_ROOT = tmp_path
    sold, unsold = make_sold_product(seller), factories.make_product(seller=seller)
    for product in (sold, unsold):
        name = default_storage.save(f"products/{product.pk}.png", ContentFile(b"x"))
        product.images.create(file=name, width=1, height=1)

    with django_capture_on_commit_callbacks(execute=True):
        outcomes = [
            archive_or_delete_product(actor=seller, product_id=product.pk, now=clock.now())
            for product in (sold, unsold)
        ]

    assert outcomes == [Removal.ARCHIVED, Removal.DELETED]
    assert [path.name for path in (tmp_path / "products").iterdir()] == [f"{sold.pk}.png"]
