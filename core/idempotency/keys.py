"""Claiming a key, running the effect once, keeping its answer.

Locks: on PostgreSQL an advisory lock of the transaction stands for the key, so that a twin is told "in flight" at once
instead of queueing; the unique `scope_hash` is the last guard. On SQLite writers queue, and a twin finds the answer.
"""

import base64
import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from core.errors import ShopError
from core.idempotency.errors import KeyReused, RequestInFlight
from core.idempotency.models import IdempotencyRecord
from core.ids import new_id
from core.rounds import delete_in_rounds

R = TypeVar("R")


@dataclasses.dataclass(frozen=True, slots=True)
class KeyClaim:
    """A key as it came: `scope` is caller and key, `fingerprint` what was asked."""

    scope: str
    fingerprint: str
    now: dt.datetime

    @property
    def scope_hash(self) -> str:
        return hashlib.sha256(self.scope.encode()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A kept answer, byte for byte."""

    status: int
    headers: dict[str, str]
    body: bytes


def fingerprint(method: str, path: str, data: Any) -> str:
    """Return a SHA-256 of the request's meaning: 1 and 1.0 are one number, the order of keys does not count."""
    canonical = orjson.dumps(_normalised(data), option=orjson.OPT_SORT_KEYS, default=_describe)
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), canonical))).hexdigest()


def run_in_one_transaction(
    claim: KeyClaim, effect: Callable[[], R], answer_of: Callable[[R], Answer | None]
) -> R | Answer:
    """Run `effect` and keep its answer in one transaction, or return the answer that is already there.

    Raises RequestInFlight or KeyReused; whatever `effect` raises leaves no trace of the key. A refusal is looked at
    twice: a twin that committed while we were looking up the key has used up what `effect` was to work on, and its
    answer is the answer.
    """
    try:
        with transaction.atomic():
            record = _find(claim)
            if record is not None:
                return _replay(record, claim)
            outcome = effect()
            answer = answer_of(outcome)
            if answer is not None:
                _new_record(claim, answer).save(force_insert=True)
            return outcome
    except (KeyReused, RequestInFlight):
        raise
    except (IntegrityError, ShopError):
        twin = IdempotencyRecord.objects.filter(scope_hash=claim.scope_hash, expires_at__gt=claim.now).first()
        if twin is None:
            raise
        return _replay(twin, claim)


def run_in_steps(claim: KeyClaim, effect: Callable[[], R], answer_of: Callable[[R], Answer | None]) -> R | Answer:
    """Hold the key by a lease, run `effect` (which commits as it goes), then keep its answer.

    A holder that died is succeeded after settings.IDEMPOTENCY_LEASE_SECONDS; the effect must find what it had begun.
    """
    try:
        with transaction.atomic():
            record = _find(claim)
            if record is not None and record.locked_until is None:
                return _replay(record, claim)
            record = _take_lease(record, claim)
    except IntegrityError as error:
        # A twin took the key between our look and our lease.
        raise RequestInFlight(retry_after_seconds=1) from error
    ours = IdempotencyRecord.objects.filter(pk=record.pk, locked_until=record.locked_until)
    try:
        outcome = effect()
    except Exception:
        ours.delete()
        raise
    answer = answer_of(outcome)
    if answer is None:
        ours.delete()
    else:
        ours.update(
            locked_until=None,
            status=answer.status,
            headers=answer.headers,
            sealed_body=_cipher(claim).encrypt(answer.body),
        )
    return outcome


def purge_expired(now: dt.datetime) -> int:
    """Delete the keys whose time is over, in rounds. Returns how many."""
    return delete_in_rounds(IdempotencyRecord.objects.filter(expires_at__lte=now).order_by("expires_at"))


def _find(claim: KeyClaim) -> IdempotencyRecord | None:
    """Return the key's live record. Raises RequestInFlight while another transaction works under the same key."""
    if connection.vendor == "postgresql":
        rows = list(IdempotencyRecord.objects.raw(_PROBE, [_advisory_key(claim), claim.scope_hash]))
        if not rows[0].is_free:  # type: ignore[attr-defined]  # the raw query's own column
            raise RequestInFlight(retry_after_seconds=1)
        record = rows[0] if rows[0].pk else None
    else:
        record = IdempotencyRecord.objects.filter(scope_hash=claim.scope_hash).first()
    if record is not None and record.expires_at <= claim.now:
        record.delete()
        return None
    return record


_PROBE = """
    SELECT claimed.is_free, record.*
    FROM (SELECT pg_try_advisory_xact_lock(%s) AS is_free) AS claimed
    LEFT JOIN core_idempotency_record AS record ON record.scope_hash = %s
"""


def _advisory_key(claim: KeyClaim) -> int:
    return int.from_bytes(hashlib.sha256(claim.scope.encode()).digest()[:8], "big", signed=True)


def _replay(record: IdempotencyRecord, claim: KeyClaim) -> Answer:
    if record.fingerprint != claim.fingerprint:
        raise KeyReused
    try:
        body = _cipher(claim).decrypt(bytes(record.sealed_body or b""))
    except InvalidToken:
        raise KeyReused("The first answer can no longer be read: the shop's SECRET_KEY has changed.") from None
    return Answer(status=record.status or 200, headers=record.headers, body=body)


def _take_lease(record: IdempotencyRecord | None, claim: KeyClaim) -> IdempotencyRecord:
    until = claim.now + dt.timedelta(seconds=settings.IDEMPOTENCY_LEASE_SECONDS)
    if record is None:
        record = _new_record(claim, None)
        record.locked_until = until
        record.save(force_insert=True)
        return record
    if record.fingerprint != claim.fingerprint:
        raise KeyReused
    if record.locked_until is not None and record.locked_until > claim.now:
        raise RequestInFlight(retry_after_seconds=1)
    if not IdempotencyRecord.objects.filter(pk=record.pk, locked_until=record.locked_until).update(locked_until=until):
        raise RequestInFlight(retry_after_seconds=1)
    record.locked_until = until
    return record


def _new_record(claim: KeyClaim, answer: Answer | None) -> IdempotencyRecord:
    return IdempotencyRecord(
        id=new_id(),
        scope_hash=claim.scope_hash,
        fingerprint=claim.fingerprint,
        status=answer.status if answer else None,
        headers=answer.headers if answer else {},
        sealed_body=_cipher(claim).encrypt(answer.body) if answer else None,
        created_at=claim.now,
        expires_at=claim.now + dt.timedelta(hours=settings.IDEMPOTENCY_HOURS),
    )


def _cipher(claim: KeyClaim) -> Fernet:
    digest = hashlib.sha256(f"{settings.SECRET_KEY}\n{claim.scope}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


_SMALLEST, _LARGEST = -(2**63), 2**64  # what orjson reads and writes as whole numbers; beyond, both are floats


def _normalised(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _normalised(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_normalised(entry) for entry in value]
    if isinstance(value, float) and _SMALLEST <= value < _LARGEST and value.is_integer():
        return int(value)
    return value


def _describe(value: object) -> str:
    return f"{type(value).__name__}:{getattr(value, 'name', '')}:{getattr(value, 'size', '')}"
