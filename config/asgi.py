"""The WebSocket entry point: a small process beside the web server, for live updates only."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
django.setup()

from apps.live.routing import make_application  # noqa: E402 - it imports models

application = make_application()
