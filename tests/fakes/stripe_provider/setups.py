"""Setup intents: saving a payment method without charging it."""

import secrets

from tests.fakes.stripe_provider import methods
from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import card_error, refused
from tests.fakes.stripe_provider.parameters import Params, choice, flag, metadata, text, texts, tree

CONFIRM = {"mandate_data", "payment_method", "payment_method_options", "return_url", "use_stripe_sdk"}
CREATE = CONFIRM | {
    "automatic_payment_methods", "confirm", "customer", "description", "metadata", "payment_method_types", "usage",
}  # fmt: skip
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(books: Books, params: Params) -> Json:
    customer = text(params, "customer")
    if customer:
        books.get("customer", customer, param="customer")
    method = text(params, "payment_method")
    types = texts(params, "payment_method_types")
    setup = books.put(
        "setup_intent",
        "seti",
        automatic_payment_methods=None if types else {"enabled": True, **tree(params, "automatic_payment_methods")},
        customer=customer or None,
        description=text(params, "description") or None,
        last_setup_error=None,
        metadata=metadata(params),
        next_action=None,
        payment_method=methods.take(books, method)["id"] if method else None,
        payment_method_types=types or ["card", "us_bank_account"],
        status="requires_confirmation" if method else "requires_payment_method",
        usage=choice(params, "usage", ("off_session", "on_session"), default="off_session"),
    )
    setup["client_secret"] = f"{setup['id']}_secret_{secrets.token_hex(12)}"
    books.emit("setup_intent.created", setup)
    return _confirm(books, setup, method) if flag(params, "confirm") else setup


def retrieve(books: Books, params: Params, name: str) -> Json:
    return books.get("setup_intent", name)


def confirm(books: Books, params: Params, name: str) -> Json:
    return _confirm(books, books.get("setup_intent", name), text(params, "payment_method"))


def _confirm(books: Books, setup: Json, given: str) -> Json:
    name = given or setup["payment_method"]
    if setup["status"] not in CONFIRMABLE or not name:
        message = f"This SetupIntent cannot be confirmed: {setup['status']}."
        raise refused(message, code="setup_intent_unexpected_state")
    method = methods.take(books, name)
    methods.refuse_foreign(method, setup["customer"])
    setup["payment_method"] = method["id"]
    if method["_behaviour"].partition(":")[1]:
        raise _fail(books, setup, method)
    if method["_behaviour"] == "requires_action":
        return _require_action(books, setup)
    return succeed(books, setup)


def _require_action(books: Books, setup: Json) -> Json:
    where = {"url": books.page_url(setup["client_secret"]), "return_url": None}
    setup.update(status="requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": where})
    books.emit("setup_intent.requires_action", setup)
    return setup


def succeed(books: Books, setup: Json) -> Json:
    """The method is saved at the customer."""
    setup.update(status="succeeded", next_action=None, last_setup_error=None)
    if setup["customer"]:
        methods.save(books, books.get("payment_method", setup["payment_method"]), setup["customer"])
    books.emit("setup_intent.succeeded", setup)
    return setup


def _fail(books: Books, setup: Json, method: Json) -> Exception:
    code, _, why = method["_behaviour"].partition(":")
    problem = {"code": code, "decline_code": why, "message": "The card was not accepted.", "type": "card_error"}
    setup.update(status="requires_payment_method", payment_method=None, last_setup_error=problem)
    books.emit("setup_intent.setup_failed", setup)
    return card_error(code, decline_code=why, setup_intent=books.view(setup))


def cancel(books: Books, params: Params, name: str) -> Json:
    setup = books.get("setup_intent", name)
    if setup["status"] not in CONFIRMABLE:
        raise refused("This SetupIntent cannot be cancelled.", code="setup_intent_unexpected_state")
    setup.update(status="canceled", next_action=None)
    books.emit("setup_intent.canceled", setup)
    return setup


def find(books: Books, params: Params) -> list[Json]:
    wanted = {"customer": text(params, "customer"), "payment_method": text(params, "payment_method")}
    return list(books.find("setup_intent", **wanted))
