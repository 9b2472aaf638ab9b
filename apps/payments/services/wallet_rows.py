"""The rows of saved payment methods. Everything here is called under the account's lock, inside a transaction."""

import uuid

from apps.payments.gateways.wallets import SavedMethod
from apps.payments.models import PaymentMethod, ProviderCustomer
from core import clock


def write_method(*, user_id: uuid.UUID, provider: str, kept: SavedMethod, is_default: bool) -> PaymentMethod:
    """The row of this method says what the provider says, and is the default if it is to be or there is no other.

    Returns it. Up to three statements. Raises IntegrityError when it is another account's.
    """
    rows = list(PaymentMethod.objects.filter(user_id=user_id))
    known = (row for row in rows if (row.provider, row.reference) == (provider, kept.reference))
    method = next(known, PaymentMethod(user_id=user_id, provider=provider, reference=kept.reference))
    news = _described(kept)
    if (is_default or not any(row.is_default for row in rows)) and not method.is_default:
        PaymentMethod.objects.filter(user_id=user_id, is_default=True).update(is_default=False)
        news["is_default"] = True
    _write(method, news)
    return method


def update_method(method: PaymentMethod, kept: SavedMethod) -> None:
    """The row, new or not, says what the provider says. One statement, none if nothing changes."""
    _write(method, _described(kept))


def make_default(method: PaymentMethod) -> None:
    """This one is the account's default and no other is. Two statements."""
    others = PaymentMethod.objects.filter(user_id=method.user_id, is_default=True).exclude(pk=method.pk)
    others.update(is_default=False)
    PaymentMethod.objects.filter(pk=method.pk).update(is_default=True)
    method.is_default = True


def ensure_default(user_id: uuid.UUID) -> None:
    """An account that has methods has a default: the newest, if there was none. One statement, or three."""
    rows = PaymentMethod.objects.filter(user_id=user_id)
    first = rows.order_by("-is_default", "-created_at", "-id").first()
    if first is not None and not first.is_default:
        make_default(first)


def mark_changed(*, user_id: uuid.UUID, provider: str) -> None:
    """What the provider said about the user's methods before this moment may be out of date. One statement."""
    ProviderCustomer.objects.filter(user_id=user_id, provider=provider).update(updated_at=clock.now())


def _described(kept: SavedMethod) -> dict[str, object]:
    """Return what the provider says, cut to what a row has room for: never more than four digits of a number."""
    return {
        "kind": kept.kind[:30],
        "brand": kept.brand[:30],
        "last4": kept.last4[-4:],
        "exp_month": kept.exp_month,
        "exp_year": kept.exp_year,
    }


def _write(method: PaymentMethod, news: dict[str, object]) -> None:
    is_new = method._state.adding
    changed = [name for name, value in news.items() if getattr(method, name) != value]
    for name in changed:
        setattr(method, name, news[name])
    if is_new or changed:
        method.save(force_insert=is_new, update_fields=None if is_new else [*changed, "updated_at"])
