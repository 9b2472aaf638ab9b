"""Tax rates by place and kind of goods."""

from django.db import models
from django.db.models import Q

from core import countries
from core.model_bases import TimestampedModel


class TaxRate(TimestampedModel):
    """A share of the net price (0.19 is 19 %) owed in a country, optionally narrowed to a state and a tax category.

    The most specific active rate wins: state and category, state, category, country (docs/algorithms/pricing.md).
    """

    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2, validators=[countries.validate])
    state = models.CharField(max_length=100, blank=True)
    tax_category = models.CharField(max_length=64, blank=True)
    rate = models.DecimalField(max_digits=7, decimal_places=5)
    applies_to_shipping = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("country", "state", "tax_category", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["country", "state", "tax_category"], name="one_tax_rate_per_place_and_category"
            ),
            models.CheckConstraint(condition=Q(rate__gte=0, rate__lt=10), name="tax_rate_in_range"),
        ]

    def __str__(self) -> str:
        return self.name
