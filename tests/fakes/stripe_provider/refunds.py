"""Refunds: through the API, at the dashboard, held up, failing later."""

from collections.abc import Mapping

from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import StripeError, invalid, refused
from tests.fakes.stripe_provider.parameters import Params, choice, integer, metadata, text

KNOWN = {"amount", "charge", "instructions_email", "metadata", "origin", "payment_intent", "reason"}
REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(books: Books, params: Params) -> Json:
    charge = _charge_of(books, params)
    amount = integer(params, "amount")
    if amount is not None and amount <= 0:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    return make(books, charge, amount, reason=choice(params, "reason", REASONS), metadata=metadata(params))


def _charge_of(books: Books, params: Params) -> Json:
    named, intent_id = text(params, "charge"), text(params, "payment_intent")
    if bool(named) == bool(intent_id):
        raise invalid("Give one of charge and payment_intent.", param="payment_intent", code="parameter_missing")
    if named:
        return books.get("charge", named, param="charge")
    intent = books.get("payment_intent", intent_id, param="payment_intent")
    if intent["status"] != "succeeded":
        message = "This PaymentIntent has no successful charge to refund."
        raise refused(message, param="payment_intent", code="payment_intent_unexpected_state")
    return books.get("charge", intent["latest_charge"])


def make(
    books: Books, charge: Json, amount: int | None, *, reason: str = "", metadata: Mapping[str, str] | None = None
) -> Json:
    """Send money of the charge back, all that is left when `amount` is None.

    Raises StripeError when there is nothing, or less than that, to send back.
    """
    _refuse_unrefundable(charge, amount)
    sent = charge["amount_captured"] - charge["amount_refunded"] if amount is None else amount
    is_held = books.refunds_to_hold > 0
    books.refunds_to_hold -= is_held
    refund = books.put(
        "refund",
        "re",
        amount=sent,
        balance_transaction=f"txn_{charge['id'][3:]}",
        charge=charge["id"],
        currency=charge["currency"],
        destination_details={"type": "card"},
        failure_reason=None,
        metadata=dict(metadata or {}),
        payment_intent=charge["payment_intent"],
        reason=reason or None,
        status="pending" if is_held else "succeeded",
    )
    _tell(books, charge, refund)
    return refund


def _refuse_unrefundable(charge: Json, amount: int | None) -> None:
    left = charge["amount_captured"] - charge["amount_refunded"]
    if not charge["captured"]:
        raise refused("Nothing of this charge has been captured.", param="charge")
    if charge["disputed"]:
        raise refused("The charge is disputed.", param="charge", code="charge_disputed")
    if left <= 0:
        raise refused("The charge has already been refunded.", param="charge", code="charge_already_refunded")
    if amount is not None and amount > left:
        raise refused("The refund is more than is left of the charge.", param="amount", code="amount_too_large")


def _tell(books: Books, charge: Json, refund: Json) -> None:
    before = charge["amount_refunded"]
    _change_refunded(charge, refund["amount"])
    if refund["status"] == "succeeded":
        books.move("refunded", charge, refund["amount"])
    books.emit("refund.created", refund)
    books.emit("charge.refunded", charge, amount_refunded=before)
    if refund["status"] == "succeeded":
        books.emit("refund.updated", refund)


def _change_refunded(charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount_captured"]


def finish(books: Books, refund: Json) -> None:
    """The money of a refund that was held up has arrived."""
    _expect(refund, "pending")
    refund["status"] = "succeeded"
    books.move("refunded", books.get("charge", refund["charge"]), refund["amount"])
    books.emit("refund.updated", refund)


def fail(books: Books, refund: Json, *, reason: str) -> None:
    """The bank sent the money back: it is the shop's again."""
    _expect(refund, "pending", "succeeded")
    charge = books.get("charge", refund["charge"])
    if refund["status"] == "succeeded":
        books.move("refund_undone", charge, refund["amount"])
    refund.update(status="failed", failure_reason=reason)
    _change_refunded(charge, -refund["amount"])
    books.emit("refund.updated", refund)
    books.emit("refund.failed", refund)


def _expect(refund: Json, *statuses: str) -> None:
    if refund["status"] not in statuses:
        raise StripeError(400, "invalid_request_error", f"The refund is {refund['status']}.", is_kept=True)


def retrieve(books: Books, params: Params, name: str) -> Json:
    return books.get("refund", name)


def find(books: Books, params: Params) -> list[Json]:
    wanted = {"payment_intent": text(params, "payment_intent"), "charge": text(params, "charge")}
    return list(books.find("refund", **wanted))
