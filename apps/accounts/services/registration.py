"""New accounts."""

import datetime as dt
import unicodedata

from django.db import IntegrityError, transaction

from apps.accounts import selectors
from apps.accounts.errors import InvalidAccount
from apps.accounts.events import AccountRegistered
from apps.accounts.models import User
from apps.accounts.services.passwords import password_errors
from apps.accounts.services.validation import field_errors
from core.errors import FieldError
from core.events.publishing import publish

REGISTRATION_FIELDS = ("email", "username", "first_name", "last_name", "phone")
EMAIL_TAKEN = FieldError("email", "unique", "An account with this e-mail address exists already.")
USERNAME_TAKEN = FieldError("username", "unique", "This username is taken.")


def register_customer(
    *,
    email: str,
    password: str,
    username: str | None = None,
    first_name: str = "",
    last_name: str = "",
    phone: str = "",
    language: str = "",
    now: dt.datetime,
) -> User:
    """Make a customer's account and return it. The e-mail address is kept in lower case. Publishes AccountRegistered,
    with `language` as that of the mails to come.

    Raises InvalidAccount naming every faulty field; a taken address or username only when all else is good. The
    password is hashed either way, so that the time taken does not tell before the text does.
    """
    user = User(
        email=email.strip().lower(),
        username=normalize_username(username),
        first_name=first_name,
        last_name=last_name,
        phone=phone,
        date_joined=now,
    )
    errors = (*field_errors(user, fields=REGISTRATION_FIELDS), *password_errors(password, user=user))
    if errors:
        raise InvalidAccount(errors=errors)
    user.set_password(password)
    _insert(user, language)
    return user


def normalize_username(username: str | None) -> str | None:
    """Return the name in Unicode's compatibility form (one look, one name), None for an empty one."""
    return unicodedata.normalize("NFKC", username).strip() or None if username else None


def refuse_taken(user: User) -> None:
    """Raise InvalidAccount if another account has this address or username. One statement."""
    taken = selectors.find_taken(email=user.email, username=user.username, by_other_than=user.pk)
    errors = tuple(error for error, is_taken in zip((EMAIL_TAKEN, USERNAME_TAKEN), taken, strict=True) if is_taken)
    if errors:
        raise InvalidAccount(errors=errors)


def refuse_taken_username(user: User) -> None:
    """Raise InvalidAccount if another account has this username. At most one statement."""
    if user.username is not None and selectors.is_username_taken(user.username, by_other_than=user.pk):
        raise InvalidAccount(errors=(USERNAME_TAKEN,))


def _insert(user: User, language: str) -> None:
    try:
        with transaction.atomic():  # a savepoint where a transaction is open: the loser of a race reads on
            user.save(force_insert=True)
            publish(AccountRegistered(user_id=str(user.pk), email=user.email, language=language))
    except IntegrityError:  # the unique keys are asked first and the reason afterwards: most names are free
        refuse_taken(user)
        raise
