"""What is sold: a tree of categories, products, their variants and pictures."""

from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.fields import CurrencyField, MoneyField
from core.model_bases import TimestampedModel


class Category(TimestampedModel):
    """A node of the category tree. `slug` names it in URLs, `position` orders it among its siblings."""

    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, unique=True)
    description = models.TextField(blank=True)
    position = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("position", "name", "id")
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Tag(TimestampedModel):
    """A word products are found by."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True, allow_unicode=True)

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class Product(TimestampedModel):
    """Something a seller offers. Price and SKU of the default variant are repeated here for lists and filters.

    `is_active` is what customers see; `archived_at` marks a product that was sold and then withdrawn: it stays for its
    orders and is never active (a constraint), so `is_active` alone is what public reads ask. `option_names` are the
    names of the variants' options in order (["Size", "Colour"]). `version` rises with every change and dates the ETag.
    `search_text` is the folded text that search looks in.
    """

    seller = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="products")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, blank=True, related_name="products")
    tags = models.ManyToManyField(Tag, blank=True, related_name="products")
    name = models.CharField(max_length=255)
    slug = models.SlugField(max_length=255, unique=True)
    sku = models.CharField(max_length=100, null=True, blank=True)
    description = models.TextField(blank=True)
    vendor = models.CharField(max_length=255, blank=True)
    option_names = models.JSONField(default=list, blank=True)
    price = MoneyField()
    compare_at_price = MoneyField(null=True, blank=True)
    currency = CurrencyField()
    is_active = models.BooleanField(default=True)
    is_featured = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    seo_title = models.CharField(max_length=255, blank=True)
    seo_description = models.TextField(blank=True)
    search_text = models.TextField(blank=True, editable=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(
                condition=Q(archived_at=None) | Q(is_active=False), name="product_archived_is_not_active"
            ),
        ]
        indexes = [
            models.Index(fields=["is_active", "-created_at", "-id"], name="product_newest"),
            models.Index(fields=["is_active", "price", "id"], name="product_cheapest"),
            models.Index(fields=["is_active", "name", "id"], name="product_by_name"),
            models.Index(fields=["category", "is_active", "-created_at", "-id"], name="product_in_category"),
            models.Index(fields=["sku"], name="product_sku"),
        ]

    # What the service that returned this object has read or written of the variants, by position. Not a column.
    loaded_variants: "Sequence[ProductVariant]" = ()

    def __str__(self) -> str:
        return self.name


class ProductVariant(TimestampedModel):
    """What is put into a cart: one choice of every option of a product.

    The default is the active one of lowest position (with none active, the one of lowest position): `default_of()`.

    `option_values` stand in the order of the product's `option_names`; weight is in grams.
    """

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    sku = models.CharField(max_length=100, null=True, blank=True, unique=True)
    name = models.CharField(max_length=255, blank=True)
    option_values = models.JSONField(default=list, blank=True)
    price = MoneyField()
    compare_at_price = MoneyField(null=True, blank=True)
    cost_price = MoneyField(null=True, blank=True)
    currency = CurrencyField()
    barcode = models.CharField(max_length=64, blank=True)
    weight_grams = models.PositiveIntegerField(default=0)
    requires_shipping = models.BooleanField(default=True)
    is_taxable = models.BooleanField(default=True)
    tax_category = models.CharField(max_length=64, blank=True)
    position = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("position", "id")
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="variant_price_not_negative"),
            models.CheckConstraint(
                condition=Q(cost_price=None) | Q(cost_price__gte=0), name="variant_cost_price_not_negative"
            ),
            models.UniqueConstraint(fields=["product", "position"], name="one_variant_per_position"),
        ]

    def __str__(self) -> str:
        return self.name or self.sku or str(self.pk)


def default_of(variants: Sequence[ProductVariant]) -> ProductVariant:
    """Return the variant a customer gets who names none, whose price and SKU the product repeats.

    Raises ValueError for no variants.
    """
    return min(variants, key=lambda variant: (not variant.is_active, variant.position))


class ProductImage(TimestampedModel):
    """A picture of a product: a file of ours, or an address noted at import and not fetched.

    `variant` is set when the picture shows one variant. Position 0 is the primary picture.
    """

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    variant = models.ForeignKey(ProductVariant, on_delete=models.SET_NULL, null=True, blank=True, related_name="images")
    file = models.ImageField(upload_to="products", blank=True, width_field="width", height_field="height")
    source_url = models.URLField(max_length=2000, blank=True)
    alt_text = models.CharField(max_length=512, blank=True)
    position = models.PositiveIntegerField(default=0)
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)

    class Meta:
        ordering = ("position", "id")
        constraints = [
            models.CheckConstraint(condition=~Q(file="", source_url=""), name="image_has_file_or_source"),
        ]

    def __str__(self) -> str:
        return self.alt_text or f"image {self.position}"

    @property
    def url(self) -> str:
        """Where the picture can be fetched: our copy if there is one, else its source."""
        return self.file.url if self.file else self.source_url
