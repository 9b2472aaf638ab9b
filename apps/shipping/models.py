"""Ways to send a parcel and what they cost."""

from django.db import models
from django.db.models import F, Q

from core import countries
from core.fields import CurrencyField, MoneyField
from core.model_bases import TimestampedModel


class ShippingMethod(TimestampedModel):
    """A way to send an order, known by `code`. Its rates say where it goes and what it costs."""

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    position = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("position", "code")

    def __str__(self) -> str:
        return self.name


class ShippingRate(TimestampedModel):
    """The price of a method for one country and weight bracket [min_weight_grams, max_weight_grams).

    An empty `country` means every country without a rate of its own. `free_over` is the discounted subtotal from
    which the rate costs nothing.
    """

    method = models.ForeignKey(ShippingMethod, on_delete=models.CASCADE, related_name="rates")
    country = models.CharField(max_length=2, blank=True, validators=[countries.validate])
    min_weight_grams = models.PositiveIntegerField(default=0)
    max_weight_grams = models.PositiveIntegerField(null=True, blank=True)
    price = MoneyField()
    free_over = MoneyField(null=True, blank=True)
    currency = CurrencyField()

    class Meta:
        ordering = ("method", "country", "min_weight_grams", "id")
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="shipping_rate_price_not_negative"),
            models.CheckConstraint(
                condition=Q(max_weight_grams=None) | Q(max_weight_grams__gt=F("min_weight_grams")),
                name="shipping_rate_bracket_not_empty",
            ),
            models.UniqueConstraint(
                fields=["method", "country", "min_weight_grams"], name="one_shipping_rate_per_bracket"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country or 'everywhere'} from {self.min_weight_grams} g"
