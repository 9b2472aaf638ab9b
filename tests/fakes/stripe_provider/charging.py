"""How a payment intent moves: confirmed, declined, authenticated, settled, captured, cancelled."""

from tests.fakes.stripe_provider import methods
from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import StripeError, card_error, refused

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELLABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing")


def wrong_state(books: Books, intent: Json, verb: str) -> StripeError:
    """The error for a verb that does not go with the intent's status."""
    return refused(
        f"This PaymentIntent's status is {intent['status']}: it cannot be used to {verb}.",
        code="payment_intent_unexpected_state",
        payment_intent=books.view(intent),
    )


def confirm(books: Books, intent: Json, method: Json, *, is_off_session: bool = False) -> None:
    """Try to charge the method. Raises StripeError: wrong state or method (400), declined (402)."""
    if intent["status"] not in CONFIRMABLE:
        raise wrong_state(books, intent, "confirm")
    _refuse_other_types(intent, method)
    methods.refuse_foreign(method, intent["customer"])
    intent.update(payment_method=method["id"], last_payment_error=None, next_action=None)
    behaviour: str = method["_behaviour"]
    if behaviour == "succeeds":
        succeed(books, intent)
    elif behaviour == "processing":
        _process(books, intent, method)
    elif behaviour == "requires_action" and not is_off_session:
        _require_action(books, intent)
    else:
        code, _, decline_code = behaviour.partition(":")
        is_unattended = behaviour == "requires_action"
        raise decline(books, intent, code="authentication_required" if is_unattended else code, why=decline_code)


def _refuse_other_types(intent: Json, method: Json) -> None:
    if method["type"] not in intent["payment_method_types"] and not intent["automatic_payment_methods"]:
        message = f"The PaymentIntent does not take payment methods of type {method['type']}."
        raise refused(message, param="payment_method")


def succeed(books: Books, intent: Json) -> None:
    """The bank says yes: the money is taken, or held when it is captured by hand."""
    method = books.get("payment_method", intent["payment_method"])
    is_held = intent["capture_method"] == "manual"
    charge = _charge(books, intent, method, status="succeeded", is_captured=not is_held)
    books.move("charged", charge, charge["amount"])
    _keep_or_spend(books, intent, method)
    books.emit("charge.succeeded", charge)
    if is_held:
        intent.update(status="requires_capture", amount_capturable=intent["amount"], next_action=None)
        books.emit("payment_intent.amount_capturable_updated", intent)
    else:
        _receive(books, intent, charge, charge["amount"])


def _receive(books: Books, intent: Json, charge: Json, amount: int) -> None:
    charge.update(captured=True, amount_captured=amount, balance_transaction=f"txn_{charge['id'][3:]}")
    books.move("captured", charge, amount)
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0, next_action=None)
    books.emit("payment_intent.succeeded", intent)


def _charge(books: Books, intent: Json, method: Json, *, status: str, is_captured: bool = False) -> Json:
    charge = books.put(
        "charge",
        "ch",
        amount=intent["amount"],
        amount_captured=intent["amount"] if is_captured else 0,
        amount_refunded=0,
        balance_transaction=None,
        billing_details=method["billing_details"],
        captured=is_captured,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_code=None,
        failure_message=None,
        metadata=dict(intent["metadata"]),
        outcome=_outcome(method, status),
        paid=status == "succeeded",
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=methods.details(method),
        receipt_email=intent["receipt_email"],
        refunded=False,
        status=status,
    )
    intent["latest_charge"] = charge["id"]
    return charge


def _outcome(method: Json, status: str) -> Json:
    is_elevated = method["_magic"] == "pm_card_riskLevelElevated"
    return {
        "network_status": "declined_by_network" if status == "failed" else "approved_by_network",
        "reason": "elevated_risk_level" if is_elevated else None,
        "risk_level": "elevated" if is_elevated else "normal",
        "type": "issuer_declined" if status == "failed" else "manual_review" if is_elevated else "authorized",
    }


def _keep_or_spend(books: Books, intent: Json, method: Json) -> None:
    if intent["setup_future_usage"] and intent["customer"]:
        methods.save(books, method, intent["customer"])
    elif not method["customer"]:
        method["_is_spent"] = True


