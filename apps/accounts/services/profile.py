"""What people may change about themselves."""

from collections.abc import Mapping

from django.db import IntegrityError, transaction

from apps.accounts.errors import InvalidAccount
from apps.accounts.models import User
from apps.accounts.services.registration import normalize_username, refuse_taken_username
from apps.accounts.services.validation import field_errors

EDITABLE_FIELDS = ("username", "first_name", "last_name", "phone")


def update_profile(*, user: User, changes: Mapping[str, str | None]) -> User:
    """Write the changed fields of the user's own profile and return the user. E-mail, role and flags are not among
    the editable ones: other names in `changes` are passed over.

    Raises InvalidAccount for a value that is too long or badly formed and for a username that is taken.
    """
    wanted = {name: changes[name] for name in EDITABLE_FIELDS if name in changes}
    if "username" in wanted:
        wanted["username"] = normalize_username(wanted["username"])
    changed = [name for name, value in wanted.items() if getattr(user, name) != value]
    for name in changed:
        setattr(user, name, wanted[name])
    errors = field_errors(user, fields=changed)
    if errors:
        raise InvalidAccount(errors=errors)
    if changed:
        _save(user, changed)
    return user


def _save(user: User, changed: list[str]) -> None:
    if "username" in changed:
        refuse_taken_username(user)
    try:
        with transaction.atomic():  # a savepoint where a transaction is open: the loser of a race reads on
            user.save(update_fields=changed)
    except IntegrityError:
        refuse_taken_username(user)
        raise
