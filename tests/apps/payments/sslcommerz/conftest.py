"""The stand-in runs for one test, and the shop knows it as SSLCommerz."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apps.payments.sslcommerz.provider import SECRET, STORE, use_fake
from tests.fakes.sslcommerz_provider import SslcommerzFake


@pytest.fixture
def fake(settings: Any) -> Iterator[SslcommerzFake]:
    with SslcommerzFake(store_id=STORE, store_password=SECRET) as running:
        use_fake(settings, running)
        yield running
        assert running.crashes == []
