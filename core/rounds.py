"""Deleting much in little bites: what heaps up while nothing runs is more than one statement's time is enough for."""

from typing import Any

from django.db.models import QuerySet

ROWS_PER_ROUND = 1_000


def delete_in_rounds(rows: "QuerySet[Any, Any]", *, size: int = ROWS_PER_ROUND) -> int:
    """Delete all of these rows, in their order, at most `size` in one transaction; return how many went.

    To be called outside transactions, with an order that an index gives. What no longer belongs to `rows` when its turn
    comes stays. Each round has two statements, and those for what hangs on the rows.
    """
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:size]):
        _, by_model = rows.filter(pk__in=ids).order_by().delete()
        deleted = by_model.get(rows.model._meta.label, 0)
        if not deleted:  # somebody else deletes them at the moment
            break
        total += deleted
    return total
