"""What the notifications refuse."""

from core.errors import InvalidInput, NotFound


class MailNotAccepted(RuntimeError):
    """The mail server took no copy of the mail, without saying why: to be tried again."""


class MailInFlight(RuntimeError):
    """Somebody else is sending the mail at this moment: whether they succeed is known when they are done."""


class MailsLeft(RuntimeError):
    """There was no time left to begin these mails: they are for the next attempt."""


class NotificationNotFound(NotFound):
    """No such notification, or it lies in somebody else's inbox."""

    code = "notification_not_found"
    title = "Notification not found"


class InvalidPreferences(InvalidInput):
    """A wish that cannot be fulfilled: a kind that does not concern the account, or one that is always sent."""

    code = "invalid_preferences"
    title = "The preferences are not valid"
