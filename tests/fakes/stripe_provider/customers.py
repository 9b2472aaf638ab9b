"""Customers: whom saved payment methods belong to."""

from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.parameters import Params, metadata, text, tree

KNOWN = {
    "address", "balance", "description", "email", "invoice_settings", "metadata", "name", "payment_method", "phone",
    "preferred_locales", "shipping", "tax_exempt",
}  # fmt: skip


def create(books: Books, params: Params) -> Json:
    customer = books.put(
        "customer",
        "cus",
        address=None,
        balance=0,
        currency=None,
        default_source=None,
        delinquent=False,
        description=None,
        email=None,
        invoice_settings={"default_payment_method": None},
        metadata={},
        name=None,
        phone=None,
        preferred_locales=[],
        shipping=None,
    )
    _write(customer, params)
    books.emit("customer.created", customer)
    return customer


def update(books: Books, params: Params, name: str) -> Json:
    customer = books.get("customer", name)
    _write(customer, params)
    books.emit("customer.updated", customer)
    return customer


def _write(customer: Json, params: Params) -> None:
    for member in ("description", "email", "name", "phone"):
        customer[member] = text(params, member) or customer[member]
    customer["metadata"] |= metadata(params)
    customer["invoice_settings"] |= tree(params, "invoice_settings")


def retrieve(books: Books, params: Params, name: str) -> Json:
    return books.get("customer", name)


def find(books: Books, params: Params) -> list[Json]:
    return list(books.find("customer", email=text(params, "email")))
