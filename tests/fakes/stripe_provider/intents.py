"""The addresses under /v1/payment_intents."""

import re
import secrets

from tests.fakes.stripe_provider import charging, methods
from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import invalid, refused
from tests.fakes.stripe_provider.parameters import (
    Params,
    amount,
    choice,
    currency,
    flag,
    integer,
    metadata,
    text,
    texts,
    tree,
)

CONFIRM = {
    "capture_method", "confirmation_token", "error_on_requires_action", "mandate", "mandate_data", "off_session",
    "payment_method", "payment_method_data", "payment_method_options", "payment_method_types", "radar_options",
    "receipt_email", "return_url", "setup_future_usage", "shipping", "use_stripe_sdk",
}  # fmt: skip
UPDATE = {
    "amount", "amount_details", "capture_method", "currency", "customer", "description", "metadata", "payment_details",
    "payment_method", "payment_method_options", "payment_method_types", "receipt_email", "setup_future_usage",
    "shipping", "statement_descriptor", "statement_descriptor_suffix", "transfer_group",
}  # fmt: skip
CREATE = CONFIRM | UPDATE | {"automatic_payment_methods", "confirm", "confirmation_method"}
CAPTURE = {
    "amount_to_capture", "final_capture", "metadata", "statement_descriptor", "statement_descriptor_suffix",
}  # fmt: skip
REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
_CLAUSE = re.compile(r"""^(\w+)(?:\[["'](\w+)["']\])?\s*:\s*["']([^"']*)["']$""")


def create(books: Books, params: Params) -> Json:
    intent = _make(books, params)
    books.emit("payment_intent.created", intent)
    if flag(params, "confirm"):
        _confirm(books, intent, params)
    return intent


def _make(books: Books, params: Params) -> Json:
    customer = text(params, "customer")
    if customer:
        books.get("customer", customer, param="customer")
    automatic, types = _accepted_types(params)
    charged = {"amount": amount(params), "currency": currency(params), "metadata": metadata(params)}
    capture = choice(params, "capture_method", ("automatic", "automatic_async", "manual"), default="automatic_async")
    later = choice(params, "setup_future_usage", ("off_session", "on_session"))
    if flag(params, "off_session") and not flag(params, "confirm"):
        raise invalid("off_session needs confirm=true.", param="off_session")
    if flag(params, "confirm"):
        _demand_return_url(automatic, text(params, "return_url"))
    method = text(params, "payment_method")
    taken = methods.take(books, method)["id"] if method else None
    intent = books.put(
        "payment_intent",
        "pi",
        **charged,
        amount_capturable=0,
        amount_received=0,
        automatic_payment_methods=automatic,
        canceled_at=None,
        cancellation_reason=None,
        capture_method=capture,
        confirmation_method="automatic",
        customer=customer or None,
        description=text(params, "description") or None,
        last_payment_error=None,
        latest_charge=None,
        next_action=None,
        payment_method=taken,
        payment_method_types=types,
        receipt_email=text(params, "receipt_email") or None,
        setup_future_usage=later or None,
        shipping=tree(params, "shipping") or None,
        status="requires_confirmation" if taken else "requires_payment_method",
        _return_url=text(params, "return_url"),
    )
    intent["client_secret"] = f"{intent['id']}_secret_{secrets.token_hex(12)}"
    return intent


def _accepted_types(params: Params) -> tuple[Json | None, list[str]]:
    automatic, types = tree(params, "automatic_payment_methods"), texts(params, "payment_method_types")
    if automatic.get("enabled") == "true" and types:
        raise invalid("Give payment_method_types or automatic_payment_methods, not both.", param="payment_method_types")
    if types:
        return None, types
    redirects = choice(automatic, "allow_redirects", ("always", "never"), default="always")
    return {"enabled": True, "allow_redirects": redirects}, ["card", "us_bank_account"]


def retrieve(books: Books, params: Params, name: str) -> Json:
    return books.get("payment_intent", name)


def update(books: Books, params: Params, name: str) -> Json:
    intent = books.get("payment_intent", name)
    if intent["status"] not in charging.CONFIRMABLE and set(params) - {"metadata", "description", "expand"}:
        raise charging.wrong_state(books, intent, "update")
    if "amount" in params:
        intent["amount"] = amount(params)
    intent["metadata"] |= metadata(params)
    intent["description"] = text(params, "description") or intent["description"]
    return intent


def confirm(books: Books, params: Params, name: str) -> Json:
    intent = books.get("payment_intent", name)
    _confirm(books, intent, params)
    return intent


def _confirm(books: Books, intent: Json, params: Params) -> None:
    if intent["status"] not in charging.CONFIRMABLE:
        raise charging.wrong_state(books, intent, "confirm")
    name = text(params, "payment_method") or intent["payment_method"]
    if not name:
        raise refused("A payment method is needed.", param="payment_method", payment_intent=books.view(intent))
    intent["_return_url"] = text(params, "return_url") or intent["_return_url"]
    _demand_return_url(intent["automatic_payment_methods"], intent["_return_url"])
    intent["setup_future_usage"] = text(params, "setup_future_usage") or intent["setup_future_usage"]
    is_unattended = flag(params, "off_session") or flag(params, "error_on_requires_action")
    charging.confirm(books, intent, methods.take(books, name), is_off_session=is_unattended)


def _demand_return_url(automatic: Json | None, return_url: str) -> None:
    """Methods that send the payer elsewhere need a way back, so the provider insists unless they are ruled out."""
    if automatic and automatic["allow_redirects"] == "always" and not return_url:
        raise invalid("A return_url is needed unless redirects are ruled out.", param="return_url")


def capture(books: Books, params: Params, name: str) -> Json:
    intent = books.get("payment_intent", name)
    charging.capture(books, intent, integer(params, "amount_to_capture"))
    return intent


def cancel(books: Books, params: Params, name: str) -> Json:
    intent = books.get("payment_intent", name)
    charging.cancel(books, intent, reason=choice(params, "cancellation_reason", REASONS))
    return intent


def find(books: Books, params: Params) -> list[Json]:
    return list(books.find("payment_intent", customer=text(params, "customer")))


def search(books: Books, params: Params) -> list[Json]:
    """Return the intents for which all clauses hold, such as metadata['attempt_id']:'…' AND status:'succeeded'."""
    clauses = [_clause(part.strip()) for part in text(params, "query", required=True).split(" AND ")]
    return [
        intent
        for intent in books.find("payment_intent")
        if intent["id"] not in books.unsearchable and all(_holds(intent, clause) for clause in clauses)
    ]


def _clause(part: str) -> tuple[str, str, str]:
    found = _CLAUSE.match(part)
    if found is None or (found[1] == "metadata") != (found[2] is not None):
        raise invalid("The search query is not understood.", param="query")
    return found[1], found[2] or "", found[3]


def _holds(intent: Json, clause: tuple[str, str, str]) -> bool:
    field, key, value = clause
    return str(intent["metadata"].get(key) if field == "metadata" else intent.get(field)) == value