def decline(books: Books, intent: Json, *, code: str, why: str = "", charge: Json | None = None) -> StripeError:
    """The bank says no: the intent waits for another method. Returns the error to answer with."""
    method = books.get("payment_method", intent["payment_method"])
    failed = charge or _charge(books, intent, method, status="failed")
    failed.update(status="failed", paid=False, failure_code=code, failure_message="The card was not accepted.")
    problem = {
        "charge": failed["id"],
        "code": code,
        "decline_code": why,
        "message": "The card was not accepted.",
        "payment_method": books.view(method),
        "type": "card_error",
    }
    _await_method(intent, problem)
    books.emit("charge.failed", failed)
    books.emit("payment_intent.payment_failed", intent)
    return card_error(code, decline_code=why, payment_intent=books.view(intent), charge=failed["id"])


def _await_method(intent: Json, problem: Json) -> None:
    intent.update(status="requires_payment_method", payment_method=None, next_action=None, last_payment_error=problem)


def fail_authentication(books: Books, intent: Json) -> None:
    """The payer did not prove to be who they are."""
    _expect(books, intent, ("requires_action",), "authenticate")
    code = "payment_intent_authentication_failure"
    _await_method(intent, {"code": code, "message": "Not authenticated.", "type": "invalid_request_error"})
    books.emit("payment_intent.payment_failed", intent)


def _require_action(books: Books, intent: Json) -> None:
    where = {"url": books.page_url(intent["client_secret"]), "return_url": intent["_return_url"] or None}
    intent.update(status="requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": where})
    books.emit("payment_intent.requires_action", intent)


def authenticate(books: Books, intent: Json) -> None:
    """The payer has proven to be who they are."""
    _expect(books, intent, ("requires_action",), "authenticate")
    succeed(books, intent)


def _process(books: Books, intent: Json, method: Json) -> None:
    charge = _charge(books, intent, method, status="pending")
    intent["status"] = "processing"
    books.emit("charge.pending", charge)
    books.emit("payment_intent.processing", intent)


def settle(books: Books, intent: Json) -> None:
    """The slow bank has paid."""
    _expect(books, intent, ("processing",), "settle")
    charge = books.get("charge", intent["latest_charge"])
    charge.update(status="succeeded", paid=True)
    books.move("charged", charge, charge["amount"])
    _keep_or_spend(books, intent, books.get("payment_method", intent["payment_method"]))
    books.emit("charge.succeeded", charge)
    _receive(books, intent, charge, charge["amount"])


def fail_settling(books: Books, intent: Json) -> None:
    """The slow bank will not pay."""
    _expect(books, intent, ("processing",), "settle")
    charge = books.get("charge", intent["latest_charge"])
    decline(books, intent, code="bank_account_declined", why="insufficient_funds", charge=charge)


def capture(books: Books, intent: Json, amount: int | None) -> None:
    """Take money that is held; what is not taken is released."""
    _expect(books, intent, ("requires_capture",), "capture")
    taken = intent["amount_capturable"] if amount is None else amount
    if not 0 < taken <= intent["amount_capturable"]:
        raise refused("The amount is more than is held.", param="amount_to_capture", code="amount_too_large")
    charge = books.get("charge", intent["latest_charge"])
    charge.update(captured=True, amount_captured=taken)
    books.emit("charge.captured", charge)
    _receive(books, intent, charge, taken)


def cancel(books: Books, intent: Json, *, reason: str, is_expired: bool = False) -> None:
    """Give the intent up; money that is held is released.

    A released hold is told as a refunded charge of which nothing was captured: no money moved.
    """
    _expect(books, intent, CANCELLABLE, "cancel")
    is_held = intent["status"] == "requires_capture"
    intent.update(status="canceled", canceled_at=books.now(), cancellation_reason=reason or None)
    intent.update(amount_capturable=0, next_action=None)
    if is_held:
        charge = books.get("charge", intent["latest_charge"])
        charge.update(refunded=True, amount_refunded=charge["amount"])
        books.emit("charge.expired" if is_expired else "charge.refunded", charge)
    books.emit("payment_intent.canceled", intent)


def _expect(books: Books, intent: Json, statuses: tuple[str, ...], verb: str) -> None:
    if intent["status"] not in statuses:
        raise wrong_state(books, intent, verb)
