"""A Stripe-shaped provider that the official SDK can talk to, with a ledger of its own."""

from tests.fakes.stripe_provider.errors import StripeError
from tests.fakes.stripe_provider.fake import StripeFake

__all__ = ["StripeError", "StripeFake"]
