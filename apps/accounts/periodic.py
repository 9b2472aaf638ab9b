"""What the accounts do by the clock."""

import datetime as dt

from apps.accounts.services.housekeeping import forget_old_sign_ins
from core.periodic.registry import every


@every(seconds=3600, name="accounts.forget_old_sign_ins")
def clean_up(now: dt.datetime) -> None:
    """Keep the tables of tokens and sign-ins from growing for ever."""
    forget_old_sign_ins(now=now)
