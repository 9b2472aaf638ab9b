"""Carts end some time after nobody touched them any more."""

import datetime as dt

import pytest

from apps.cart import periodic
from apps.cart.models import Cart, CartItem
from apps.cart.owners import CartOwner
from apps.cart.services import expiry
from apps.cart.services.carts import add_item, read_cart
from core import clock
from core.periodic.registry import jobs
from tests import factories

pytestmark = pytest.mark.django_db


def make_cart(**dates) -> Cart:
    cart = Cart.objects.create(user=factories.make_user())
    CartItem.objects.create(
        cart=cart, variant=factories.default_variant(factories.make_product()), quantity=1, added_at=clock.now()
    )
    Cart.objects.filter(pk=cart.pk).update(**dates)
    return cart


def days_ago(days: float) -> dt.datetime:
    return clock.now() - dt.timedelta(days=days)


def test_open_carts_go_thirty_days_after_their_last_change(settings):
    settings.CART_DAYS = 30
    make_cart(updated_at=days_ago(30.1))
    kept = make_cart(updated_at=days_ago(29.9))
    assert expiry.delete_old_carts(now=clock.now()) == 1
    assert [item.cart for item in CartItem.objects.all()] == [kept]


def test_ordered_carts_go_ninety_days_after_their_order():
    make_cart(updated_at=days_ago(91), ordered_at=days_ago(91))
    kept = make_cart(updated_at=days_ago(89), ordered_at=days_ago(89))
    assert expiry.delete_old_carts(now=clock.now()) == 1
    assert list(Cart.objects.all()) == [kept]


def test_an_add_keeps_a_cart_alive():
    cart = make_cart(updated_at=days_ago(29))
    owner = CartOwner(user_id=cart.user_id)
    add_item(owner=owner, product_id=factories.make_product().pk, quantity=1, now=clock.now())
    cart.refresh_from_db()
    assert clock.now() - cart.updated_at < dt.timedelta(minutes=1)
    assert read_cart(owner=owner).id == cart.pk


def test_more_carts_than_a_batch_are_all_deleted(monkeypatch):
    monkeypatch.setattr(expiry, "BATCH", 2)
    for _ in range(5):
        make_cart(updated_at=days_ago(31))
    assert expiry.delete_old_carts(now=clock.now()) == 5
    assert Cart.objects.count() == 0


def test_the_worker_does_so_once_an_hour():
    job = jobs()["cart.delete_old_carts"]
    make_cart(updated_at=days_ago(31))
    job.run(clock.now())
    assert (job.seconds, job.run, Cart.objects.count()) == (3600, periodic.sweep, 0)
