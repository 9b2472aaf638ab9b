"""Withdrawing a product: destroyed if it was never ordered, else archived."""

import datetime as dt
import enum
import uuid
from collections.abc import Callable

from django.db import IntegrityError, connection, transaction

from apps.accounts.models import User
from apps.products.changes import announce_product_change
from apps.products.locks import lock_product
from apps.products.models import Product
from apps.products.selectors import check_may_edit
from apps.products.services.images import delete_file_on_commit
from core import transactions
from core.deletion import Survey, delete_only, survey


class Removal(enum.Enum):
    """What became of a product that was to go."""

    DELETED = "deleted"
    ARCHIVED = "archived"


def archive_or_delete_product(
    *,
    actor: User,
    product_id: uuid.UUID,
    now: dt.datetime,
    precondition: Callable[[], None] | None = None,
) -> Removal:
    """Destroy a product that was never ordered; archive and hide one that was. Harmless the second time.

    Who ordered stands above this floor, so the keys that protect a product decide. They are asked in one statement;
    the deletion runs inside a savepoint, and on PostgreSQL the deferred foreign keys are checked before it ends: an
    order committed meanwhile by another connection undoes it, and the product is archived in the same transaction.
    Raises ProductNotFound, NotYourProduct and what `precondition` raises. Locks the product's row.
    """
    with transactions.atomic():
        product, _variants = lock_product(product_id)
        check_may_edit(actor=actor, product=product)
        if precondition:
            precondition()
        announce_product_change(product_id)
        found = survey(Product, product_id, "images__file")
        if not found.is_protected and _destroy(found):
            return Removal.DELETED
        _archive(product, now)
        return Removal.ARCHIVED


def _destroy(found: Survey) -> bool:
    """Delete a product and what hangs on it. False, and nothing happened, if somebody ordered it meanwhile."""
    try:
        with transaction.atomic():
            for (name,) in found.columns:
                if name:
                    delete_file_on_commit(name)
            found.delete_branches()
            delete_only(Product.objects.filter(pk=found.root_id))
            if connection.vendor == "postgresql":
                connection.check_constraints()
    except IntegrityError:
        return False
    return True


def _archive(product: Product, now: dt.datetime) -> None:
    if product.archived_at:
        return
    product.archived_at, product.is_active = now, False
    product.version += 1
    product.save(update_fields=["archived_at", "is_active", "version", "updated_at"])
