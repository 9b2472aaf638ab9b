"""Cards never touch the shop: a number, its check code and its holder's secrets are refused and written nowhere.

Promise 39, for every address of the payments API: canaries in every field, name, header and query string, then a look
at all that was logged (at DEBUG, with SQL), all that every table holds, and all mail.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.orders.models import Order
from apps.payments.models import Payment, PaymentMethod, Refund
from apps.payments.states import EntryKind
from core.events.worker import deliver_all_due
from core.logs import ContextFilter, JsonFormatter
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, message, pay, signed
from tests.apps.payments.wallet.played import PlayedWallet
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
PAN, CVC, TOKEN = "4000056655665556", "90715", "canary-token-Zq7hM2xWb"
BLANKS, HYPHENS = "4000 0566 5566 5556", "4000-0566-5566-5556"
CANARIES = re.compile(rf"4000.?0566.?5566.?5556|(?<![\w.-]){CVC}(?![\w.-])|{TOKEN}")
PAYING = [
    "/api/v1/payments/process/",
    "/api/payments/process/",
    "/api/v2/payments/create_intent/",
    "/api/payments/payments/create_intent/",
]
SAVING = [
    "/api/v2/payment-methods/",
    "/api/v2/payment-methods/setup/",
    "/api/v2/payment-methods/0198f000-0000-7000-8000-000000000000/set_default/",
    "/api/payments/payment-methods/",
]
CARD_LIKE: list[dict[str, Any]] = [
    *({"payment_method_id": value} for value in (PAN, BLANKS, HYPHENS, int(PAN), float(PAN), f"card {BLANKS} please")),
    *({"provider": PAN}, {"order_id": HYPHENS}, {"is_default": int(PAN)}, {"whatever": BLANKS}),
    *({"source": {"deep": [{"value": [PAN]}]}}, {"a": [[[{"b": {"c": HYPHENS}}]]]}),
    *({PAN: "x"}, {"deep": {BLANKS: "x"}}, {"list": [{HYPHENS: {"cvc": CVC}}]}),
    *({name: CVC} for name in ("cvc", "CVV", "cvv2", "card_cvc", "card-cvc", "CVC2")),
    *({"card": {"number": "x", "cvc": CVC}}, {"card_number": TOKEN}, {"pan": TOKEN}, {"deep": {"number": TOKEN}}),
]
HEADERS = [
    "X-Request-ID", "X-Cart-Token", "X-Order-Token", "Idempotency-Key", "User-Agent", "Referer", "Origin", "Cookie",
    "Accept-Language", "If-None-Match", "If-Match", "X-Forwarded-For", "Via", "X-Card-Number", "Simulated-Signature",
]  # fmt: skip


class EveryLine(logging.Handler):
    """Keeps every record as the shop's log would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.addFilter(ContextFilter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def of(self, name: str) -> list[str]:
        return [line for line in self.lines if json.loads(line)["logger"] == name]


@pytest.fixture
def log(db: None, settings: LazySettings) -> Iterator[EveryLine]:
    """All that any logger says during the test, SQL included."""
    settings.ACCESS_LOG = True
    handler, known = EveryLine(), logging.root.manager.loggerDict
    loggers = [logging.root, *(logging.getLogger(name) for name in {*known, "shop.access", "django.db.backends"})]
    before = [(logger, logger.level, logger.disabled) for logger in loggers]
    listened_to = [logger for logger in loggers if logger is logging.root or not logger.propagate]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
    for logger in listened_to:
        logger.addHandler(handler)
    with CaptureQueriesContext(connection):  # SQL is logged while somebody looks at it
        yield handler
    for logger in listened_to:
        logger.removeHandler(handler)
    for logger, level, disabled in before:
        logger.setLevel(level)
        logger.disabled = disabled


@pytest.fixture
def owner(provider: PlayedWallet, customer: User, api_as: Callable[[User], ApiClient]) -> ApiClient:
    return api_as(customer)


@pytest.fixture
def order(customer: User) -> Order:
    return make_order(user=customer)


def tables() -> str:
    """Return every value of every table, as text."""
    values: list[str] = []
    for model in apps.get_models(include_auto_created=True):
        for row in model._default_manager.order_by().values_list():
            values.extend(bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v) for v in row)
    return "\n".join(values)


def assert_nowhere(log: EveryLine) -> None:
    deliver_all_due()
    assert log.of("shop.access") != []
    assert log.of("django.db.backends") != []
    mails = "\n".join(str(sent.message()) for sent in mail.outbox)
    for place in ("\n".join(log.lines), tables(), mails):
        assert CANARIES.search(place) is None


def refused(response: Any) -> bool:
    assert CANARIES.search(response.content.decode()) is None
    return (response.status_code, response.json()["code"]) == (400, "card_data_refused")


@pytest.mark.parametrize("path", PAYING)
def test_no_field_of_a_payment_takes_card_data(
    path: str, owner: ApiClient, order: Order, log: EveryLine, new_key: str
) -> None:
    body = {"order_id": str(order.pk), "provider": "simulated", "payment_method_id": "pm_sim_success"}
    before = everything()
    for members in CARD_LIKE:
        assert refused(owner.post(path, body | members)), members
        assert refused(owner.post(path, body | members, Idempotency_Key=new_key)), members
    assert everything() == before
    assert_nowhere(log)


