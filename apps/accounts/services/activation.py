"""Closing and reopening accounts."""

import datetime as dt
import uuid

from django.db.models import F

from apps.accounts.models import User
from apps.accounts.services.tokens import end_all_sessions
from apps.accounts.states import RevokedReason
from core.transactions import atomic


def deactivate_account(*, user_id: uuid.UUID, now: dt.datetime) -> bool:
    """Close an account: nobody signs in, and all its tokens are refused at once. True if it was open."""
    with atomic():
        closed = User.objects.filter(pk=user_id, is_active=True).update(
            is_active=False, token_version=F("token_version") + 1
        )
        end_all_sessions(user_id=user_id, reason=RevokedReason.DEACTIVATED, now=now)
    return bool(closed)


def reactivate_account(*, user_id: uuid.UUID) -> bool:
    """Open a closed account again; its old tokens stay dead. True if it was closed."""
    return bool(User.objects.filter(pk=user_id, is_active=False).update(is_active=True))
