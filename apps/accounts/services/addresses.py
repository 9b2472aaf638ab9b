"""Saved addresses: written under the lock of their owner, so that there is one default per type and a limit."""

import uuid
from collections.abc import Mapping

from apps.accounts import locks, selectors
from apps.accounts.errors import AddressNotFound, InvalidAddress, TooManyAddresses
from apps.accounts.models import Address, User
from apps.accounts.services.validation import field_errors
from core.transactions import atomic

ADDRESSES_MAX = 50
FIELDS = (*selectors.SNAPSHOT_FIELDS, "address_type", "is_default")


def create_address(*, user: User, data: Mapping[str, object]) -> Address:
    """Save an address and return it. A new default takes the place of the old one of its type. Locks the account.

    Raises InvalidAddress (faulty fields) and TooManyAddresses.
    """
    address = Address(user_id=user.pk)
    _assign(address, data)
    with atomic():
        locks.lock_user(user.pk)
        if Address.objects.of_user(user).count() >= ADDRESSES_MAX:
            raise TooManyAddresses(f"At most {ADDRESSES_MAX} addresses can be saved.")
        _step_back_for(address)
        address.save(force_insert=True)
    return address


def update_address(*, user: User, address_id: uuid.UUID, data: Mapping[str, object]) -> Address:
    """Write the given fields of an own address and return it. Locks the account.

    Raises AddressNotFound and InvalidAddress.
    """
    with atomic():
        locks.lock_user(user.pk)
        address = selectors.access_address(user=user, address_id=address_id)
        changed = _assign(address, data)
        if changed:
            _step_back_for(address)
            address.save(update_fields=[*changed, "updated_at"])
    return address


def delete_address(*, user: User, address_id: uuid.UUID) -> None:
    """Forget an own address. Orders keep their copies. Raises AddressNotFound."""
    deleted, _ = Address.objects.of_user(user).filter(pk=address_id).delete()
    if not deleted:
        raise AddressNotFound


def _assign(address: Address, data: Mapping[str, object]) -> list[str]:
    """Set the given fields and return those that differ. Raises InvalidAddress."""
    changed = [name for name in FIELDS if name in data and data[name] != getattr(address, name)]
    for name in changed:
        setattr(address, name, data[name])
    errors = field_errors(address, fields=FIELDS)
    if errors:
        raise InvalidAddress(errors=errors)
    return changed


def _step_back_for(address: Address) -> None:
    """Take the default flag from the other addresses of the type if this one is to have it."""
    if address.is_default:
        others = Address.objects.filter(user_id=address.user_id, address_type=address.address_type, is_default=True)
        others.exclude(pk=address.pk).update(is_default=False)