@pytest.mark.parametrize("path", SAVING)
def test_no_field_of_a_saved_method_takes_card_data(
    path: str, owner: ApiClient, provider: PlayedWallet, log: EveryLine, new_key: str
) -> None:
    body = {"provider": "simulated", "payment_method_id": "visa_4242"}
    for members in CARD_LIKE:
        assert refused(owner.post(path, body | members)), members
        assert refused(owner.post(path, body | members, Idempotency_Key=new_key)), members
    assert (PaymentMethod.objects.count(), provider.calls) == (0, [])
    assert_nowhere(log)


def test_no_field_of_a_refund_takes_card_data(
    admin: User, order: Order, api_as: Callable[[User], ApiClient], log: EveryLine
) -> None:
    pay(order)
    desk, path = api_as(admin), f"/api/v2/orders/{order.pk}/refunds/"
    for members in (*CARD_LIKE, {"reason": f"back to {BLANKS}"}, {"items": [{"item_id": PAN, "quantity": 1}]}):
        assert refused(desk.post(path, {"amount": "1.00", "reason": "broken"} | members)), members
    assert Refund.objects.count() == 0
    assert_nowhere(log)


@pytest.mark.parametrize("value", [PAN, HYPHENS, TOKEN])
@pytest.mark.parametrize("header", HEADERS)
def test_no_header_of_a_payment_is_written_down(
    header: str, value: str, owner: ApiClient, order: Order, log: EveryLine
) -> None:
    body = {"order_id": str(order.pk), "provider": "simulated"}
    response = owner.post(PAYING[0], body, **{header: value})
    assert response.status_code == 201
    owner.get(f"payments/{response.json()['id']}/", **{header: value})
    if value != TOKEN:
        assert CANARIES.search(str(response.headers)) is None
    if (header, value) != ("X-Request-ID", TOKEN):  # a well-formed id: being written down is what it is for
        assert_nowhere(log)
    assert Payment.objects.count() == 1


def test_no_sign_in_and_no_query_string_is_written_down(owner: ApiClient, log: EveryLine) -> None:
    for value in (PAN, HYPHENS, BLANKS, TOKEN):
        query = f"?pan={value}&{value}=1&page=1&provider={value}".replace(" ", "%20")
        assert owner.get(f"/api/v2/payment-methods/{query}").status_code == 200
        assert owner.post(f"{PAYING[0]}{query}", {}).status_code == 400
        assert owner.get("/api/v2/payment-methods/", Authorization=f"Bearer {value}").status_code == 401
    assert_nowhere(log)


def test_no_path_that_holds_a_number_is_written_down(owner: ApiClient, log: EveryLine) -> None:
    for value in (PAN, HYPHENS, BLANKS.replace(" ", "%20")):
        for path in ("/api/v1/payments/{}/", "/api/v2/payment-methods/{}/", "/api/v1/payments/webhook/{}/"):
            assert owner.get(path.format(value)).status_code in {404, 405}
            assert owner.post(path.format(value), {}).status_code in {404, 405}
    assert_nowhere(log)


def test_a_body_that_is_no_json_and_a_webhook_that_proves_nothing_leave_no_trace(
    api: ApiClient, log: EveryLine
) -> None:
    def send(path: str, body: str, kind: str = "application/json") -> int:
        return api.client.post(path, body, content_type=kind).status_code

    for path in (PAYING[0], PAYING[2], "/api/v1/payments/webhook/simulated/", "/api/v2/payments/webhook/"):
        assert send(path, f'{{"pan": {PAN}, "cvc": "{CVC}"') in {400, 401}
        assert send(path, f'{{"id": "{PAN}", "note": "{TOKEN}"}}') in {400, 401}
    assert send(PAYING[0], f"pan={PAN}&cvc={CVC}", "application/x-www-form-urlencoded") in {401, 415}
    assert_nowhere(log)


def test_a_signed_webhook_is_applied_and_its_headers_are_not_kept(order: Order, api: ApiClient, log: EveryLine) -> None:
    payment = pay(order, "pm_sim_requires_action")
    body = message(payment, EntryKind.CAPTURED)
    headers = signed(body) | {"User-Agent": PAN, "X-Request-ID": HYPHENS, "X-Note": TOKEN}
    response = api.client.post(
        "/api/v1/payments/webhook/simulated/", body, content_type="application/json", headers=headers
    )
    assert (response.status_code, response.json()) == (200, {"status": "processed"})
    assert_nowhere(log)


def test_the_look_finds_a_canary_where_there_is_one_control(customer: User, client: Client, log: EveryLine) -> None:
    logging.getLogger("shop.payments").info("a note: %s", TOKEN)
    PaymentMethod.objects.create(user=customer, provider="simulated", reference=f"a {PAN}")
    client.get("/api/v1/products/")
    assert CANARIES.search("\n".join(log.of("shop.payments"))) is not None
    assert CANARIES.search(tables()) is not None
    with pytest.raises(AssertionError):
        assert_nowhere(log)
