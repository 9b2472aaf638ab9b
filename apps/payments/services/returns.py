"""A payer's browser is back from a provider's page: a hint to ask soon, and nothing more."""

import datetime as dt
import uuid

from apps.payments.models import Payment


def note_return(*, provider: str, payment_id: uuid.UUID, now: dt.datetime) -> Payment | None:
    """The provider is asked about this payment at once, if it was to be asked at all. Returns it, None if it is not
    one of the provider's.

    Anybody can say that they are back: no state changes, and no answer of the provider is waited for. Two statements.
    """
    payment = Payment.objects.filter(pk=payment_id, provider=provider).first()
    if payment is not None:
        Payment.objects.filter(pk=payment.pk, next_inquiry_at__gt=now).update(next_inquiry_at=now)
    return payment
