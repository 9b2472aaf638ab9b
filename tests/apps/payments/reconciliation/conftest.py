"""Stand-ins for the providers, each for one test, and the settings that lead to them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apps.payments.reconciliation.lost import use_stripe
from tests.apps.payments.sslcommerz.provider import SECRET, STORE, use_fake
from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake


@pytest.fixture
def stripe(settings: Any) -> Iterator[StripeFake]:
    with StripeFake() as fake:
        use_stripe(settings, fake)
        yield fake
        assert fake.crashes == []


@pytest.fixture
def sslcommerz(settings: Any) -> Iterator[SslcommerzFake]:
    with SslcommerzFake(store_id=STORE, store_password=SECRET) as fake:
        use_fake(settings, fake)
        yield fake
        assert fake.crashes == []
