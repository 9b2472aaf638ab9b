"""The cart over HTTP: Table A of the contract, for customers and guests."""

import uuid

import pytest

from apps.products.models import Product
from core import clock
from tests import factories
from tests.apps.cart.redis_store import BOTH

pytestmark = [pytest.mark.django_db, BOTH]


@pytest.fixture
def shopper(api_as, customer):
    return api_as(customer)


def lines(cart: dict) -> list[tuple[str, int]]:
    return [(line["product_id"], line["quantity"]) for line in cart["items"]]


def add(client, product, quantity=1, **fields):
    return client.post("cart/add/", {"product_id": str(product.pk), "quantity": quantity, **fields})


def assert_problem(response, status: int, code: str) -> dict:
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert response["Content-Type"] == "application/problem+json"
    return problem


EMPTY = {"id": None, "items": [], "total_items": 0, "subtotal": "0.00", "currency": "USD"}


def test_a_new_customer_and_a_new_guest_see_an_empty_cart_and_none_is_made(api, shopper):
    for client in (api, shopper):
        response = client.get("cart/")
        assert (response.status_code, response.json()) == (200, EMPTY)
        assert "X-Cart-Token" not in response


@pytest.mark.parametrize("path", ["cart/", "cart/add/"])
def test_adding_answers_201_with_the_whole_cart(shopper, path):
    product = factories.make_product(name="Shirt", price="19.99", stock=5, variant={"sku": "SH-1"})
    response = shopper.post(path, {"product_id": str(product.pk), "quantity": 2})
    cart = response.json()
    cart_id, item_id = uuid.UUID(cart["id"]), uuid.UUID(cart["items"][0]["id"])
    assert response.status_code == 201
    assert "X-Cart-Token" not in response
    assert response.json() == {
        "id": str(cart_id),
        "items": [
            {
                "id": str(item_id),
                "product_id": str(product.pk),
                "variant_id": str(factories.default_variant(product).pk),
                "name": "Shirt",
                "sku": "SH-1",
                "quantity": 2,
                "unit_price": "19.99",
                "line_total": "39.98",
                "in_stock": True,
            }
        ],
        "total_items": 2,
        "subtotal": "39.98",
        "currency": "USD",
    }
    assert shopper.get("cart/").json() == response.json()


def test_the_same_line_again_adds_to_its_quantity(shopper):
    shirt, hat = factories.make_product(price="3.00"), factories.make_product(price="0.10")
    add(shopper, shirt, 2)
    add(shopper, hat, 3)
    cart = add(shopper, shirt, 4).json()
    assert lines(cart) == [(str(shirt.pk), 6), (str(hat.pk), 3)]
    assert (cart["total_items"], cart["subtotal"]) == (9, "18.30")


def test_a_variant_can_be_named_and_is_a_line_of_its_own(shopper):
    shirt = factories.make_product(name="Shirt", price="10.00", variant={"name": "Small"})
    large = factories.make_variant(shirt, name="Large", price="12.00")
    add(shopper, shirt)
    cart = add(shopper, shirt, 2, variant_id=str(large.pk)).json()
    assert [(line["name"], line["quantity"], line["line_total"]) for line in cart["items"]] == [
        ("Shirt - Small", 1, "10.00"),
        ("Shirt - Large", 2, "24.00"),
    ]


def test_without_a_variant_the_first_one_on_sale_is_meant(shopper):
    shirt = factories.make_product(variant={"is_active": False})
    second = factories.make_variant(shirt)
    factories.make_variant(shirt)
    assert add(shopper, shirt).json()["items"][0]["variant_id"] == str(second.pk)


