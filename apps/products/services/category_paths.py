"""Categories by the names that lead to them, as files name them: ("Home", "Garden") is Garden inside Home."""

import uuid
from collections.abc import Sequence

from apps.products.models import Category
from apps.products.services.categories import create_category

UNKNOWN_CATEGORY = uuid.UUID(int=0)  # stands for a category still to be made; equal to none there is


class CategoryPaths:
    """All categories by path, read once. Names are compared without regard to case."""

    def __init__(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Read the categories again: after a rollback, those made meanwhile are gone. One statement."""
        self._parents: dict[uuid.UUID, uuid.UUID | None] = {}
        self._names: dict[uuid.UUID, str] = {}
        self._children: dict[tuple[uuid.UUID | None, str], uuid.UUID] = {}
        for pk, parent_id, name in Category.objects.order_by("position", "id").values_list("pk", "parent_id", "name"):
            self._note(pk, parent_id, name)

    def find(self, path: Sequence[str]) -> uuid.UUID | None:
        """Return the category's id: None for an empty path, UNKNOWN_CATEGORY for one that leads nowhere.

        A single name that is no root means the one category of that name, wherever it hangs.
        """
        if not path:
            return None
        place: uuid.UUID | None = None
        for name in path:
            place = self._children.get((place, name.casefold()))
            if place is None:
                return self._only_one_called(path[0]) if len(path) == 1 else UNKNOWN_CATEGORY
        return place

    def ensure(self, path: Sequence[str]) -> uuid.UUID | None:
        """Return the category's id, making what is missing on the way. Locks the tree when it makes something."""
        found = self.find(path)
        if found != UNKNOWN_CATEGORY:
            return found
        parent_id: uuid.UUID | None = None
        for name in path:
            known = self._children.get((parent_id, name.casefold()))
            if known is None:
                known = create_category(data={"name": name, "parent_id": parent_id}).pk
                self._note(known, parent_id, name)
            parent_id = known
        return parent_id

    def name_of(self, category_id: uuid.UUID | None) -> str:
        """Return the category's own name, or an empty text for none."""
        return self._names.get(category_id, "") if category_id else ""

    def path_of(self, category_id: uuid.UUID | None) -> tuple[str, ...]:
        """Return the names from the root down to the category; nothing for none."""
        names: list[str] = []
        while category_id is not None:
            names.append(self._names[category_id])
            category_id = self._parents[category_id]
        return tuple(reversed(names))

    def _note(self, pk: uuid.UUID, parent_id: uuid.UUID | None, name: str) -> None:
        self._parents[pk] = parent_id
        self._names[pk] = name
        self._children.setdefault((parent_id, name.casefold()), pk)

    def _only_one_called(self, name: str) -> uuid.UUID:
        found = [pk for pk, known in self._names.items() if known.casefold() == name.casefold()]
        return found[0] if len(found) == 1 else UNKNOWN_CATEGORY
