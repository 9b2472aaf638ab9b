"""The stand-in runs for one test, and the shop knows it as Stripe."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apps.payments.stripe.provider import KEY, use_fake
from tests.fakes.stripe_provider import StripeFake


@pytest.fixture
def fake(settings: Any) -> Iterator[StripeFake]:
    with StripeFake(secret_key=KEY) as running:
        use_fake(settings, running)
        yield running
        assert running.crashes == []
