"""What must hold of accounts, whatever happened."""

from collections.abc import Iterable

from django.db.models import Count, F, Q

from apps.accounts.models import Address, LoginSession, RefreshToken
from core.invariants import invariant


@invariant("accounts.one_unused_refresh_token")
def one_unused_refresh_token() -> Iterable[str]:
    """A sign-in never has two refresh tokens that could both be exchanged."""
    unused = Count("refresh_tokens", filter=Q(refresh_tokens__used_at=None))
    for pk, count in LoginSession.objects.annotate(unused=unused).filter(unused__gt=1).values_list("pk", "unused"):
        yield f"sign-in {pk} has {count} unused refresh tokens"


@invariant("accounts.successors_stay_in_the_family")
def successors_stay_in_the_family() -> Iterable[str]:
    """A refresh token is exchanged for one of the same sign-in."""
    strays = RefreshToken.objects.exclude(successor=None).exclude(successor__session_id=F("session_id"))
    for pk in strays.values_list("pk", flat=True):
        yield f"refresh token {pk} has a successor in another sign-in"


@invariant("accounts.one_default_address_per_type")
def one_default_address_per_type() -> Iterable[str]:
    """Nobody has two default addresses of one type."""
    groups = Address.objects.filter(is_default=True).order_by().values("user_id", "address_type")
    for group in groups.annotate(count=Count("pk")).filter(count__gt=1):
        yield f"account {group['user_id']} has {group['count']} default {group['address_type']} addresses"
