"""The rows of one product belong together: side by side in the file, under one handle."""

import dataclasses
from collections.abc import Iterable, Iterator

from apps.products.shopify.columns import Column
from apps.products.shopify.rows import RowProblem, SourceRow


@dataclasses.dataclass(slots=True)
class Group:
    """All rows of one product and what is wrong with them so far."""

    handle: str
    rows: list[SourceRow] = dataclasses.field(default_factory=list)
    problems: list[RowProblem] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What a first look over the whole file tells: how much there is, and which handles stand in several places."""

    rows: int
    products: int
    scattered: frozenset[str]


def survey(items: Iterable[SourceRow | RowProblem]) -> Survey:
    """Look over the file. Memory grows with the number of handles only."""
    rows, previous = 0, ""
    seen: set[str] = set()
    scattered: set[str] = set()
    for item in items:
        rows += 1
        handle = item.handle
        if not handle:
            previous = previous if _may_continue(item) else ""
        if not handle or handle == previous:
            continue
        if handle in seen:
            scattered.add(handle)
        seen.add(handle)
        previous = handle
    return Survey(rows=rows, products=len(seen), scattered=frozenset(scattered))


def group_rows(items: Iterable[SourceRow | RowProblem], *, scattered: frozenset[str]) -> Iterator[Group]:
    """Yield the products of the file in order.

    Whoever cannot be read whole must not be written in part, so a product takes along the problems of its rows: the
    unreadable ones that bear its handle or none, the ones without handle that do not begin a product, and, if its rows
    stand in several places (`scattered`), one for every further place.
    """
    group = Group(handle="")
    started: set[str] = set()
    for item in items:
        problem = _problem(item)
        if item.handle != group.handle and not (not item.handle and _may_continue(item)):
            if group.rows or group.problems:
                yield group
            group = Group(handle=item.handle)
            if isinstance(item, SourceRow) and item.handle in scattered:
                problem = _scattered(item, again=item.handle in started)
                started.add(item.handle)
        if problem:
            group.problems.append(problem)
        if isinstance(item, SourceRow):
            group.rows.append(item)
    if group.rows or group.problems:
        yield group


def _problem(item: SourceRow | RowProblem) -> RowProblem | None:
    if isinstance(item, RowProblem):
        return item
    return None if item.handle else RowProblem(item.line, "", Column.HANDLE, "is missing")


def _may_continue(item: SourceRow | RowProblem) -> bool:
    """Return whether a row without handle may belong to the product above it: it does not begin one of its own."""
    return isinstance(item, RowProblem) or not item.text(Column.TITLE)


def _scattered(row: SourceRow, *, again: bool) -> RowProblem:
    reason = (
        "stands further up already: the rows of one product must follow each other"
        if again
        else "stands further down once more: the rows of one product must follow each other"
    )
    return RowProblem(row.line, row.handle, Column.HANDLE, reason)
