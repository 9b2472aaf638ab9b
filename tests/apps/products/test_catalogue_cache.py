"""The catalogue in memory is never older than the last commit on this machine."""

from pathlib import Path

import pytest
from django.test import Client

from apps.inventory.services.reservations import release, reserve
from apps.inventory.services.stock import set_available
from apps.products.changes import product_slot
from apps.products.services.categories import update_category
from core import clock
from core.api import cached_views
from core.changes import ChangeCounters
from tests import factories
from tests.http import ApiClient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _memory(settings):
    settings.CATALOGUE_CACHE_SECONDS = 3_600
    cached_views.answers.cache_clear()
    yield
    cached_views.answers.cache_clear()


@pytest.fixture
def seller():
    return factories.make_seller()


@pytest.fixture
def as_seller(seller):
    return ApiClient(Client(), access=factories.access_token_of(seller))


def shown(api, path: str) -> list[tuple[str, str, int]]:
    body = api.get(path).json()
    rows = body.get("results") or body.get("products", {}).get("results") or ([body] if "price" in body else [])
    return [(row["name"], row["price"], row["stock_quantity"]) for row in rows]


def every_page(product) -> list[str]:
    return [
        "products/",
        f"products/{product.pk}/",
        "products/?search=shirt",
        "products/?in_stock=true&ordering=price",
        f"products/?category={product.category_id}",
        f"categories/{product.category_id}/",
    ]


@pytest.fixture
def product(seller):
    category = factories.make_category(name="Clothes")
    return factories.make_product(name="Shirt", price="10.00", stock=5, seller=seller, category=category)


def test_a_hit_takes_no_statement(api, product, django_assert_num_queries):
    for path in every_page(product):
        first = api.get(path)
        with django_assert_num_queries(0):
            assert api.get(path).content == first.content


def test_an_edit_is_seen_on_every_page_at_once(api, as_seller, product):
    for path in every_page(product):
        assert shown(api, path) == [("Shirt", "10.00", 5)], path

    as_seller.patch(f"products/{product.pk}/", {"price": "11", "name": "Blue shirt", "stock_quantity": 4})

    for path in every_page(product):
        assert shown(api, path) == [("Blue shirt", "11.00", 4)], path


def test_a_sale_is_seen_on_every_page_at_once(api, product):
    variant = factories.default_variant(product)
    for path in every_page(product):
        api.get(path)

    reserve(reference="order:1", demand={variant.pk: 2}, now=clock.now())
    for path in every_page(product):
        assert shown(api, path) == [("Shirt", "10.00", 3)], path

    release(reference="order:1", now=clock.now())
    for path in every_page(product):
        assert shown(api, path) == [("Shirt", "10.00", 5)], path


def test_the_last_unit_sold_leaves_the_list_of_what_is_in_stock_and_returns_to_it(api, product):
    variant = factories.default_variant(product)
    assert len(shown(api, "products/?in_stock=true")) == 1

    reserve(reference="order:1", demand={variant.pk: 5}, now=clock.now())
    assert shown(api, "products/?in_stock=true") == []

    set_available(variant_id=variant.pk, quantity=1, reason="found one", now=clock.now())
    assert shown(api, "products/?in_stock=true") == [("Shirt", "10.00", 1)]


def test_a_new_product_and_a_removed_one_are_seen_at_once(api, as_seller, product):
    assert len(shown(api, "products/")) == 1

    new = as_seller.post("products/", {"name": "Hat", "price": "3"}).json()
    assert [name for name, _, _ in shown(api, "products/")] == ["Hat", "Shirt"]

    as_seller.delete(f"products/{new['id']}/")
    assert [name for name, _, _ in shown(api, "products/")] == ["Shirt"]
    assert api.get(f"products/{new['id']}/").status_code == 404


def test_a_hidden_product_is_gone_at_once(api, as_seller, product):
    assert api.get(f"products/{product.pk}/").status_code == 200

    as_seller.patch(f"products/{product.pk}/", {"is_active": False})

    assert api.get(f"products/{product.pk}/").status_code == 404
    assert shown(api, "products/") == []


def test_a_category_renamed_or_hidden_is_seen_at_once(api, product):
    def names() -> tuple[str, list[str]]:
        listed = [row["name"] for row in api.get("categories/").json()]
        return api.get(f"products/{product.pk}/").json()["category_name"], listed

    assert names() == ("Clothes", ["Clothes"])
    update_category(category_id=product.category_id, changes={"name": "Garments"})
    assert names() == ("Garments", ["Garments"])
    update_category(category_id=product.category_id, changes={"is_active": False})
    assert names() == ("Garments", [])


def test_a_change_by_another_process_of_this_machine_is_seen_at_once(api, product, settings):
    other_process = ChangeCounters(Path(settings.RUNTIME_DIR) / "changes.bin")
    api.get(f"products/{product.pk}/")
    type(product).objects.filter(pk=product.pk).update(name="Changed elsewhere")
    assert shown(api, f"products/{product.pk}/")[0][0] == "Shirt"

    other_process.bump([product_slot(product.pk)])

    assert shown(api, f"products/{product.pk}/")[0][0] == "Changed elsewhere"


def test_what_one_caller_may_see_never_reaches_another(api, as_seller, product):
    product.variants.update(cost_price="4.00")

    assert as_seller.get(f"products/{product.pk}/").json()["cost_price"] == "4.00"
    assert "cost_price" not in api.get(f"products/{product.pk}/").json()
    assert "cost_price" not in api.get("products/").json()["results"][0]
    own = as_seller.get(f"products/{product.pk}/")
    assert (own.json()["cost_price"], own["Cache-Control"]) == ("4.00", "private, no-store")
    assert api.get("products/")["Cache-Control"] == "public, max-age=3600, stale-if-error=600"


def test_both_doors_keep_their_own_links(api, product):
    for _ in range(21):
        factories.make_product()
    flat = ApiClient(Client(), base="/api/")

    assert api.get("products/").json()["next"] == "http://testserver/api/v1/products/?page=2"
    assert flat.get("products/").json()["next"] == "http://testserver/api/products/?page=2"


def test_nothing_is_kept_of_what_was_refused(api):
    assert api.get("products/?ordering=nonsense").status_code == 400
    assert api.get(f"products/{factories.make_category().pk}/").status_code == 404

    assert len(cached_views.answers()) == 0
