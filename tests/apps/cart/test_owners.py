"""Whose cart it is."""

import pytest

from apps.cart.models import Cart
from apps.cart.owners import CartOwner
from core.ids import hash_token, new_id
from tests import factories


@pytest.mark.parametrize("owner", [{}, {"token_hash": ""}, {"user_id": new_id(), "token_hash": "x"}])
def test_a_cart_has_one_owner_and_nobody_is_none(owner):
    with pytest.raises(ValueError):
        CartOwner(**owner)


@pytest.mark.django_db
def test_only_a_hash_of_a_guests_token_is_kept(api):
    answer = api.post("cart/add/", {"product_id": str(factories.make_product().pk), "quantity": 1})
    assert Cart.objects.get().token_hash == hash_token(answer["X-Cart-Token"])
