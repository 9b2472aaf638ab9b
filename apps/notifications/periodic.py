"""What the mail room does by the clock."""

import datetime as dt

from apps.notifications.services.inbox import forget_old
from apps.notifications.services.mail_claims import forget_claims
from apps.notifications.services.review_requests import ask_for_reviews
from core.periodic.registry import every


@every(seconds=3600, name="notifications.ask_for_reviews", lease_seconds=1800)
def ask(now: dt.datetime) -> None:
    """Ask customers how they like what came some days ago."""
    ask_for_reviews(now=now)


@every(seconds=3600, name="notifications.forget_old")
def clean_up(now: dt.datetime) -> None:
    """Keep inboxes from growing for ever, and forget who was about to send a mail and died."""
    forget_old(now=now)
    forget_claims(now=now)
