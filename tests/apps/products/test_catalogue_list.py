"""GET /api/v1/products/: shape, filters, ordering, pages, abuse."""

from decimal import Decimal
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.inventory.services.reservations import reserve
from apps.products.models import Product
from apps.products.services.search_index import refresh_search_text
from core import clock
from tests import factories

pytestmark = pytest.mark.django_db


def names(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [product["name"] for product in response.json()["results"]]


def error_fields(response) -> list[str]:
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    return [error["field"] for error in response.json()["errors"]]


def make_searchable(**fields) -> Product:
    product = factories.make_product(**fields)
    refresh_search_text([product.pk])
    return product


def test_a_listed_product_has_exactly_the_fields_of_the_contract(api):
    category = factories.make_category(name="Shirts")
    product = factories.make_product(
        name="Blue shirt",
        slug="blue-shirt",
        sku="BS-1",
        description="<p>Blue.</p>",
        category=category,
        price="19.90",
        compare_at_price=Decimal("29.90"),
        stock=7,
    )
    product.refresh_from_db()

    body = api.get("products/").json()

    assert list(body) == ["count", "next", "previous", "results"]
    assert (body["count"], body["next"], body["previous"]) == (1, None, None)
    assert body["results"] == [
        {
            "id": str(product.pk),
            "name": "Blue shirt",
            "slug": "blue-shirt",
            "sku": "BS-1",
            "description": "<p>Blue.</p>",
            "category": str(category.pk),
            "category_name": "Shirts",
            "price": "19.90",
            "compare_at_price": "29.90",
            "discount_percentage": 33,
            "currency": "USD",
            "stock_quantity": 7,
            "in_stock": True,
            "image_url": None,
            "is_active": True,
            "created_at": product.created_at.isoformat().replace("+00:00", "Z"),
            "updated_at": product.updated_at.isoformat().replace("+00:00", "Z"),
        }
    ]


def test_the_fields_that_may_be_empty_are_null(api):
    factories.make_product(stock=None)

    [product] = api.get("products/").json()["results"]

    empty = ("sku", "category", "category_name", "compare_at_price", "image_url")
    assert [product[name] for name in empty] == [None] * 5
    assert (product["discount_percentage"], product["stock_quantity"], product["in_stock"]) == (0, 0, False)


def test_stock_is_what_is_not_promised_to_orders_over_all_active_variants(api):
    product = factories.make_product(stock=5)
    factories.make_variant(product, stock=4)
    factories.make_variant(product, stock=100, is_active=False)
    reserve(reference="order:1", demand={factories.default_variant(product).pk: 3}, now=clock.now())

    [listed] = api.get("products/").json()["results"]

    assert (listed["stock_quantity"], listed["in_stock"]) == (6, True)


def test_the_primary_picture_is_the_first_and_its_address_absolute(api):
    product = factories.make_product()
    product.images.create(source_url="https://cdn.example.com/second.jpg", position=1)
    product.images.create(file="products/first.jpg", position=0, width=1, height=1)
    other = factories.make_product(name="Imported")
    other.images.create(source_url="https://cdn.example.com/only.jpg")

    pictures = {row["name"]: row["image_url"] for row in api.get("products/").json()["results"]}

    assert pictures == {
        product.name: "http://testserver/media/products/first.jpg",
        "Imported": "https://cdn.example.com/only.jpg",
    }


def test_pages_hold_twenty_newest_first_and_link_to_their_neighbours(api):
    for number in range(45):
        factories.make_product(name=f"P{number:02}", stock=None)

    first, second, third = (api.get(f"products/?page={number}").json() for number in (1, 2, 3))

    assert [len(page["results"]) for page in (first, second, third)] == [20, 20, 5]
    assert first["results"][0]["name"] == "P44"
    assert third["results"][-1]["name"] == "P00"
    assert {page["count"] for page in (first, second, third)} == {45}
    assert (first["previous"], first["next"]) == (None, "http://testserver/api/v1/products/?page=2")
    assert second["previous"] == "http://testserver/api/v1/products/"
    assert (third["previous"], third["next"]) == ("http://testserver/api/v1/products/?page=2", None)


def test_a_page_holds_at_most_a_hundred(api):
    for _ in range(101):
        factories.make_product(stock=None)

    assert len(api.get("products/?page_size=1000000000").json()["results"]) == 100


def test_the_first_page_of_nothing_is_empty_and_the_second_is_not_there(api):
    assert api.get("products/").json() == {"count": 0, "next": None, "previous": None, "results": []}
    assert api.get("products/?page=2").status_code == 404


def test_hidden_products_are_listed_for_nobody(api, admin, api_as):
    seller = factories.make_seller()
    factories.make_product(is_active=False, seller=seller)
    factories.make_product(is_active=False, seller=seller, archived_at=clock.now())

    assert [names(client.get("products/")) for client in (api, api_as(admin), api_as(seller))] == [[], [], []]


def test_what_it_costs_is_listed_for_admins_and_its_seller_only(api, admin, customer, api_as):
    mine, other = factories.make_seller(), factories.make_seller()
    factories.make_product(name="Mine", seller=mine, variant={"cost_price": Decimal("4")})
    factories.make_product(name="Theirs", seller=other, variant={"cost_price": Decimal("5.5")})

    def costs(client):
        return {row["name"]: row.get("cost_price", "hidden") for row in client.get("products/").json()["results"]}

    assert costs(api_as(admin)) == {"Mine": "4.00", "Theirs": "5.50"}
    assert costs(api_as(mine)) == {"Mine": "4.00", "Theirs": "hidden"}
    assert costs(api_as(customer)) == costs(api) == {"Mine": "hidden", "Theirs": "hidden"}


def test_a_category_filter_takes_an_id_or_a_slug_and_includes_what_is_below(api):
    clothes = factories.make_category(slug="clothes")
    shirts = factories.make_category(parent=clothes)
    linen = factories.make_category(parent=shirts)
    factories.make_product(name="Hat", category=clothes)
    factories.make_product(name="Shirt", category=shirts)
    factories.make_product(name="Linen shirt", category=linen)
    factories.make_product(name="Chair", category=factories.make_category())
    factories.make_product(name="Loose")

    assert names(api.get("products/?category=clothes")) == ["Linen shirt", "Shirt", "Hat"]
    assert names(api.get(f"products/?category={shirts.pk}")) == ["Linen shirt", "Shirt"]
    assert names(api.get(f"products/?category={str(linen.pk).upper()}")) == ["Linen shirt"]


def test_price_filters_include_their_bounds(api):
    for price in ("9.99", "10.00", "20.00", "20.01"):
        factories.make_product(name=price, price=price)

    assert names(api.get("products/?min_price=10&max_price=20.00&ordering=price")) == ["10.00", "20.00"]
    assert names(api.get("products/?min_price=20.01")) == ["20.01"]
    assert names(api.get("products/?min_price=5&max_price=4")) == []


def test_the_stock_filter_tells_sold_out_from_available(api):
    factories.make_product(name="there", stock=1)
    sold_out = factories.make_product(name="promised", stock=1)
    factories.make_product(name="never had any", stock=None)
    reserve(reference="order:1", demand={factories.default_variant(sold_out).pk: 1}, now=clock.now())

    assert names(api.get("products/?in_stock=true")) == ["there"]
    assert names(api.get("products/?in_stock=false")) == ["never had any", "promised"]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("price", ["b", "a", "c"]),
        ("-price", ["c", "a", "b"]),
        ("created_at", ["a", "b", "c"]),
        ("-created_at", ["c", "b", "a"]),
        ("name", ["a", "b", "c"]),
        ("-name", ["c", "b", "a"]),
    ],
)
def test_lists_are_ordered_as_asked(api, ordering, expected):
    for name, price in (("a", "2"), ("b", "1"), ("c", "3")):
        factories.make_product(name=name, price=price)

    assert names(api.get(f"products/?ordering={ordering}")) == expected


