"""Disputes: the payer asks their bank for the money back."""

from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import StripeError
from tests.fakes.stripe_provider.parameters import Params, text

OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


def begin(books: Books, charge: Json, *, amount: int | None, reason: str, is_inquiry: bool) -> Json:
    """Open a dispute. The money is taken at once, except for an inquiry, which only asks."""
    dispute = books.put(
        "dispute",
        "dp",
        amount=charge["amount_captured"] - charge["amount_refunded"] if amount is None else amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        evidence={},
        evidence_details={"due_by": books.now() + 7 * 86_400, "has_evidence": False, "submission_count": 0},
        is_charge_refundable=is_inquiry,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="warning_needs_response" if is_inquiry else "needs_response",
    )
    charge["disputed"] = not is_inquiry
    books.emit("charge.dispute.created", dispute)
    if not is_inquiry:
        books.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def answer(books: Books, dispute: Json) -> None:
    """The shop has sent its evidence."""
    _expect_open(dispute)
    is_inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_under_review" if is_inquiry else "under_review"
    dispute["evidence_details"] |= {"has_evidence": True, "submission_count": 1}
    books.emit("charge.dispute.updated", dispute)


def close(books: Books, dispute: Json, *, is_won: bool) -> None:
    """The bank has decided; won: the money comes back."""
    _expect_open(dispute)
    is_inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if is_inquiry else "won" if is_won else "lost"
    if is_won and not is_inquiry:
        books.get("charge", dispute["charge"])["disputed"] = False
        books.emit("charge.dispute.funds_reinstated", dispute)
    books.emit("charge.dispute.closed", dispute)


def _expect_open(dispute: Json) -> None:
    if dispute["status"] not in OPEN:
        raise StripeError(400, "invalid_request_error", f"The dispute is {dispute['status']}.", is_kept=True)


def retrieve(books: Books, params: Params, name: str) -> Json:
    return books.get("dispute", name)


def find(books: Books, params: Params) -> list[Json]:
    wanted = {"payment_intent": text(params, "payment_intent"), "charge": text(params, "charge")}
    return list(books.find("dispute", **wanted))
