"""What the orders do when others have news."""

import uuid

from apps.accounts.events import EmailVerified
from apps.orders.services.claiming import claim_guest_orders
from core import clock
from core.events.registry import Envelope, handles


@handles(EmailVerified, name="orders.claim_guest_orders")
def fetch_guest_orders(event: EmailVerified, envelope: Envelope) -> None:
    """Move a guest's orders into the account whose holder has proven their address."""
    if event.is_account_proven:
        claim_guest_orders(user_id=uuid.UUID(event.user_id), email=event.email, now=clock.now())
