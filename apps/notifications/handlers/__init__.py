"""Which mails and which lines of the inbox follow which events."""

from apps.notifications.handlers import account_mails, inbox, order_mails, shop_mails
from apps.notifications.handlers.order_mails import mail_order_confirmation

__all__ = ["account_mails", "inbox", "mail_order_confirmation", "order_mails", "shop_mails"]