def test_products_of_one_price_stand_on_one_page_each(api):
    expected = {factories.make_product(price="5").name for _ in range(30)}

    seen = [name for page in (1, 2, 3) for name in names(api.get(f"products/?ordering=price&page_size=10&page={page}"))]

    assert (len(seen), set(seen)) == (30, expected)


@pytest.mark.parametrize(
    "search",
    ["shirt", "SHIRT", "  blue   shirt ", "shirt blue", "cafe", "CAFÉ", "bs-1", "acme", "summer", "hemden", "soft"],
)
def test_every_searched_word_may_stand_anywhere_in_any_case_and_accent(api, search):
    product = factories.make_product(
        name="Blue Shirt Café",
        sku="BS-1",
        vendor="Acme",
        description="<p>Very<b>soft</b></p>",
        category=factories.make_category(name="Hemden"),
    )
    product.tags.create(name="Summer", slug="summer")
    refresh_search_text([product.pk])
    make_searchable(name="Trousers")

    assert names(api.get(f"products/?search={quote(search)}")) == ["Blue Shirt Café"]


@pytest.mark.parametrize("search", ["blue trousers", "%", "_", "\\", "b%e", "script", "'", '"; DROP TABLE'])
def test_what_does_not_occur_is_not_found(api, search):
    make_searchable(name="Blue shirt")

    assert names(api.get(f"products/?search={quote(search)}")) == []


