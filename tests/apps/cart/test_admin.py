"""Carts in the back office are there to be looked at."""

import pytest
from django.contrib import admin
from django.test import Client

from apps.cart.models import Cart, CartItem
from core import clock
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(admin) -> Client:
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def cart(customer) -> Cart:
    cart = Cart.objects.create(user=customer)
    variant = factories.default_variant(factories.make_product(variant={"sku": "SH-1"}))
    CartItem.objects.create(cart=cart, variant=variant, quantity=3, added_at=clock.now())
    return cart


def test_carts_are_listed_found_and_shown_with_their_lines(office, cart, customer):
    for query in ("", f"?q={customer.email}", f"?q={cart.pk}"):
        assert customer.email in office.get(f"/admin/cart/cart/{query}").content.decode()
    assert "SH-1" in office.get(f"/admin/cart/cart/{cart.pk}/change/").content.decode()


def test_nobody_changes_a_cart_there(office, cart):
    assert office.get("/admin/cart/cart/add/").status_code == 403
    assert office.post(f"/admin/cart/cart/{cart.pk}/change/", {}).status_code == 403
    assert office.post(f"/admin/cart/cart/{cart.pk}/delete/", {"post": "yes"}).status_code == 403
    assert CartItem.objects.get().quantity == 3
    assert admin.site.is_registered(Cart)
