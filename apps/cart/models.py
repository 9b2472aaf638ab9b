"""Carts kept in the database (the default cart store)."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.products.models import ProductVariant
from core.model_bases import TimestampedModel, UUIDModel


class Cart(TimestampedModel):
    """A customer's or a guest's cart. It becomes at most one order: then `ordered_at` is set and a new one begins.

    A guest is known by a token of which only the hash is stored. `updated_at` is the last change, exact to an hour:
    it only dates the cart's expiry, and a column that rarely changes keeps adding to a cart cheap.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="carts")
    token_hash = models.CharField(max_length=64, null=True)
    ordered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-updated_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(ordered_at=None), name="one_open_cart_per_user"),
            models.UniqueConstraint(
                fields=["token_hash"], condition=Q(ordered_at=None), name="one_open_cart_per_guest_token"
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False, token_hash=None) | Q(user=None, token_hash__isnull=False),
                name="cart_has_one_owner",
            ),
        ]
        indexes = [
            models.Index(fields=["updated_at"], name="cart_last_touched"),
            models.Index(fields=["token_hash"], condition=Q(token_hash__isnull=False), name="cart_of_guest"),
        ]


class CartItem(UUIDModel):
    """One variant and how many of it."""

    # No index of its own: the unique key below begins with the cart.
    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="items", db_index=False)
    variant = models.ForeignKey(ProductVariant, on_delete=models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField()
    added_at = models.DateTimeField()

    class Meta:
        ordering = ("added_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["cart", "variant"], name="one_cart_line_per_variant"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="cart_quantity_positive"),
        ]