def test_prices_and_totals_sent_by_the_client_change_nothing(shopper):
    product = factories.make_product(price="10.00")
    cart = add(shopper, product, price="0.01", unit_price="0.01", line_total="0.01", user_id="x").json()
    assert cart["subtotal"] == "10.00"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"quantity": 1}, "product_id"),
        ({"product_id": "not-a-uuid", "quantity": 1}, "product_id"),
        ({"product_id": str(uuid.uuid4()), "variant_id": "x", "quantity": 1}, "variant_id"),
        ({"product_id": str(uuid.uuid4())}, "quantity"),
        *(
            ({"product_id": str(uuid.uuid4()), "quantity": quantity}, "quantity")
            for quantity in (0, -1, 1001, 1.5, "1_0", "١", True, None, "two", [1])
        ),
    ],
)
def test_input_that_can_never_be_valid_is_refused_naming_the_field(shopper, data, field):
    problem = assert_problem(shopper.post("cart/add/", data), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert shopper.get("cart/").json() == EMPTY


def test_unknown_products_and_variants_of_others_are_not_found(shopper):
    shirt, hat = factories.make_product(), factories.make_product()
    nobody = {"product_id": str(uuid.uuid4()), "quantity": 1}
    assert_problem(shopper.post("cart/add/", nobody), 404, "product_not_found")
    foreign = str(factories.default_variant(hat).pk)
    assert_problem(add(shopper, shirt, variant_id=foreign), 404, "variant_not_found")
    assert_problem(add(shopper, shirt, variant_id=str(uuid.uuid4())), 404, "variant_not_found")
    assert shopper.get("cart/").json() == EMPTY


def test_a_withdrawn_product_or_variant_cannot_be_added(shopper):
    shirt = factories.make_product(is_active=False)
    assert_problem(add(shopper, shirt), 409, "product_unavailable")
    hat = factories.make_product()
    withdrawn = factories.make_variant(hat, is_active=False)
    assert_problem(add(shopper, hat, variant_id=str(withdrawn.pk)), 409, "product_unavailable")
    assert shopper.get("cart/").json() == EMPTY


@pytest.mark.parametrize(("stock", "detail"), [(0, "No units are left."), (None, "No units are left.")])
def test_a_sold_out_product_cannot_be_added(shopper, stock, detail):
    shirt = factories.make_product(name="Shirt", stock=stock)
    problem = assert_problem(add(shopper, shirt), 409, "out_of_stock")
    variant = str(factories.default_variant(shirt).pk)
    assert problem["shortages"] == [{"variant_id": variant, "requested": 1, "available": 0}]
    assert problem["detail"] == f"Shirt: {detail}"
    assert shopper.get("cart/").json() == EMPTY


def test_asking_for_more_than_is_available_is_refused_and_changes_nothing(shopper):
    shirt = factories.make_product(name="Shirt", stock=3)
    add(shopper, shirt, 2)
    before = shopper.get("cart/").json()
    problem = assert_problem(add(shopper, shirt, 2), 409, "out_of_stock")
    assert problem["shortages"][0]["available"] == 3
    assert problem["detail"] == "Shirt: Only 3 units are left."
    assert shopper.get("cart/").json() == before
    assert add(shopper, shirt, 1).json()["total_items"] == 3


def test_a_line_holds_at_most_so_many(shopper, settings):
    settings.CART_MAX_QUANTITY = 5
    shirt = factories.make_product(stock=100)
    add(shopper, shirt, 4)
    before = shopper.get("cart/").json()
    assert assert_problem(add(shopper, shirt, 2), 409, "cart_quantity_limit")["limit"] == 5
    assert shopper.get("cart/").json() == before


def test_a_cart_holds_at_most_so_many_lines(shopper, settings):
    settings.CART_MAX_LINES = 2
    shirt, hat, sock = (factories.make_product() for _ in range(3))
    add(shopper, shirt)
    add(shopper, hat)
    assert assert_problem(add(shopper, sock), 409, "cart_full")["limit"] == 2
    assert lines(add(shopper, hat).json()) == [(str(shirt.pk), 1), (str(hat.pk), 2)]


class TestOneLine:
    @pytest.fixture
    def item(self, shopper):
        shirt = factories.make_product(name="Shirt", price="2.50", stock=5)
        return add(shopper, shirt, 2).json()["items"][0]

    @pytest.fixture(params=["cart/items/{}/", "cart/{}/"])
    def path(self, request, item):
        return request.param.format(item["id"])

    def test_it_can_be_read(self, shopper, item, path):
        response = shopper.get(path)
        assert (response.status_code, response.json()) == (200, item)

    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_its_quantity_can_be_set(self, shopper, path, method):
        response = getattr(shopper, method)(path, {"quantity": 5})
        cart = response.json()
        assert response.status_code == 200
        assert (cart["items"][0]["quantity"], cart["subtotal"]) == (5, "12.50")
        assert shopper.get("cart/").json() == cart

    def test_zero_removes_it(self, shopper, path):
        response = shopper.patch(path, {"quantity": 0})
        assert (response.status_code, response.json()["items"]) == (200, [])
        assert_problem(shopper.get(path), 404, "cart_item_not_found")

    def test_delete_removes_it_once(self, shopper, path):
        assert shopper.delete(path).status_code == 204
        assert shopper.get("cart/").json()["items"] == []
        assert_problem(shopper.delete(path), 404, "cart_item_not_found")

    def test_it_cannot_hold_more_than_is_available(self, shopper, item, path):
        problem = assert_problem(shopper.patch(path, {"quantity": 6}), 409, "out_of_stock")
        assert problem["shortages"] == [{"variant_id": item["variant_id"], "requested": 6, "available": 5}]
        assert shopper.get(path).json() == item

    def test_it_cannot_hold_more_than_the_limit(self, shopper, item, path, settings):
        settings.CART_MAX_QUANTITY = 3
        assert_problem(shopper.patch(path, {"quantity": 4}), 409, "cart_quantity_limit")
        assert shopper.get(path).json() == item

    @pytest.mark.parametrize("data", [{}, {"quantity": -1}, {"quantity": "x"}, {"quantity": 1.5}])
    def test_a_wrong_quantity_is_refused(self, shopper, item, path, data):
        assert_problem(shopper.patch(path, data), 400, "invalid")
        assert shopper.get(path).json() == item

    def test_a_withdrawn_product_can_be_lowered_only_to_nothing(self, shopper, item, path):
        Product.objects.update(is_active=False)
        assert shopper.get(path).json()["in_stock"] is False
        assert_problem(shopper.patch(path, {"quantity": 1}), 409, "product_unavailable")
        assert shopper.delete(path).status_code == 204

    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
    def test_to_everybody_else_it_is_not_there(self, api, api_as, shopper, item, path, method):
        stranger = api_as(factories.make_user())
        add(stranger, factories.make_product())
        guest = factories_guest(api)
        nobody = type(api)(api.client)
        for client in (stranger, guest, nobody, api_as(factories.make_admin())):
            data = None if method in {"get", "delete"} else {"quantity": 1}
            arguments = (path,) if data is None else (path, data)
            assert_problem(getattr(client, method)(*arguments), 404, "cart_item_not_found")
        assert shopper.get(path).json() == item


def factories_guest(api):
    """A guest with a cart of their own."""
    guest = type(api)(api.client)
    guest.cart_token = add(guest, factories.make_product())["X-Cart-Token"]
    return guest


class TestClearing:
    def test_post_answers_the_empty_cart(self, shopper):
        cart_id = add(shopper, factories.make_product(), 2).json()["id"]
        response = shopper.post("cart/clear/")
        assert (response.status_code, response.json()) == (200, {**EMPTY, "id": cart_id})
        assert shopper.post("cart/clear/").status_code == 200

    def test_delete_answers_nothing(self, shopper):
        add(shopper, factories.make_product(), 2)
        assert shopper.delete("cart/clear/").status_code == 204
        assert shopper.get("cart/").json()["items"] == []

    def test_it_clears_no_other_cart(self, api, shopper):
        guest = factories_guest(api)
        add(shopper, factories.make_product())
        guest.post("cart/clear/")
        assert shopper.get("cart/").json()["total_items"] == 1

    def test_there_may_be_nothing_to_clear(self, api, shopper):
        assert api.post("cart/clear/").json() == EMPTY
        assert shopper.delete("cart/clear/").status_code == 204


class TestGuests:
    def test_a_token_is_issued_on_the_first_write_in_header_and_body(self, api):
        shirt = factories.make_product()
        first = add(api, shirt, 2)
        token = first["X-Cart-Token"]
        assert len(token) == 43
        assert first.json()["cart_token"] == token
        api.cart_token = token
        second = add(api, shirt, 1)
        assert "X-Cart-Token" not in second
        assert "cart_token" not in second.json()
        assert lines(api.get("cart/").json()) == [(str(shirt.pk), 3)]

    @pytest.mark.parametrize("token", ["x" * 43, "short", "x" * 10_000, "ü" * 43, "../../etc/passwd"])
    def test_a_token_of_the_clients_own_making_is_never_adopted(self, api, token):
        api.cart_token = token
        assert api.get("cart/").json() == EMPTY
        response = add(api, factories.make_product())
        assert response.status_code == 201
        assert response["X-Cart-Token"] != token
        assert api.get("cart/").json() == EMPTY

    def test_a_refused_first_add_issues_nothing(self, api):
        response = add(api, factories.make_product(stock=0))
        assert_problem(response, 409, "out_of_stock")
        assert "X-Cart-Token" not in response

    def test_the_token_stays_good_after_the_cart_is_cleared(self, api):
        api.cart_token = add(api, factories.make_product())["X-Cart-Token"]
        api.post("cart/clear/")
        assert "X-Cart-Token" not in add(api, factories.make_product())

    def test_the_token_stays_good_after_an_order_and_opens_a_new_cart(self, api, django_capture_on_commit_callbacks):
        first = add(api, factories.make_product())
        api.cart_token = first["X-Cart-Token"]
        factories.make_shipping()
        with django_capture_on_commit_callbacks(execute=True):
            data = {"email": "guest@example.com", "shipping_address": factories.ADDRESS}
            assert api.post("cart/checkout/", data).status_code == 201
        assert api.get("cart/").json()["items"] == []
        second = add(api, factories.make_product())
        assert "X-Cart-Token" not in second
        assert second.json()["id"] != first.json()["id"]

    def test_an_account_outranks_the_token_sent_with_it(self, api, api_as, customer):
        guest = factories_guest(api)
        shopper = api_as(customer)
        shopper.cart_token = guest.cart_token
        assert shopper.get("cart/").json() == EMPTY
        assert add(shopper, factories.make_product(), 3).json()["total_items"] == 3
        assert guest.get("cart/").json()["total_items"] == 1


def test_sellers_and_admins_have_carts_like_anybody(api_as, seller, admin):
    for user in (seller, admin):
        assert add(api_as(user), factories.make_product(seller=seller), 1).status_code == 201


def test_lines_that_cannot_be_bought_any_more_are_shown_as_they_are(shopper):
    shirt, hat = factories.make_product(stock=5), factories.make_product(stock=5)
    add(shopper, shirt, 5)
    add(shopper, hat, 1)
    factories.set_available(variant_id=factories.default_variant(shirt).pk, quantity=4, reason="test", now=clock.now())
    hat.is_active = False
    hat.save(update_fields=["is_active"])
    cart = shopper.get("cart/").json()
    assert [(line["quantity"], line["in_stock"]) for line in cart["items"]] == [(5, False), (1, False)]


def test_words_of_the_cart_are_no_line_ids(api):
    assert api.get("cart/add/").status_code == 405
    assert api.get("cart/clear/").status_code == 405
    assert api.get("cart/anything/").status_code == 404


def test_the_cart_is_nobody_elses_business(shopper):
    assert shopper.get("cart/")["Cache-Control"] == "private, no-store"


def test_adds_have_a_limit_of_their_own(shopper, settings):
    settings.THROTTLE_ENABLED = True
    settings.THROTTLE_RATES = settings.THROTTLE_RATES | {"cart_add": "2/minute"}
    product = factories.make_product()
    codes = [add(shopper, product).status_code for _ in range(2)]
    codes.append(shopper.post("cart/", {"product_id": str(product.pk), "quantity": 1}).status_code)
    assert codes == [201, 201, 429]
    assert shopper.get("cart/").json()["total_items"] == 2
