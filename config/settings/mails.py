"""Settings of mails, one-time links and languages, read from the environment variables of docs/settings.md."""

from config import env
from config.settings.environment import BASE_DIR

LOCALE_PATHS = [BASE_DIR / "locale"]
EMAIL_LINK_HOURS = env.integer("EMAIL_LINK_HOURS", 72, minimum=1)  # how long a link that proves an address is good
PASSWORD_LINK_MINUTES = env.integer("PASSWORD_LINK_MINUTES", 60, minimum=1)
REVIEW_REQUEST_DAYS = env.integer("REVIEW_REQUEST_DAYS", 0)  # after the delivery; 0: nobody is asked

EMAIL_HOST = env.text("EMAIL_HOST")
_WAY = "smtp" if EMAIL_HOST else "filebased"  # who names a mail server wants mails sent
EMAIL_BACKEND = env.text("EMAIL_BACKEND", f"django.core.mail.backends.{_WAY}.EmailBackend")
EMAIL_HOST = EMAIL_HOST or "localhost"
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)  # STARTTLS, usually on port 587
EMAIL_USE_SSL = env.flag("EMAIL_USE_SSL", default=False)  # TLS from the first byte, usually on port 465
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_TIMEOUT = env.integer("EMAIL_TIMEOUT_SECONDS", 10, minimum=1)  # of each step; a whole send: core.smtp
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Demo Shop <shop@example.com>")
EMAIL_MESSAGE_ID_DOMAIN = env.text("EMAIL_MESSAGE_ID_DOMAIN", "shop.example.com")
OPERATOR_EMAILS = env.words("OPERATOR_EMAILS")  # who is told of disputes and money that went back; none: every admin
NOTIFICATION_KEEP_DAYS = env.integer("NOTIFICATION_KEEP_DAYS", 180, minimum=1)  # how long inboxes keep what they hold
