"""What a model's own fields have to say about a row before it is written."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db.models import Model

from apps.accounts.models import User
from core.errors import FieldError


def is_address(text: str) -> bool:
    """Tell whether an account could have this text as its e-mail address. No statement."""
    return not field_errors(User(email=text), fields={"email"})


def field_errors(row: Model, *, fields: Collection[str]) -> tuple[FieldError, ...]:
    """Return the faults of the named fields by their models' rules (length, form, choices). No statement."""
    others = {field.name for field in row._meta.get_fields()}.difference(fields)
    try:
        row.clean_fields(exclude=others)
    except ValidationError as error:
        return tuple(
            FieldError(name, str(fault.code), " ".join(fault.messages))
            for name, faults in error.error_dict.items()
            for fault in faults
        )
    return ()
