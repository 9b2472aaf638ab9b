"""Tags: words shared by all products, made when first used."""

import uuid
from collections.abc import Collection, Iterable

from django.utils.text import slugify

from apps.products.errors import TagTaken, UnusableTag
from apps.products.models import Product, Tag
from apps.products.services.search_index import refresh_search_text
from core import transactions

SLUG_LENGTH = 100


def tag_slug(name: str) -> str:
    """Return what makes two tags the same: "Summer Sale" and "summer-sale" are one. Empty for signs only."""
    return slugify(name, allow_unicode=True)[:SLUG_LENGTH].strip("-")


def ensure_tags(names: Iterable[str]) -> list[Tag]:
    """Return one tag per distinct name, in order, making those that are new (safe against twins).

    Raises UnusableTag for a name without letters or digits. One statement, three when a tag is new.
    """
    wanted: dict[str, str] = {}
    for name in names:
        wanted.setdefault(tag_slug(name), " ".join(name.split())[:SLUG_LENGTH])
    if "" in wanted:
        raise UnusableTag
    if not wanted:
        return []
    known = _by_slug(wanted)
    missing = [Tag(name=name, slug=slug) for slug, name in wanted.items() if slug not in known]
    if missing:
        Tag.objects.bulk_create(missing, ignore_conflicts=True)
        known = _by_slug(wanted)
    return [known[slug] for slug in wanted]


def replace_tags(product: Product, tags: Iterable[Tag], *, present: Collection[uuid.UUID] | None = None) -> None:
    """Make these the product's tags, and no others. Two statements, one more unless those `present` are known."""
    through = Product.tags.through
    wanted = {tag.pk for tag in tags}
    if present is None:
        present = through.objects.filter(product_id=product.pk).values_list("tag_id", flat=True)
    before = set(present)
    if gone := before - wanted:
        through.objects.filter(product_id=product.pk, tag_id__in=gone).delete()
    links = [through(product_id=product.pk, tag_id=tag_id) for tag_id in wanted - before]
    if links:
        through.objects.bulk_create(links, ignore_conflicts=True)


def rename_tag(*, tag_id: uuid.UUID, name: str) -> Tag:
    """Give a tag another name; its products are found by it. Raises UnusableTag and TagTaken."""
    slug = tag_slug(name)
    if not slug:
        raise UnusableTag
    with transactions.atomic():
        if Tag.objects.filter(slug=slug).exclude(pk=tag_id).exists():
            raise TagTaken
        tag = Tag.objects.get(pk=tag_id)
        tag.name, tag.slug = name, slug
        tag.save(update_fields=["name", "slug", "updated_at"])
        refresh_search_text(Product.objects.filter(tags=tag_id).values_list("pk", flat=True))
    return tag


def delete_tag(*, tag_id: uuid.UUID) -> None:
    """Take a tag off its products and away. Harmless when it is gone."""
    with transactions.atomic():
        tagged = list(Product.objects.filter(tags=tag_id).values_list("pk", flat=True))
        Tag.objects.filter(pk=tag_id).delete()
        refresh_search_text(tagged)


def _by_slug(slugs: Iterable[str]) -> dict[str, Tag]:
    return {tag.slug: tag for tag in Tag.objects.filter(slug__in=list(slugs))}
