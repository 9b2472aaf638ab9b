"""How services open a transaction."""

from contextlib import AbstractContextManager

from django.db import transaction


def atomic() -> AbstractContextManager[None]:
    """Begin a transaction, or join the one that is open.

    Joining sets no savepoint: an error rolls the whole business act back, and two statements are saved.
    """
    return transaction.atomic(savepoint=False)  # type: ignore[no-any-return,unused-ignore]
