"""/api/v1/products/ and /{id}/: who may read and write what, and what is written."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext

from apps.inventory.models import StockMovement
from apps.inventory.selectors import available_units
from apps.inventory.services.reservations import reserve
from apps.products.models import Product, ProductVariant, Tag
from core import clock
from tests import factories
from tests.apps.products.pictures import png_bytes

pytestmark = pytest.mark.django_db

NOBODY = "01a1f8fc-79a4-7478-ada9-0474c1977c2b"
INPUT = {"name": "Blue shirt", "description": "<b>Blue</b>", "price": "19.90"}


@pytest.fixture
def as_seller(seller, api_as):
    return api_as(seller)


def fields_refused(response) -> list[str]:
    assert response.status_code == 400, response.content
    return [error["field"] for error in response.json()["errors"]]


def stored(product_id) -> Product:
    return Product.objects.get(pk=product_id)


# --- Reading ----------------------------------------------------------------------------------------


def test_one_product_has_the_shape_of_the_list(api):
    product = factories.make_product(sku="A-1", category=factories.make_category())

    assert api.get(f"products/{product.pk}/").json() == api.get("products/").json()["results"][0]


def test_a_product_that_is_not_there_is_404(api):
    response = api.get(f"products/{NOBODY}/")

    assert (response.status_code, response.json()["code"]) == (404, "product_not_found")
    assert api.get("products/no-uuid/").status_code == 404


@pytest.mark.parametrize("hidden", [{"is_active": False}, {"is_active": False, "archived_at": clock.now()}])
def test_a_hidden_product_is_seen_by_its_seller_and_admins_only(api, api_as, admin, customer, hidden):
    seller, other = factories.make_seller(), factories.make_seller()
    product = factories.make_product(seller=seller, **hidden)

    def status(client) -> int:
        return client.get(f"products/{product.pk}/").status_code

    assert (status(api_as(seller)), status(api_as(admin))) == (200, 200)
    assert [status(client) for client in (api, api_as(customer), api_as(other))] == [404, 404, 404]


def test_a_seller_who_lost_the_role_sees_what_customers_see(api_as):
    former = factories.make_user()
    product = factories.make_product(seller=former, is_active=False)

    assert api_as(former).get(f"products/{product.pk}/").status_code == 404


def test_the_cost_price_is_shown_to_admins_and_the_seller_only(api, api_as, admin, customer):
    seller, other = factories.make_seller(), factories.make_seller()
    product = factories.make_product(seller=seller, variant={"cost_price": Decimal("4.5")})

    def cost(client) -> str:
        return client.get(f"products/{product.pk}/").json().get("cost_price", "hidden")

    assert [cost(api_as(user)) for user in (seller, admin)] == ["4.50", "4.50"]
    assert [cost(api), cost(api_as(customer)), cost(api_as(other))] == ["hidden"] * 3


def test_a_product_takes_no_parameters(api):
    product = factories.make_product()

    assert fields_refused(api.get(f"products/{product.pk}/?expand=seller")) == ["expand"]


def test_a_bad_token_is_refused_even_where_none_is_needed(api):
    response = api.get("products/", Authorization="Bearer nonsense")

    assert response.status_code == 401


# --- Who may write ----------------------------------------------------------------------------------


def test_only_sellers_and_admins_write(api, api_as, customer):
    product = factories.make_product(name="Mine")

    for client, status in ((api, 401), (api_as(customer), 403)):
        assert client.post("products/", INPUT).status_code == status
        assert client.put(f"products/{product.pk}/", INPUT).status_code == status
        assert client.patch(f"products/{product.pk}/", {"name": "Stolen"}).status_code == status
        assert client.delete(f"products/{product.pk}/").status_code == status

    assert list(Product.objects.values_list("name", "version")) == [("Mine", 1)]


@pytest.mark.parametrize(("is_active", "status"), [(True, 403), (False, 404)])
def test_another_sellers_product_is_forbidden_when_seen_and_absent_when_hidden(as_seller, is_active, status):
    product = factories.make_product(name="Theirs", is_active=is_active)

    answers = [
        as_seller.put(f"products/{product.pk}/", INPUT),
        as_seller.patch(f"products/{product.pk}/", {"name": "Stolen", "stock_quantity": 0}),
        as_seller.delete(f"products/{product.pk}/"),
    ]

    assert [answer.status_code for answer in answers] == [status] * 3
    assert (stored(product.pk).name, stored(product.pk).version) == ("Theirs", 1)
    assert list(available_units([factories.default_variant(product).pk]).values()) == [10]


def test_an_admin_changes_any_product_and_it_stays_its_sellers(api_as, admin):
    product = factories.make_product()

    response = api_as(admin).patch(f"products/{product.pk}/", {"name": "Better name"})

    assert (response.status_code, stored(product.pk).name) == (200, "Better name")
    assert stored(product.pk).seller_id == product.seller_id


def test_writing_to_a_product_that_is_not_there_is_404(as_seller):
    assert as_seller.put(f"products/{NOBODY}/", INPUT).status_code == 404
    assert as_seller.patch(f"products/{NOBODY}/", {}).status_code == 404
    assert as_seller.delete(f"products/{NOBODY}/").status_code == 404


# --- Creating ---------------------------------------------------------------------------------------


def test_a_product_is_written_with_its_default_variant_and_stock(as_seller, seller):
    category = factories.make_category(name="Shirts")

    response = as_seller.post(
        "products/",
        {
            **INPUT,
            "compare_at_price": "24.90",
            "cost_price": 8.5,
            "sku": "BS-1",
            "stock_quantity": 12,
            "category": str(category.pk),
            "tags": ["Summer", "summer", "New in"],
        },
    )

    assert response.status_code == 201, response.content
    body = response.json()
    product, [variant] = stored(body["id"]), ProductVariant.objects.filter(product_id=body["id"])
    assert response["Location"] == f"/api/v1/products/{product.pk}/"
    assert body == as_seller.get(f"products/{product.pk}/").json()
    assert body["slug"] == "blue-shirt"
    assert (body["price"], body["compare_at_price"], body["cost_price"]) == ("19.90", "24.90", "8.50")
    assert (body["stock_quantity"], body["category_name"], body["sku"]) == (12, "Shirts", "BS-1")
    assert (product.seller, product.price, product.currency) == (seller, Decimal("19.90"), "USD")
    assert (variant.price, variant.sku, variant.position, variant.cost_price) == (
        Decimal("19.90"),
        "BS-1",
        0,
        Decimal("8.5"),
    )
    assert sorted(product.tags.values_list("name", flat=True)) == ["New in", "Summer"]
    assert product.search_text == "blue shirt shirts new in summer bs-1 blue"
    assert list(StockMovement.objects.values_list("quantity", "actor_id")) == [(12, seller.pk)]


def test_a_name_and_a_price_are_enough(as_seller):
    body = as_seller.post("products/", {"name": "Plain", "price": 5}).json()

    assert (body["price"], body["description"], body["is_active"], body["stock_quantity"]) == ("5.00", "", True, 0)


def test_products_of_one_name_get_slugs_of_their_own(as_seller):
    slugs = [as_seller.post("products/", INPUT).json()["slug"] for _ in range(3)]
    nameless = as_seller.post("products/", {**INPUT, "name": "শার্ট"}).json()["slug"]

    assert slugs == ["blue-shirt", "blue-shirt-2", "blue-shirt-3"]
    assert nameless.startswith("product-")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<script>alert(1)</script><b onclick='x()'>Hi</b>", "<b>Hi</b>"),
        ('<a href="javascript:x()">go</a>', '<a rel="noopener noreferrer">go</a>'),
        ("<img src=x onerror=alert(1)>", '<img src="x">'),
        ("Salt & Pepper", "Salt & Pepper"),
        ("<p>Two lines</p>", "<p>Two lines</p>"),
    ],
)
def test_a_description_is_kept_without_anything_that_runs(as_seller, sent, kept):
    assert as_seller.post("products/", {**INPUT, "description": sent}).json()["description"] == kept


def test_nothing_is_assigned_that_is_not_an_input(as_seller, seller):
    foreign = factories.make_seller()
    sent = {
        "id": NOBODY, "seller": str(foreign.pk), "seller_id": str(foreign.pk), "version": 99, "slug": "mine",
        "currency": "EUR", "created_at": "2001-01-01T00:00:00Z", "archived_at": "2001-01-01T00:00:00Z",
        "search_text": "x", "is_featured": True, "category_id": NOBODY, "category_name": "x",
        "discount_percentage": 90, "in_stock": True, "image_url": "https://evil.example/x.png", "vendor": "x",
        "option_names": ["x"], "weight_grams": 5, "is_taxable": False, "requires_shipping": False, "position": 7,
    }  # fmt: skip

    product_id = as_seller.post("products/", {**INPUT, **sent}).json()["id"]
    before = Product.objects.filter(pk=product_id).values().get()
    variant_before = ProductVariant.objects.filter(product_id=product_id).values().get()
    answer = as_seller.patch(f"products/{product_id}/", sent)

    assert answer.status_code == 200
    assert Product.objects.filter(pk=product_id).values().get() == before
    assert ProductVariant.objects.filter(product_id=product_id).values().get() == variant_before
    product = stored(product_id)
    assert str(product.pk) != NOBODY
    assert (product.seller, product.version, product.slug, product.currency) == (seller, 1, "blue-shirt", "USD")
    assert (product.archived_at, product.is_featured, product.category_id, product.vendor) == (None, False, None, "")
    assert (variant_before["weight_grams"], variant_before["is_taxable"], variant_before["position"]) == (0, True, 0)
    assert not product.images.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "  "), ("name", None), ("name", "a\u0000b"), ("name", "x" * 256), ("name", 5),
        ("description", "a\u0000b"), ("description", "x" * 100_001), ("description", None),
        ("price", None), ("price", ""), ("price", "-1"), ("price", "1.001"), ("price", "1e2"), ("price", "NaN"),
        ("price", "１２"), ("price", "1_000"), ("price", True), ("price", [1]), ("price", 10**30),
        ("compare_at_price", "-0.01"), ("cost_price", "-5"), ("cost_price", "free"),
        ("sku", "x" * 101), ("sku", "a\u0007"),
        ("stock_quantity", -1), ("stock_quantity", 1.5), ("stock_quantity", "1.0"), ("stock_quantity", True),
        ("stock_quantity", 2**63), ("stock_quantity", None), ("stock_quantity", "١٢"),
        ("category", "shirts"), ("category", NOBODY), ("category", [NOBODY]),
        ("image", "https://evil.example/x.png"),
        ("tags", "summer"), ("tags", ["!!!"]), ("tags", [["x"]]), ("tags", ["x"] * 51), ("tags", ["a\u0000"]),
        ("is_active", None), ("is_active", "perhaps"), ("is_active", 1), ("is_active", []),
    ],
)  # fmt: skip
def test_an_ill_formed_field_is_refused_and_nothing_is_written(as_seller, field, value):
    refused = fields_refused(as_seller.post("products/", {**INPUT, field: value}))

    assert {name.split(".")[0] for name in refused} == {field}
    assert (Product.objects.count(), ProductVariant.objects.count(), Tag.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("missing", ["name", "price"])
def test_what_a_product_cannot_be_without_is_asked_for(as_seller, missing):
    sent = {name: value for name, value in INPUT.items() if name != missing}

    assert fields_refused(as_seller.post("products/", sent)) == [missing]


def test_a_sku_belongs_to_one_variant(as_seller):
    factories.make_product(variant={"sku": "TAKEN"})

    response = as_seller.post("products/", {**INPUT, "sku": "TAKEN", "stock_quantity": 3})

    assert fields_refused(response) == ["sku"]
    assert response.json()["code"] == "sku_taken"
    assert Product.objects.count() == 1


def test_an_empty_sku_is_none_so_that_many_may_have_none(as_seller):
    answers = [as_seller.post("products/", {**INPUT, "sku": sku}).json()["sku"] for sku in ("", None, "")]

    assert answers == [None, None, None]


# --- Changing ---------------------------------------------------------------------------------------


def test_put_wants_name_and_price_and_keeps_what_is_left_out(as_seller, seller):
    category = factories.make_category()
    product = factories.make_product(seller=seller, category=category, description="Long", stock=4)

    response = as_seller.put(f"products/{product.pk}/", {"name": "New name", "price": "3"})

    body = response.json()
    assert (response.status_code, body["name"], body["price"]) == (200, "New name", "3.00")
    assert (body["description"], body["category"], body["stock_quantity"]) == ("Long", str(category.pk), 4)
    assert fields_refused(as_seller.put(f"products/{product.pk}/", {"name": "Only a name"})) == ["price"]


def test_patch_changes_the_default_variant_and_no_other(as_seller, seller):
    product = factories.make_product(seller=seller, price="10")
    factories.make_variant(product, price="11", sku="BIG")

    as_seller.patch(f"products/{product.pk}/", {"price": "12.34", "sku": "SMALL", "compare_at_price": "20"})

    variants = list(product.variants.order_by("position").values_list("price", "sku", "compare_at_price"))
    assert variants == [(Decimal("12.34"), "SMALL", Decimal(20)), (Decimal(11), "BIG", None)]
    changed = stored(product.pk)
    assert (changed.price, changed.sku, changed.compare_at_price) == (Decimal("12.34"), "SMALL", Decimal(20))
    assert "small" in changed.search_text
    assert "big" in changed.search_text


def test_the_version_rises_with_a_change_and_only_then(as_seller, seller):
    product = factories.make_product(seller=seller, name="Same", price="10.00")

    as_seller.patch(f"products/{product.pk}/", {"name": "Same", "price": "10"})
    assert (stored(product.pk).version, stored(product.pk).updated_at) == (1, product.updated_at)

    as_seller.patch(f"products/{product.pk}/", {"cost_price": "1"})
    assert stored(product.pk).version == 2
    assert stored(product.pk).updated_at > product.updated_at


def test_tags_and_category_can_be_replaced_and_taken_away(as_seller, seller):
    product = factories.make_product(seller=seller, name="Shirt", category=factories.make_category(name="Old"))
    product.tags.add(Tag.objects.create(name="Winter", slug="winter"))
    url = f"products/{product.pk}/"

    as_seller.patch(url, {"tags": ["Summer"], "category": str(factories.make_category(name="New").pk)})
    assert list(product.tags.values_list("name", flat=True)) == ["Summer"]
    assert stored(product.pk).search_text == "shirt new summer"

    assert as_seller.patch(url, {"tags": [], "category": None}).json()["category"] is None
    assert (product.tags.count(), stored(product.pk).search_text) == (0, "shirt")


def test_setting_the_stock_leaves_what_is_promised_to_orders_and_writes_the_ledger(as_seller, seller):
    product = factories.make_product(seller=seller, stock=10)
    variant = factories.default_variant(product)
    reserve(reference="order:1", demand={variant.pk: 4}, now=clock.now())

    body = as_seller.patch(f"products/{product.pk}/", {"stock_quantity": 9}).json()

    assert body["stock_quantity"] == 9
    assert variant.stock.get().on_hand == 13
    assert list(StockMovement.objects.order_by("id").values_list("quantity", flat=True)) == [10, 3]


def test_the_stock_that_was_read_can_be_sent_back_for_a_product_of_many_variants(as_seller, seller):
    product = factories.make_product(seller=seller, stock=10)
    other = factories.make_variant(product, stock=5)
    url = f"products/{product.pk}/"

    assert as_seller.patch(url, {"stock_quantity": 15}).json()["stock_quantity"] == 15
    assert as_seller.patch(url, {"stock_quantity": 7}).json()["stock_quantity"] == 7
    assert available_units([factories.default_variant(product).pk, other.pk]) == {
        factories.default_variant(product).pk: 2,
        other.pk: 5,
    }
    assert fields_refused(as_seller.patch(url, {"stock_quantity": 4})) == ["stock_quantity"]
    assert as_seller.get(url).json()["stock_quantity"] == 7


def test_a_refused_change_changes_nothing(as_seller, seller):
    factories.make_product(variant={"sku": "TAKEN"})
    product = factories.make_product(seller=seller, name="Before", stock=1)

    response = as_seller.patch(f"products/{product.pk}/", {"name": "After", "stock_quantity": 5, "sku": "TAKEN"})

    assert fields_refused(response) == ["sku"]
    assert (stored(product.pk).name, stored(product.pk).version) == ("Before", 1)
    assert list(available_units([factories.default_variant(product).pk]).values()) == [1]


def test_if_match_is_optional_and_refuses_a_stale_version(as_seller, seller, api):
    product = factories.make_product(seller=seller)
    url = f"products/{product.pk}/"
    own, public = as_seller.get(url)["ETag"], api.get(url)["ETag"]

    assert as_seller.patch(url, {"name": "One"}, If_Match=own).status_code == 200
    stale = as_seller.patch(url, {"name": "Two"}, If_Match=own)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert as_seller.patch(url, {"name": "Two"}, If_Match=public).status_code == 412
    assert as_seller.delete(url, If_Match=own).status_code == 412
    assert stored(product.pk).name == "One"
    assert as_seller.patch(url, {"name": "Two"}, If_Match=api.get(url)["ETag"]).status_code == 200
    assert as_seller.patch(url, {"name": "Three"}, If_Match="*").status_code == 200


# --- Pictures ---------------------------------------------------------------------------------------


def send_form(client, method: str, path: str, **fields):
    body = fields | {"image": SimpleUploadedFile("p.png", png_bytes(), content_type="image/png")}
    headers = {"Authorization": f"Bearer {client.access}"}
    form = encode_multipart(BOUNDARY, body)
    return client.client.generic(method, f"/api/v1/{path}", form, MULTIPART_CONTENT, headers=headers)


def test_a_product_is_sent_as_a_form_with_its_picture(as_seller, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path

    response = send_form(as_seller, "POST", "products/", **INPUT, stock_quantity="3", tags=["a", "b"])

    assert response.status_code == 201, response.content
    body = response.json()
    assert (body["is_active"], body["stock_quantity"], body["price"]) == (True, 3, "19.90")
    assert body["image_url"].startswith("http://testserver/media/products/")
    assert stored(body["id"]).tags.count() == 2


def test_a_new_picture_becomes_the_primary_one(as_seller, seller, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    product = factories.make_product(seller=seller)
    product.images.create(source_url="https://cdn.example.com/old.jpg", position=0)

    body = send_form(as_seller, "PATCH", f"products/{product.pk}/").json()

    assert body["image_url"].startswith("http://testserver/media/products/")
    assert list(product.images.order_by("position").values_list("source_url", flat=True)) == [
        "",
        "https://cdn.example.com/old.jpg",
    ]


def test_a_file_that_is_no_picture_is_refused_with_all_that_came_with_it(as_seller, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    body = INPUT | {"image": SimpleUploadedFile("p.png", b"<svg onload=alert(1)>", content_type="image/png")}

    response = as_seller.client.post("/api/v1/products/", body, headers={"Authorization": f"Bearer {as_seller.access}"})

    assert (response.status_code, response.json()["code"]) == (415, "image_type_not_allowed")
    assert (Product.objects.count(), list(tmp_path.iterdir())) == (0, [])


# --- Cost -------------------------------------------------------------------------------------------


def test_no_call_takes_more_than_nine_statements(as_seller, seller, api):
    product = factories.make_product(seller=seller)
    url = f"products/{product.pk}/"

    def statements(call) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert call().status_code in {200, 201}
        return sum("SAVEPOINT" not in entry["sql"] for entry in captured)  # the test's own wrapping

    counts = {
        "GET": statements(lambda: api.get(url)),
        "GET by its seller": statements(lambda: as_seller.get(url)),
        "POST": statements(lambda: as_seller.post("products/", INPUT)),
        "PATCH price": statements(lambda: as_seller.patch(url, {"price": "12"})),
        "PATCH price and stock": statements(lambda: as_seller.patch(url, {"price": "13", "stock_quantity": 30})),
        "PUT": statements(lambda: as_seller.put(url, {**INPUT, "stock_quantity": 20})),
    }

    assert counts == {
        "GET": 1,
        "GET by its seller": 2,
        "POST": 5,
        "PATCH price": 5,
        "PATCH price and stock": 8,
        "PUT": 9,
    }
