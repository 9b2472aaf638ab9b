"""What the contract suite needs of each gateway: settings that lead to a stand-in, and the payer's and provider's side.

A new gateway gets a stand here; the suite then says what is missing.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from apps.payments.gateways import signatures
from apps.payments.gateways.base import Attempt, Gateway
from apps.payments.gateways.registry import find_gateway
from apps.payments.gateways.simulated_tokens import read_name
from apps.payments.gateways.simulated_webhooks import write_message
from apps.payments.states import EntryKind
from core import clock
from tests.apps.payments.sslcommerz import provider as sslcommerz
from tests.apps.payments.stripe import provider as stripe
from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake

Price = tuple[str, str]
Message = tuple[bytes, dict[str, str]]
ODD_PRICES = (("1500", "JPY"), ("3.125", "KWD"), ("0.00", "USD"), ("99999999999.99", "USD"))


@dataclasses.dataclass(kw_only=True)
class Stand:
    """`prices` are taken and `wrong_prices` refused; the first of `prices` is what most tests pay.

    `waiting_method` is a payment method with which the attempt waits for its payer. `pay` plays that payer; `message`
    writes what the provider then sends; `fake` is the server that can be switched off, None if nothing is called.
    """

    gateway: Gateway
    prices: tuple[Price, ...]
    wrong_prices: tuple[Price, ...] = ()
    waiting_method: str = ""
    pay: Callable[[Attempt], object] = lambda attempt: None
    message: Callable[[Attempt], Message] | None = None
    fake: StripeFake | SslcommerzFake | None = None
    start_path: str = ""


@contextlib.contextmanager
def open_stand(name: str, settings: Any) -> Iterator[Stand]:
    """Set a gateway up for one test. Raises KeyError for one that has no stand yet."""
    with STANDS[name](_gateway(name), settings) as stand:
        yield stand
        if stand.fake is not None:
            assert stand.fake.crashes == []


def _gateway(name: str) -> Gateway:
    found = find_gateway(name)
    assert found is not None
    return found


@contextlib.contextmanager
def _cod(gateway: Gateway, settings: Any) -> Iterator[Stand]:
    yield Stand(gateway=gateway, prices=(("19.99", "USD"), *ODD_PRICES))


@contextlib.contextmanager
def _simulated(gateway: Gateway, settings: Any) -> Iterator[Stand]:
    settings.SIMULATED_WEBHOOK_SECRET = "whsec_contract"
    yield Stand(
        gateway=gateway,
        prices=(("19.99", "USD"), *ODD_PRICES),
        waiting_method="pm_sim_requires_action",
        message=_simulated_message,
    )


def _simulated_message(attempt: Attempt) -> Message:
    transaction = read_name(attempt.transaction_id)
    assert transaction is not None
    body = write_message(event_id="evt_1", kind=EntryKind.CAPTURED, transaction=transaction)
    signed = signatures.sign(body=body, secret="whsec_contract", timestamp=_stamp())
    return body, {"Simulated-Signature": signed}


@contextlib.contextmanager
def _stripe(gateway: Gateway, settings: Any) -> Iterator[Stand]:
    with StripeFake(secret_key=stripe.KEY) as fake:
        stripe.use_fake(settings, fake)
        yield Stand(
            gateway=gateway,
            prices=(("19.99", "USD"), ("1500", "JPY"), ("3.120", "KWD"), ("999999.99", "EUR")),
            wrong_prices=(("0.00", "USD"), ("0.49", "USD"), ("3.125", "KWD"), ("99999999999.99", "USD")),
            pay=lambda attempt: fake.pay(attempt.transaction_id),
            message=lambda attempt: fake.signed(fake.events_of(attempt.transaction_id, "payment_intent.succeeded")[0]),
            fake=fake,
            start_path="/v1/payment_intents",
        )


@contextlib.contextmanager
def _sslcommerz(gateway: Gateway, settings: Any) -> Iterator[Stand]:
    with SslcommerzFake(store_id=sslcommerz.STORE, store_password=sslcommerz.SECRET) as fake:
        sslcommerz.use_fake(settings, fake)
        yield Stand(
            gateway=gateway,
            prices=(("1050.00", "BDT"), ("10.00", "BDT"), ("500000.00", "BDT"), ("19.99", "USD")),
            wrong_prices=(("9.99", "BDT"), ("500000.01", "BDT"), ("3.125", "KWD"), ("0.00", "USD")),
            pay=lambda attempt: fake.pay(attempt.transaction_id),
            message=lambda attempt: fake.ipn(attempt.transaction_id),
            fake=fake,
            start_path="/gwprocess/v4/api.php",
        )


def _stamp() -> int:
    now: dt.datetime = clock.now()
    return int(now.timestamp())


STANDS = {"cod": _cod, "simulated": _simulated, "stripe": _stripe, "sslcommerz": _sslcommerz}
