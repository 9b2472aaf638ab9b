"""Both providers, the official SDK pointed at one of them, and somebody they send messages to."""

from collections.abc import Iterator

import pytest
import stripe

from tests.fakes.listener import Listener
from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake


@pytest.fixture
def fake() -> Iterator[StripeFake]:
    with StripeFake() as running:
        yield running
        assert running.crashes == []


@pytest.fixture
def client(fake: StripeFake) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_fake", base_addresses={"api": fake.url}, max_network_retries=0)


@pytest.fixture
def bank() -> Iterator[SslcommerzFake]:
    with SslcommerzFake() as running:
        yield running
        assert running.crashes == []


@pytest.fixture
def shop() -> Iterator[Listener]:
    running = Listener()
    yield running
    running.close()
