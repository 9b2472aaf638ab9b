"""An SSLCommerz-shaped provider with a ledger of its own."""

from tests.fakes.sslcommerz_provider.fake import SslcommerzFake
from tests.fakes.sslcommerz_provider.payments import Refused

__all__ = ["Refused", "SslcommerzFake"]
