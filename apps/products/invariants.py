"""What must be true of the catalogue at every moment."""

from collections.abc import Iterable

from django.db.models import OuterRef, Subquery

from apps.products.category_tree import CategoryRow, in_tree_order
from apps.products.models import Category, Product, ProductVariant
from apps.products.services.search_index import stale_products
from core.invariants import invariant

_REPEATED = ("price", "compare_at_price", "sku", "currency")


@invariant("products.product_repeats_its_default_variant")
def product_repeats_its_default_variant() -> Iterable[str]:
    """Every product has a variant and shows the default one's price, compare-at price, SKU and currency."""
    defaults = ProductVariant.objects.filter(product=OuterRef("pk")).order_by("-is_active", "position")
    columns = {f"default_{name}": Subquery(defaults.values(name)[:1]) for name in ("pk", *_REPEATED)}
    rows = Product.objects.order_by("pk").annotate(**columns).values("pk", *_REPEATED, *columns)
    for row in rows.iterator():
        if row["default_pk"] is None:
            yield f"product {row['pk']} has no variant"
            continue
        for name in _REPEATED:
            if row[name] != row[f"default_{name}"]:
                yield f"product {row['pk']}: {name} {row[name]}, but its default variant has {row[f'default_{name}']}"


@invariant("products.search_text_is_current")
def search_text_is_current() -> Iterable[str]:
    """Every product's search text is made of the words it has now."""
    for product in stale_products():
        yield f"product {product.pk}: its search text is not that of its words"


@invariant("products.categories_form_a_tree")
def categories_form_a_tree() -> Iterable[str]:
    """Every category hangs, by its parents, on a root."""
    columns = ("id", "parent_id", "name", "slug", "description", "position")
    rows = [CategoryRow(*row) for row in Category.objects.values_list(*columns)]
    reached = {row.id for row in in_tree_order(rows)}
    for row in rows:
        if row.id not in reached:
            yield f"category {row.id} stands below itself"
