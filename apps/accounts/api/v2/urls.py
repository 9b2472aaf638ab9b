"""Routes of accounts under /api/v2/. `sign_in` stands below auth/, also unversioned (config/api_compat.py)."""

from django.urls import URLPattern, URLResolver, include, path

from apps.accounts.api.v2 import auth_views, views
from apps.accounts.api.views import LoginView, LogoutView, RefreshView, RegisterView

sign_in: list[URLPattern | URLResolver] = [
    path("register/", RegisterView.as_view()),
    path("login/", LoginView.as_view()),
    path("logout/", LogoutView.as_view()),
    path("token/refresh/", RefreshView.as_view()),
    path("token/verify/", auth_views.TokenVerifyView.as_view()),
    path("password/change/", auth_views.PasswordChangeView.as_view()),
    path("password/reset/", auth_views.PasswordResetView.as_view()),
    path("password/reset/confirm/", auth_views.PasswordResetConfirmView.as_view()),
    path("email/verify/", auth_views.EmailVerifyView.as_view()),
    path("email/verify/resend/", auth_views.EmailVerifyResendView.as_view()),
]
own_account: list[URLPattern | URLResolver] = [
    path("users/me/", auth_views.MeView.as_view()),
    path("addresses/", views.AddressesView.as_view()),
    path("addresses/<uuid:address_id>/", views.AddressView.as_view()),
]
urlpatterns = [path("auth/", include(sign_in)), *own_account]
