"""Opening one-time links."""

import datetime as dt

from apps.accounts.errors import InvalidLink
from apps.accounts.models import User
from apps.accounts.one_time_links import is_good, read_token
from apps.accounts.states import LinkPurpose


def open_link(*, token: str, purpose: LinkPurpose, now: dt.datetime) -> User:
    """Return the account that the token was made for, as it is now. One statement. Raises InvalidLink.

    Nothing is used up: whoever acts on it writes under the condition that the account is still as it is here.
    """
    claimed = read_token(token)
    user = User.objects.filter(pk=claimed.user_id).first()
    if user is None or not is_good(claimed, user=user, purpose=purpose, now=now):
        raise InvalidLink
    return user
