"""The simulated provider's memory: what it must know of a transaction is written into the transaction's name, signed.

So it needs no table and no process of its own, survives every restart, and cannot be told of a transaction that it
did not make.
"""

import base64
import binascii
import dataclasses
import datetime as dt
import hashlib
import hmac
import struct
import uuid
from decimal import Decimal
from enum import IntEnum

from django.conf import settings
from django.utils.crypto import salted_hmac

from core.money import quantum, to_minor_units

PREFIX = "sim_"
_LAYOUT = struct.Struct(">16sBQ3s")
_MAC_BYTES = 16
_SALT = "apps.payments.gateways.simulated"


class Scenario(IntEnum):
    """What the transaction plays."""

    SUCCESS = 1
    DECLINED = 2
    REQUIRES_ACTION = 3
    SETTLES_LATE = 4
    SETTLES_TWICE = 5
    UNKNOWN_METHOD = 6


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What a transaction's name says."""

    attempt_id: uuid.UUID
    scenario: Scenario
    amount: Decimal
    currency: str

    @property
    def started_at(self) -> dt.datetime:
        """When the attempt was made: the first 48 bits of a UUIDv7 are milliseconds of Unix time (RFC 9562)."""
        milliseconds = self.attempt_id.int >> 80
        return dt.datetime.fromtimestamp(milliseconds / 1000, tz=dt.UTC)

    @property
    def settles_at(self) -> dt.datetime:
        """When a late payment arrives."""
        return self.started_at + dt.timedelta(seconds=settings.SIMULATED_SETTLE_SECONDS)

    @property
    def secret(self) -> str:
        """What the client would show to the provider's own page."""
        proof = salted_hmac(f"{_SALT}.secret", self.attempt_id.hex, algorithm="sha256").hexdigest()
        return f"{write_name(self)}_secret_{proof[:32]}"


def write_name(transaction: Transaction) -> str:
    """Return the transaction's name: at most 64 characters, the same for the same transaction."""
    packed = _LAYOUT.pack(
        transaction.attempt_id.bytes,
        transaction.scenario,
        to_minor_units(transaction.amount, transaction.currency),
        transaction.currency.encode("ascii"),
    )
    return PREFIX + base64.urlsafe_b64encode(packed + _mac(packed)).decode().rstrip("=")


def read_name(name: str) -> Transaction | None:
    """Return what a name of ours says, or None when this provider did not make it."""
    try:
        raw = base64.urlsafe_b64decode(name.removeprefix(PREFIX) + "=" * (-len(name.removeprefix(PREFIX)) % 4))
    except (binascii.Error, ValueError):
        return None
    packed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not name.startswith(PREFIX) or len(packed) != _LAYOUT.size or not hmac.compare_digest(mac, _mac(packed)):
        return None
    attempt, scenario, units, currency = _LAYOUT.unpack(packed)
    code = currency.decode("ascii")
    return Transaction(
        attempt_id=uuid.UUID(bytes=attempt),
        scenario=Scenario(scenario),
        amount=units * quantum(code),
        currency=code,
    )


def _mac(packed: bytes) -> bytes:
    return salted_hmac(_SALT, packed, algorithm=hashlib.sha256().name).digest()[:_MAC_BYTES]
