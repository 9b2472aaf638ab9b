"""The category tree as plain values: order, depth, descendants, cycles. Pure functions over rows already read."""

import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class CategoryRow:
    """One category as lists show it. `depth` is 0 for a root."""

    id: uuid.UUID
    parent_id: uuid.UUID | None
    name: str
    slug: str
    description: str
    position: int
    depth: int = 0


def in_tree_order(rows: Iterable[CategoryRow]) -> list[CategoryRow]:
    """Return the rows parents first, each followed by its descendants, siblings in the order they came.

    A row whose parent is not among the rows is left out with all below it: it hangs on a hidden category.
    """
    children: dict[uuid.UUID | None, list[CategoryRow]] = defaultdict(list)
    for row in rows:
        children[row.parent_id].append(row)
    return list(_walk(children))


def descendants(category_id: uuid.UUID, parents: Mapping[uuid.UUID, uuid.UUID | None]) -> set[uuid.UUID]:
    """Return the category and everything below it, given every category's parent."""
    children: dict[uuid.UUID | None, list[uuid.UUID]] = defaultdict(list)
    for child, parent in parents.items():
        children[parent].append(child)
    found, waiting = {category_id}, [category_id]
    while waiting:
        new = [child for child in children[waiting.pop()] if child not in found]
        found.update(new)
        waiting.extend(new)
    return found


def _walk(children: Mapping[uuid.UUID | None, list[CategoryRow]]) -> Iterator[CategoryRow]:
    waiting = [dataclasses.replace(root, depth=0) for root in reversed(children[None])]
    while waiting:
        row = waiting.pop()
        yield row
        waiting.extend(dataclasses.replace(child, depth=row.depth + 1) for child in reversed(children[row.id]))
