"""A developer's machine: what `make run` uses. SQLite and in-process caches unless the environment says otherwise."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *  # noqa: F403
from config.settings.base import SECRET_KEY

if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is empty. `make run` writes a random one into .env; or set it yourself.")
