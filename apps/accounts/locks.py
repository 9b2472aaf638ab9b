"""Row locks of the accounts. Each is taken inside the caller's transaction and held to its end."""

import uuid

from apps.accounts.models import LoginSession, User


def lock_session(*, session_id: uuid.UUID, user_id: uuid.UUID) -> LoginSession | None:
    """Return the user's sign-in with its row locked and its user loaded; None if there is none. One statement."""
    sessions = LoginSession.objects.select_for_update(of=("self",)).select_related("user")
    return sessions.filter(pk=session_id, user_id=user_id).first()


def lock_user(user_id: uuid.UUID) -> None:
    """Make the writers of one account's belongings queue. One statement.

    `no_key` leaves rows that merely point to the account (orders, sign-ins) free to be written.
    """
    User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk").first()
