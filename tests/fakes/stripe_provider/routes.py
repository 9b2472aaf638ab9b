"""Which address does what, and which parameters it knows."""

import dataclasses
import re
from collections.abc import Callable, Collection
from typing import Any

from tests.fakes.stripe_provider import customers, disputes, intents, listing, methods, refunds, setups
from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import unknown_address
from tests.fakes.stripe_provider.parameters import Params, refuse_unknown


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """`kind` is one (an object), list or search."""

    method: str
    pattern: re.Pattern[str]
    run: Callable[..., Any]
    known: Collection[str]
    kind: str


def _route(method: str, path: str, run: Callable[..., Any], known: Collection[str] = (), kind: str = "one") -> Route:
    pattern = re.compile("^/v1/" + re.sub(r"\{\w+\}", r"([A-Za-z0-9_]+)", path) + "$")
    paging = {"list": listing.PAGING, "search": {"limit", "page"}, "one": set()}[kind]
    return Route(method, pattern, run, {*known, *paging}, kind)


def _retrieve(kind: str) -> Callable[..., Json]:
    return lambda books, params, name: books.get(kind, name)


ROUTES = (
    _route("POST", "customers", customers.create, customers.KNOWN),
    _route("GET", "customers", customers.find, {"email"}, "list"),
    _route("GET", "customers/{id}", customers.retrieve),
    _route("POST", "customers/{id}", customers.update, customers.KNOWN),
    _route(
        "GET", "customers/{id}/payment_methods",
        lambda books, params, name: methods.find(books, params, name), {"type", "allow_redisplay"}, "list",
    ),
    _route("GET", "customers/{id}/payment_methods/{method}", methods.retrieve_of_customer),
    _route("GET", "payment_methods", methods.find, {"customer", "type", "allow_redisplay"}, "list"),
    _route("GET", "payment_methods/{id}", methods.retrieve),
    _route("POST", "payment_methods/{id}", methods.update, {"allow_redisplay", "billing_details", "metadata"}),
    _route("POST", "payment_methods/{id}/attach", methods.attach, {"customer"}),
    _route("POST", "payment_methods/{id}/detach", methods.detach),
    _route("GET", "payment_intents/search", intents.search, {"query"}, "search"),
    _route("POST", "payment_intents", intents.create, intents.CREATE),
    _route("GET", "payment_intents", intents.find, {"customer"}, "list"),
    _route("GET", "payment_intents/{id}", intents.retrieve, {"client_secret"}),
    _route("POST", "payment_intents/{id}", intents.update, intents.UPDATE),
    _route("POST", "payment_intents/{id}/confirm", intents.confirm, intents.CONFIRM),
    _route("POST", "payment_intents/{id}/capture", intents.capture, intents.CAPTURE),
    _route("POST", "payment_intents/{id}/cancel", intents.cancel, {"cancellation_reason"}),
    _route("POST", "setup_intents", setups.create, setups.CREATE),
    _route("GET", "setup_intents", setups.find, {"customer", "payment_method"}, "list"),
    _route("GET", "setup_intents/{id}", setups.retrieve, {"client_secret"}),
    _route("POST", "setup_intents/{id}/confirm", setups.confirm, setups.CONFIRM),
    _route("POST", "setup_intents/{id}/cancel", setups.cancel, {"cancellation_reason"}),
    _route("POST", "refunds", refunds.create, refunds.KNOWN),
    _route("GET", "refunds", refunds.find, {"payment_intent", "charge"}, "list"),
    _route("GET", "refunds/{id}", refunds.retrieve),
    _route(
        "GET", "charges", lambda books, params: list(
            books.find("charge", payment_intent=params.get("payment_intent"), customer=params.get("customer"))
        ), {"payment_intent", "customer"}, "list",
    ),
    _route("GET", "charges/{id}", _retrieve("charge")),
    _route("GET", "disputes", disputes.find, {"payment_intent", "charge"}, "list"),
    _route("GET", "disputes/{id}", disputes.retrieve),
    _route("GET", "events", listing.events, {"type", "types", "delivery_success"}, "list"),
    _route("GET", "events/{id}", _retrieve("event")),
)  # fmt: skip


def run(books: Books, method: str, path: str, params: Params) -> Json:
    """Do what the address says and return the answer. The caller holds the books' lock. Raises StripeError."""
    for route in ROUTES:
        found = route.pattern.match(path)
        if found and route.method == method:
            refuse_unknown(params, route.known)
            return listing.render(books, _result(route, books, params, found, path), params)
    raise unknown_address(method, path)


def _result(route: Route, books: Books, params: Params, found: re.Match[str], path: str) -> Json:
    result = route.run(books, params, *found.groups())
    if route.kind == "list":
        return listing.page(result, params, url=path)
    return listing.search_page(result, params, url=path) if route.kind == "search" else result
