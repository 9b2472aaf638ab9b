"""/api/: every path of the four requirement tables, unversioned. Routes only: the views are those of v1 and v2.

Flat paths answer with v1 shapes. The grouped paths of Table B (v2 shapes) join as v2 grows.
"""

from django.urls import include, path

from apps.accounts.api.v2.urls import own_account, sign_in
from apps.notifications.api.v2.urls import inbox
from apps.payments.api.v2.urls import urlpatterns as payments_v2

urlpatterns = [
    path("", include("config.api_v1")),
    path("auth/", include(([*sign_in, *own_account], "compat_auth"))),
    path("notifications/", include((inbox, "compat_notifications"))),
    path("payments/", include((payments_v2, "compat_payments"))),
]