def test_a_sign_that_databases_treat_specially_is_found_as_itself(api):
    make_searchable(name="100% cotton_shirt back\\slash")
    make_searchable(name="1000 cottonXshirts")

    for search in ("100%", "cotton_shirt", "back\\slash"):
        assert names(api.get(f"products/?search={quote(search)}")) == ["100% cotton_shirt back\\slash"]


def test_an_empty_value_asks_for_nothing(api):
    factories.make_product(name="a")

    assert names(api.get("products/?category=&min_price=&max_price=&in_stock=&search=&ordering=")) == ["a"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("ordering=seller", "ordering"),
        ("ordering=price,name", "ordering"),
        ("ordering=-cost_price", "ordering"),
        ("ordering=price%00", "ordering"),
        ("seller__email=a", "seller__email"),
        ("price__gte=1", "price__gte"),
        ("category__name=x", "category__name"),
        ("unknown=1", "unknown"),
        ("min_price=-1", "min_price"),
        ("min_price=1e3", "min_price"),
        ("min_price=NaN", "min_price"),
        ("min_price=1_000", "min_price"),
        ("min_price=%D9%A1%D9%A2", "min_price"),
        ("max_price=1,5", "max_price"),
        ("max_price=9999999999999999", "max_price"),
        ("max_price=%00", "max_price"),
        ("in_stock=maybe", "in_stock"),
        ("in_stock=true&in_stock=false", "in_stock"),
        ("category=no-such-category", "category"),
        ("category=01a1f8fc-79a4-7478-ada9-0474c1977c2b", "category"),
        ("category=a%00b", "category"),
        ("category=%27%20OR%201=1", "category"),
        ("search=a%00b", "search"),
        ("search=%1b", "search"),
        (f"search={'x' * 10_000}", "search"),
        (f"search={'a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s+t+u+v'}", "search"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1.0", "page"),
        ("page=last", "page"),
        ("page=%D9%A1", "page"),
        ("page=99999999999999999999", "page"),
        ("page_size=0", "page_size"),
        ("page_size=all", "page_size"),
    ],
)
def test_an_unknown_or_ill_formed_parameter_is_refused_by_name(api, query, field):
    assert error_fields(api.get(f"products/?{query}")) == [field]


def test_all_faults_are_named_at_once(api):
    assert sorted(error_fields(api.get("products/?min_price=x&in_stock=y&nonsense=z"))) == [
        "in_stock",
        "min_price",
        "nonsense",
    ]


def test_bytes_that_are_no_text_are_harmless(api):
    assert api.get("products/?search=%ff%fe").status_code == 200


@pytest.mark.parametrize("query", ["", "?category=things&search=product&in_stock=true&min_price=1&ordering=price"])
def test_a_list_of_a_hundred_costs_as_many_statements_as_one_of_ten(api, admin, api_as, query):
    category = factories.make_category(slug="things")

    def statements(client) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            response = client.get(f"products/{query}{'&' if query else '?'}page_size=100")
        assert response.status_code == 200
        return len(captured), len(response.json()["results"])

    for _ in range(10):
        factories.make_product(category=category, price="5")
    few = [statements(client) for client in (api, api_as(admin))]
    for _ in range(90):
        factories.make_product(category=category, price="5")
    many = [statements(client) for client in (api, api_as(admin))]

    assert [rows for _, rows in few] == [10, 10]
    assert [rows for _, rows in many] == [100, 100]
    assert [count for count, _ in few] == [count for count, _ in many] == ([3, 4] if query else [2, 3])


def test_head_answers_like_get_without_a_body(api):
    factories.make_product()

    response = api.client.head("/api/v1/products/")

    assert (response.status_code, response.content) == (200, b"")
    assert response["ETag"] == api.get("products/")["ETag"]
