"""Contradictions in the mails' settings, found before the first mail is sent."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apps.notifications.services.message_ids import LONGEST_DOMAIN


@register("settings")
def check_message_id_domain(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The domain leaves room for a Message-ID on one line."""
    domain = settings.EMAIL_MESSAGE_ID_DOMAIN
    if len(domain) <= LONGEST_DOMAIN:
        return []
    text = f"EMAIL_MESSAGE_ID_DOMAIN has {len(domain)} characters, more than {LONGEST_DOMAIN}."
    hint = "It need not be a host: a shorter name of your domain will do."
    return [Error(text, hint=hint, id="notifications.E001")]
