"""Forgetting what can no longer be used."""

import datetime as dt

from apps.accounts.models import LoginSession, RefreshToken
from core.rounds import delete_in_rounds

SESSION_DAYS = 90  # an ended sign-in is remembered so long: it tells which addresses an account is known from


def forget_old_sign_ins(*, now: dt.datetime) -> int:
    """Delete expired refresh tokens, and sign-ins that are older than SESSION_DAYS and have none left.

    All of them, in rounds: a session that is always on leaves six tokens an hour. Return how many rows went.
    """
    forgotten = delete_in_rounds(RefreshToken.objects.filter(expires_at__lt=now).order_by("expires_at"))
    old = LoginSession.objects.filter(created_at__lt=now - dt.timedelta(days=SESSION_DAYS), refresh_tokens=None)
    return forgotten + delete_in_rounds(old.order_by("created_at"))
