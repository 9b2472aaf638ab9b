"""Deleting a row with what hangs on it, in few statements.

QuerySet.delete() asks every table below a row for its rows before it deletes them. Here one statement tells which
tables have any, and one each deletes them. The foreign keys stay the last guard: what appears meanwhile is an
IntegrityError, at the latest when the transaction ends.
"""

import dataclasses
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.db.models import CASCADE, SET_NULL, Exists, ForeignObjectRel, Model, QuerySet


@dataclasses.dataclass(frozen=True, slots=True)
class Branch:
    """Rows of one model that hang on a root; `path` leads from them to it."""

    model: type[Model]
    path: str
    goes_along: bool

    def of(self, root_id: uuid.UUID) -> "QuerySet[Any, Any]":
        return self.model._base_manager.filter(**{self.path: root_id})


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What hangs on a root: `present` branches in the order in which they may go; `columns` that were asked for."""

    root_id: uuid.UUID
    present: tuple[Branch, ...]
    columns: list[tuple[Any, ...]]

    @property
    def is_protected(self) -> bool:
        """True if there is something that does not let the root go."""
        return not all(branch.goes_along for branch in self.present)

    def delete_branches(self) -> None:
        """Delete what hangs on the root. One statement for each branch that is present."""
        for branch in self.present:
            delete_only(branch.of(self.root_id))


def survey(root: type[Model], root_id: uuid.UUID, *columns: str) -> Survey:
    """Return what hangs on a row, and with it some columns of it and of what it has. One statement."""
    branches = _branches(root)
    looks = (Exists(branch.of(root_id)) for branch in branches)
    rows = list(root._base_manager.filter(pk=root_id).order_by().values_list(*columns, *looks))
    found = rows[0][len(columns) :] if rows else ()
    present = tuple(branch for branch, is_there in zip(branches, found, strict=False) if is_there)
    return Survey(root_id, present, [row[: len(columns)] for row in rows])


def delete_only(rows: "QuerySet[Any, Any]") -> int:
    """Delete these rows and look for nothing that hangs on them; return how many. One statement."""
    return int(rows._raw_delete(rows.db))


@cache
def _branches(root: type[Model]) -> tuple[Branch, ...]:
    """Return all branches, those farthest from the root first. A branch that two ways lead to is deleted on one of
    them: keys that are only emptied are left out where their rows go along anyway."""
    found = list(_walk(root, ""))
    going = {branch.model for branch, _ in found if branch.goes_along}
    return tuple(branch for branch, is_emptied in found if not (is_emptied and branch.model in going))


def _walk(model: type[Model], path: str) -> Iterator[tuple[Branch, bool]]:
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.many_to_many:
            continue
        child: Any = relation.related_model
        way = f"{relation.field.name}__{path}" if path else relation.field.name
        goes_along = relation.on_delete is CASCADE
        if goes_along:
            yield from _walk(child, way)
        yield Branch(child, way, goes_along), relation.on_delete is SET_NULL
