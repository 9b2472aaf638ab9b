"""Orders: what was bought, for how much, where it goes and what happened to it."""

import datetime as dt
import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from apps.orders.states import FINISHED, OrderStatus, PaymentMethod, PaymentStatus
from apps.orders.tracking import CARRIER_LENGTH, NUMBER_LENGTH, URL_LENGTH
from apps.products.models import Product, ProductVariant
from core.fields import CurrencyField, MoneyField
from core.model_bases import AppendOnlyModel, TimestampedModel, UUIDModel


class OrderQuerySet(models.QuerySet["Order"]):
    """Reads of orders. Whose they are is asked here and nowhere else."""

    def of_user(self, user_id: uuid.UUID) -> Self:
        return self.filter(user_id=user_id)

    def of_token(self, token_hash: str) -> Self:
        """The guest's order of that token. An empty hash finds nothing."""
        return self.filter(order_token_hash=token_hash) if token_hash else self.none()

    def sold_by(self, seller_id: uuid.UUID) -> Self:
        """Orders with at least one line of that seller."""
        return self.filter(Exists(OrderItem.objects.filter(order=OuterRef("pk"), seller_id=seller_id)))

    def finished(self) -> Self:
        return self.filter(status__in=sorted(FINISHED))

    def due_to_expire(self, now: dt.datetime) -> Self:
        return self.filter(status=OrderStatus.PENDING, expires_at__lte=now)


class Order(TimestampedModel):
    """A customer's or a guest's order with prices and addresses frozen at checkout.

    `total_amount` = subtotal - discount_amount + shipping_cost + (tax_amount unless prices include tax).
    `cart_id` is the cart it came from: unique, so one cart makes one order. `pricing_steps` explains the
    figures. `version` rises with every change and dates the ETag. While it `is_on_hold` it is not sent.
    `carrier`, `tracking_number` and `tracking_url` tell how its parcel is followed, "" where that is not known.
    """

    order_number = models.CharField(max_length=20, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    email = models.EmailField(max_length=254)
    order_token_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)
    cart_id = models.UUIDField(unique=True, editable=False)
    status = models.CharField(max_length=12, choices=OrderStatus.choices, default=OrderStatus.PENDING)
    payment_status = models.CharField(max_length=20, choices=PaymentStatus.choices, default=PaymentStatus.PENDING)
    payment_method = models.CharField(max_length=12, choices=PaymentMethod.choices)
    currency = CurrencyField()
    subtotal = MoneyField()
    discount_amount = MoneyField(default=0)
    shipping_cost = MoneyField(default=0)
    tax_amount = MoneyField(default=0)
    total_amount = MoneyField()
    prices_include_tax = models.BooleanField(default=False)
    pricing_steps = models.JSONField(default=list)
    shipping_method_code = models.CharField(max_length=50, blank=True)
    shipping_method_name = models.CharField(max_length=200, blank=True)
    shipping_address = models.JSONField()
    billing_address = models.JSONField()
    notes = models.TextField(blank=True)
    language = models.CharField(max_length=10, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.CharField(max_length=200, blank=True)
    is_on_hold = models.BooleanField(default=False, db_default=False)
    shipping_refunded = models.BooleanField(default=False, db_default=False)
    carrier = models.CharField(max_length=CARRIER_LENGTH, blank=True, default="", db_default="")
    tracking_number = models.CharField(max_length=NUMBER_LENGTH, blank=True, default="", db_default="")
    tracking_url = models.CharField(max_length=URL_LENGTH, blank=True, default="", db_default="")
    version = models.PositiveIntegerField(default=1)

    objects = OrderQuerySet.as_manager()

    # The lines, where a read fetched them along with the order (locks.lock_with_items).
    fetched_items: "list[OrderItem] | None" = None

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="order_of_user"),
            models.Index(fields=["status", "-created_at", "-id"], name="order_by_status"),
            models.Index(fields=["expires_at"], condition=Q(status="pending"), name="order_to_expire"),
            models.Index(fields=["email"], condition=Q(user=None), name="order_of_guest"),
            models.Index(fields=["delivered_at"], condition=Q(status="delivered"), name="order_by_delivery"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(total_amount__gte=0), name="order_total_not_negative"),
            models.CheckConstraint(
                condition=Q(discount_amount__lte=F("subtotal")), name="order_discount_within_subtotal"
            ),
            models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="order_status_known"),
            models.CheckConstraint(
                condition=Q(payment_status__in=PaymentStatus.values), name="order_payment_status_known"
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(order_token_hash__isnull=False), name="order_has_an_owner"
            ),
            models.CheckConstraint(
                condition=Q(tracking_url="")
                | Q(tracking_url__startswith="http://")
                | Q(tracking_url__startswith="https://"),
                name="order_tracking_url_is_of_the_web",
            ),
        ]

    def __str__(self) -> str:
        return self.order_number


class OrderItem(UUIDModel):
    """One line of an order: what it was called and what it cost on that day."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="order_items")
    variant = models.ForeignKey(ProductVariant, on_delete=models.PROTECT, related_name="order_items")
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sold_items")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=511)
    sku = models.CharField(max_length=100, null=True)
    quantity = models.PositiveIntegerField()
    unit_price = MoneyField()
    discount_amount = MoneyField(default=0)
    tax_rate = models.DecimalField(max_digits=7, decimal_places=5, default=0)
    tax_amount = MoneyField(default=0)
    total = MoneyField()
    currency = CurrencyField()
    refunded_quantity = models.PositiveIntegerField(default=0, db_default=0)
    restocked_quantity = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ("position", "id")
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_item_quantity_positive"),
            models.CheckConstraint(
                condition=Q(refunded_quantity__lte=F("quantity")), name="order_item_refunded_within_quantity"
            ),
            models.CheckConstraint(
                condition=Q(restocked_quantity__lte=F("quantity")), name="order_item_restocked_within_quantity"
            ),
            models.UniqueConstraint(fields=["order", "position"], name="one_order_item_per_position"),
        ]


class OrderStatusChange(AppendOnlyModel):
    """One move of an order along its state tables, by whom and why. The last row is the present state."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="status_changes")
    field = models.CharField(max_length=16, choices=[("status", "status"), ("payment_status", "payment status")])
    from_state = models.CharField(max_length=20, blank=True)
    to_state = models.CharField(max_length=20)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("created_at", "id")
