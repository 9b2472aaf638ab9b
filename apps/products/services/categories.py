"""Making, renaming, moving and removing categories."""

import uuid
from typing import TypedDict

from django.utils.text import slugify

from apps.products.category_tree import descendants
from apps.products.changes import announce_category_change
from apps.products.errors import CategoryInsideItself, CategoryNotFound
from apps.products.locks import lock_category_tree
from apps.products.models import Category, Product
from apps.products.services.search_index import refresh_search_text
from core import transactions


class CategoryInput(TypedDict, total=False):
    """What may be written; an absent key keeps its value. `name` makes a category."""

    name: str
    slug: str
    description: str
    position: int
    is_active: bool
    parent_id: uuid.UUID | None


def create_category(*, data: CategoryInput) -> Category:
    """Write a category; without a slug its name gives one, made unique with a number.

    Locks the tree. Raises CategoryNotFound for an unknown parent.
    """
    with transactions.atomic():
        parents = lock_category_tree()
        _check_parent_exists(data.get("parent_id"), parents)
        category = Category(**data)
        category.slug = _free_slug(data.get("slug") or slugify(data["name"]) or "category", category.pk)
        category.save(force_insert=True)
        announce_category_change()
    return category


def update_category(*, category_id: uuid.UUID, changes: CategoryInput) -> Category:
    """Write the given fields; a new parent moves the category with everything below it.

    Locks the tree, so that two moves at once cannot close a ring. A new name reaches the search text of its products.
    Raises CategoryNotFound (also for an unknown parent) and CategoryInsideItself.
    """
    with transactions.atomic():
        parents = lock_category_tree()
        category = Category.objects.filter(pk=category_id).first()
        if category is None:
            raise CategoryNotFound
        if changes.get("parent_id") is not None:
            _check_parent_exists(changes["parent_id"], parents)
            if changes["parent_id"] in descendants(category_id, parents):
                raise CategoryInsideItself
        changed = [name for name, value in changes.items() if getattr(category, name) != value]
        for name in changed:
            setattr(category, name, changes[name])  # type: ignore[literal-required]
        category.save(update_fields=[*changed, "updated_at"])
        if "name" in changed:
            refresh_search_text(Product.objects.filter(category_id=category_id).values_list("pk", flat=True))
        announce_category_change()
    return category


def delete_category(*, category_id: uuid.UUID) -> None:
    """Remove an empty category. Raises CategoryNotFound; ProtectedError while it has products or subcategories."""
    with transactions.atomic():
        lock_category_tree()
        deleted, _by_model = Category.objects.filter(pk=category_id).delete()
        if not deleted:
            raise CategoryNotFound
        announce_category_change()


def _check_parent_exists(parent_id: uuid.UUID | None, parents: dict[uuid.UUID, uuid.UUID | None]) -> None:
    if parent_id is not None and parent_id not in parents:
        raise CategoryNotFound


def _free_slug(wish: str, category_id: uuid.UUID) -> str:
    """Return the first free slug. The locked tree keeps twins away, and the unique key guards the rest."""
    taken = set(Category.objects.filter(slug__startswith=wish).exclude(pk=category_id).values_list("slug", flat=True))
    if wish not in taken:
        return wish
    return next(slug for number in range(2, len(taken) + 3) if (slug := f"{wish}-{number}") not in taken)
