"""Forgetting what can no longer be used."""

import datetime as dt

from apps.accounts.models import LoginSession, RefreshToken

BATCH = 1_000
SESSION_DAYS = 90  # an ended sign-in is remembered so long: it tells which addresses an account is known from


def forget_old_sign_ins(*, now: dt.datetime) -> int:
    """Delete expired refresh tokens, and sign-ins that are older than SESSION_DAYS and have none left.

    At most BATCH of each; return how many rows went.
    """
    tokens = RefreshToken.objects.filter(expires_at__lt=now).order_by("expires_at").values_list("pk", flat=True)
    forgotten, _ = RefreshToken.objects.filter(pk__in=list(tokens[:BATCH])).delete()
    old = LoginSession.objects.filter(created_at__lt=now - dt.timedelta(days=SESSION_DAYS), refresh_tokens=None)
    sessions = list(old.order_by("created_at").values_list("pk", flat=True)[:BATCH])
    ended, _ = LoginSession.objects.filter(pk__in=sessions, refresh_tokens=None).delete()
    return forgotten + ended
