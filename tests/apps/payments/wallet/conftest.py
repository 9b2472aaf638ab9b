"""The simulated provider's wallet is one that the test plays."""

from typing import Any

import pytest

from tests.apps.payments.wallet.played import PATH, PlayedWallet, the_wallet


@pytest.fixture
def provider(settings: Any) -> PlayedWallet:
    """What keeps the methods of "simulated" in this test."""
    the_wallet.now = PlayedWallet()
    settings.PAYMENT_WALLETS = {"simulated": PATH}
    return the_wallet.now
