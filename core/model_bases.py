"""Abstract bases: a UUIDv7 key and two times."""

import uuid

from django.db import models

from core.ids import new_id


class UUIDModel(models.Model):
    """A row known by a UUIDv7."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    pk: uuid.UUID

    class Meta:
        abstract = True


class TimestampedModel(UUIDModel):
    """A row that says when it was made and last changed. `save(update_fields=…)` must name `updated_at`."""

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class AppendOnlyModel(UUIDModel):
    """A ledger or history row: written once, never changed, never deleted through the ORM.

    Raises TypeError on a second save or a delete, because that is a bug of ours and never a user's.
    """

    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        if not self._state.adding:
            raise TypeError(f"{type(self).__name__} is append-only")
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{type(self).__name__} is append-only")
