"""What the provider tells the shop by itself: the IPN, and the form the browser brings back."""

from urllib.parse import urlencode

from tests.fakes.sslcommerz_provider.payments import Session
from tests.fakes.sslcommerz_provider.signing import sign

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def fields_of(session: Session, *, store_id: str) -> dict[str, str]:
    """Return the fields of an IPN before they are signed.

    As recorded from the real one: only a payment has a val_id; where the payer gave up before choosing a card, there is
    nothing of a card and nothing of a risk either.
    """
    fields = {
        "status": session.status if session.status != "VALIDATED" else "VALID",
        "tran_id": session.tran_id,
        "tran_date": session.tran_date or session.created_at,
        "bank_tran_id": session.bank_tran_id,
        "error": session.error,
        "store_id": store_id,
        **session.money(),
        **session.echoed(),
    }
    if session.is_paid:
        return {**fields, "val_id": session.val_id, **session.card(), **session.risk()}
    del fields["store_amount"]
    return {**fields, **session.card()} if session.status == "FAILED" else fields


def compose(
    session: Session, *, store_id: str, password: str, overrides: dict[str, str | None], is_signed: bool
) -> dict[str, str]:
    """Return the form of an IPN. Overrides (None: left out) are signed as well, unless it is to be tampered with."""
    honest = fields_of(session, store_id=store_id)
    changed = {name: value for name, value in {**honest, **overrides}.items() if value is not None}
    if is_signed:
        return sign(changed, password)
    proof = sign(honest, password)
    return {**changed, **{name: proof[name] for name in ("verify_key", "verify_sign", "verify_sign_sha2")}}


def encode(fields: dict[str, str]) -> bytes:
    """Return the body of a form."""
    return urlencode(fields).encode()
