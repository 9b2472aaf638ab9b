"""How many there are: stock rows, reservations against them, and the ledger that explains them."""

import uuid
from collections.abc import Iterable
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.inventory.states import MovementKind, ReservationState
from apps.products.models import ProductVariant
from core.model_bases import AppendOnlyModel, TimestampedModel, UUIDModel


class StockLocation(TimestampedModel):
    """A place where goods lie. One for now: the one with `is_default`."""

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ("code",)
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_location")
        ]

    def __str__(self) -> str:
        return self.name


class StockQuerySet(models.QuerySet["Stock"]):
    """Reads of stock rows."""

    def sold_from(self) -> Self:
        """The rows customers are served from: those of the default location."""
        return self.filter(location__is_default=True)

    def of_variants(self, variant_ids: Iterable[uuid.UUID]) -> Self:
        return self.filter(variant_id__in=list(variant_ids))


class Stock(UUIDModel):
    """Units of one variant at one location. `on_hand` is what lies there, `reserved` what open orders will take.

    Available = on_hand - reserved. Changed only by the services of this app, by conditional UPDATE.
    """

    variant = models.ForeignKey(ProductVariant, on_delete=models.CASCADE, related_name="stock")
    location = models.ForeignKey(StockLocation, on_delete=models.PROTECT, related_name="stock")
    on_hand = models.PositiveIntegerField(default=0)
    reserved = models.PositiveIntegerField(default=0)
    low_stock_threshold = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[StockQuerySet] = StockQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "stock"
        constraints = [
            models.UniqueConstraint(fields=["variant", "location"], name="one_stock_row_per_variant_and_location"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="stock_reserved_not_negative"),
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="stock_reserved_within_on_hand"),
        ]

    def __str__(self) -> str:
        return f"{self.on_hand - self.reserved} of {self.variant_id}"

    @property
    def available(self) -> int:
        """Units that can still be sold."""
        return self.on_hand - self.reserved


class Reservation(UUIDModel):
    """Units of one stock row promised to one reference (an order). Leaves OPEN once, by conditional UPDATE."""

    stock = models.ForeignKey(Stock, on_delete=models.PROTECT, related_name="reservations")
    reference = models.CharField(max_length=100)
    quantity = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=ReservationState.choices, default=ReservationState.OPEN)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["reference", "stock"], name="one_reservation_per_reference_and_stock"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_quantity_positive"),
            models.CheckConstraint(
                condition=Q(state=ReservationState.OPEN, closed_at=None)
                | Q(state__in=[ReservationState.COMMITTED, ReservationState.RELEASED], closed_at__isnull=False),
                name="reservation_closed_when_not_open",
            ),
        ]


class StockMovement(AppendOnlyModel):
    """Why `on_hand` changed: the sum of a stock row's movements is its `on_hand`."""

    stock = models.ForeignKey(Stock, on_delete=models.CASCADE, related_name="movements")
    kind = models.CharField(max_length=12, choices=MovementKind.choices)
    quantity = models.IntegerField()
    reason = models.CharField(max_length=200, blank=True)
    reference = models.CharField(max_length=100, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(condition=~Q(quantity=0), name="movement_not_zero"),
            models.UniqueConstraint(
                fields=["reference", "kind", "stock"],
                condition=Q(kind__in=[MovementKind.SHIP, MovementKind.RESTOCK]),
                name="shipped_and_restocked_once_per_reference",
            ),
        ]
        indexes = [models.Index(fields=["reference"], name="movement_reference")]
