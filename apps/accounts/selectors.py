"""Reads of accounts and addresses. Each states its number of statements."""

import unicodedata
import uuid
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower

from apps.accounts.errors import AddressNotFound
from apps.accounts.models import Address, LoginSession, User

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - no client has it
# What a request needs of its user, in the order of the model's fields. The password hash stays behind; times are
# fetched by the few who show them.
_PRINCIPAL_FIELDS = (
    "is_superuser", "id", "email", "username", "first_name", "last_name", "phone", "role", "is_active", "token_version",
)  # fmt: skip
# Asked on every request with a token, hence written out: building it by the ORM costs more than running it.
_FIND_PRINCIPAL = """
    SELECT u.is_superuser, u.email, u.username, u.first_name, u.last_name, u.phone, u.role
      FROM accounts_loginsession s
      JOIN accounts_user u ON u.id = s.user_id
     WHERE s.id = %s AND s.revoked_at IS NULL AND u.id = %s AND u.is_active AND u.token_version = %s
"""

SNAPSHOT_FIELDS = (
    "full_name", "phone_number", "address_line1", "address_line2", "city", "state", "postal_code", "country",
)  # fmt: skip


def find_principal(*, user_id: uuid.UUID, session_id: uuid.UUID, token_version: int) -> User | None:
    """Return the user if the account is open, the sign-in alive and the version current; else None.

    One statement. The password hash and the times of the user are deferred.
    """
    native = connection.features.has_native_uuid_field
    keys = [session_id, user_id] if native else [session_id.hex, user_id.hex]
    with connection.cursor() as cursor:
        cursor.execute(_FIND_PRINCIPAL, [*keys, token_version])
        row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        return None
    is_superuser, *texts = row
    return User.from_db(connection.alias, _PRINCIPAL_FIELDS, (bool(is_superuser), user_id, *texts, True, token_version))


def load_user(user_id: uuid.UUID) -> User:
    """Return the whole row of an account that is known to exist. One statement."""
    return User.objects.get(pk=user_id)


def normalize_identifier(identifier: str) -> str:
    """Return the name somebody signs in with as it is looked up: without blanks around it, an address in lower case."""
    text = unicodedata.normalize("NFKC", identifier).strip()
    return text.lower() if "@" in text else text


def find_by_identifier(identifier: str, *, ip_address: str | None) -> tuple[User | None, bool]:
    """Return the account with this e-mail address or, where there is no "@", this username; and whether it has signed
    in from the given IP address before. One statement."""
    name = normalize_identifier(identifier)
    users = User.objects.filter(email=name) if "@" in name else _with_username(name)
    from_here = LoginSession.objects.filter(user_id=OuterRef("pk"), ip_address=ip_address or UNKNOWN_ADDRESS)
    user = users.annotate(is_known_from_here=Exists(from_here)).first()
    return (user, user.is_known_from_here) if user else (None, False)


def find_taken(*, email: str, username: str | None, by_other_than: uuid.UUID) -> tuple[bool, bool]:
    """Tell whether another account has the address, and whether one has the username. One statement."""
    has_email, has_username = Q(email=email), Q(username_lower=Lower(Value(username)))
    if username is None:
        has_username = Q(pk__in=())
    users = User.objects.alias(username_lower=Lower("username")).exclude(pk=by_other_than)
    found = list(
        users.filter(has_email | has_username).values_list("email", ExpressionWrapper(has_username, BooleanField()))
    )
    return any(address == email for address, _ in found), any(named for _, named in found)


def is_username_taken(username: str, *, by_other_than: uuid.UUID) -> bool:
    """Tell whether another account has the username in any case of letters. One statement."""
    return _with_username(username).exclude(pk=by_other_than).exists()


def list_addresses(*, user: User) -> QuerySet[Address]:
    """Return the user's addresses, defaults first, then the newest."""
    return Address.objects.of_user(user)


def access_address(*, user: User, address_id: uuid.UUID) -> Address:
    """Return the user's own address. Raises AddressNotFound if it is absent or not theirs. One statement."""
    address = Address.objects.of_user(user).filter(pk=address_id).first()
    if address is None:
        raise AddressNotFound
    return address


def address_snapshot(address: Address) -> dict[str, str]:
    """Return the address as it is frozen on an order: plain text, without id, type and default flag."""
    return {name: getattr(address, name) for name in SNAPSHOT_FIELDS}


def _with_username(username: str) -> QuerySet[User]:
    # Both sides are lowered by the database, as its unique index does it.
    return User.objects.alias(username_lower=Lower("username")).filter(username_lower=Lower(Value(username)))
