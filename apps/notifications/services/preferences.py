"""What people want to be told, and how."""

import dataclasses
from collections.abc import Sequence

from apps.accounts import locks
from apps.accounts.models import User
from apps.notifications.errors import InvalidPreferences
from apps.notifications.models import OptOut
from apps.notifications.selectors import opt_outs_of
from apps.notifications.states import KINDS, Channel, Kind, kinds_for
from core.errors import FieldError
from core.transactions import atomic


@dataclasses.dataclass(frozen=True, slots=True)
class Preference:
    """One kind and whether it comes by each channel; None where that channel does not carry it."""

    kind: Kind
    in_app: bool | None
    mail: bool | None
    is_locked: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for; None leaves the channel as it comes by itself: on."""

    kind: str
    in_app: bool | None = None
    mail: bool | None = None


def preferences_of(user: User) -> list[Preference]:
    """Return the user's preferences for all that concerns them. One statement."""
    refused = opt_outs_of(user)
    return [_preference(kind, refused) for kind in kinds_for(user.role)]


def set_preferences(*, user: User, wishes: Sequence[Wish]) -> list[Preference]:
    """The user is told of everything but what these wishes switch off; return what holds now.

    Raises InvalidPreferences for a kind that does not concern them, and for switching off what is always sent.
    """
    _refuse_impossible(user, wishes)
    refused = {
        (wish.kind, channel.value)
        for wish in wishes
        for channel, wanted in ((Channel.IN_APP, wish.in_app), (Channel.MAIL, wish.mail))
        if wanted is False and channel in KINDS[Kind(wish.kind)].channels
    }
    with atomic():
        locks.lock_user(user.pk)
        OptOut.objects.filter(user=user).delete()
        OptOut.objects.bulk_create(OptOut(user=user, kind=kind, channel=channel) for kind, channel in sorted(refused))
    return [_preference(kind, refused) for kind in kinds_for(user.role)]


def _refuse_impossible(user: User, wishes: Sequence[Wish]) -> None:
    known = set(kinds_for(user.role))
    errors = []
    for number, wish in enumerate(wishes):
        field = f"preferences.{number}"
        if wish.kind not in known:
            errors.append(
                FieldError(f"{field}.kind", "invalid_choice", f'"{wish.kind}" does not concern this account.')
            )
        elif KINDS[Kind(wish.kind)].is_locked and False in (wish.in_app, wish.mail):
            errors.append(FieldError(f"{field}.mail", "locked", "Mails about the account's safety are always sent."))
    if errors:
        raise InvalidPreferences(errors=tuple(errors))


def _preference(kind: Kind, refused: set[tuple[str, str]]) -> Preference:
    info = KINDS[kind]
    in_app, mail = (
        (kind.value, channel.value) not in refused if channel in info.channels else None
        for channel in (Channel.IN_APP, Channel.MAIL)
    )
    return Preference(kind, in_app, mail, info.is_locked)
