"""Passwords, mailed links, tokens and one's own account, v2."""

import datetime as dt
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors
from apps.accounts.api.permissions import IsSignedIn, signed_in_user
from apps.accounts.api.serializers import ProfileInput, SignedInOutput
from apps.accounts.api.shared import client_of, read_input, shape_user
from apps.accounts.api.v2.auth_serializers import (
    AcceptedOutput,
    EmailProofInput,
    LinkRequestInput,
    MeOutput,
    PasswordChangeInput,
    PasswordResetInput,
    TokenInput,
    TokenStateOutput,
)
from apps.accounts.api.views import INVALID, NOT_SIGNED_IN, THROTTLED, OpenView, shape_signed_in
from apps.accounts.limits import LOGIN_SCOPE, admit_attempt, admit_link
from apps.accounts.models import User
from apps.accounts.services import passwords
from apps.accounts.services.email_proof import request_verification, verify_email
from apps.accounts.services.profile import update_profile
from apps.accounts.services.token_check import check_token
from core import clock
from core.api.permissions import AllowAny
from core.api.views import ShopView

BAD_LINK = OpenApiResponse(description="invalid_link: used up, too old, or not for this; or fields that are not valid.")
SENT = {"detail": "If the address belongs to an account, a mail is on its way to it."}


class PasswordChangeView(ShopView):
    """POST: a new password for somebody who knows the old one. All sign-ins end; the answer begins a new one."""

    permission_classes = [IsSignedIn]
    throttle_scope = LOGIN_SCOPE

    @extend_schema(
        operation_id="auth_password_change",
        request=PasswordChangeInput,
        responses={200: SignedInOutput, 400: INVALID, 401: NOT_SIGNED_IN, 429: THROTTLED},
    )
    def post(self, request: Request) -> Response:
        pair = passwords.change_own_password(
            user=signed_in_user(request),
            **read_input(PasswordChangeInput, request),
            client=client_of(request),
            language=_language(),
            now=clock.now(),
            admit=admit_attempt,
        )
        return Response(shape_signed_in(pair))


class PasswordResetView(OpenView):
    """POST: sends a link to an address, if it has an account. The answer is the same in any case."""

    throttle_scope = LOGIN_SCOPE

    @extend_schema(
        operation_id="auth_password_reset",
        request=LinkRequestInput,
        responses={202: AcceptedOutput, 400: INVALID, 429: THROTTLED},
    )
    def post(self, request: Request) -> Response:
        email = read_input(LinkRequestInput, request)["email"]
        admit_link("password", email)
        passwords.request_password_reset(email=email, language=_language())
        return Response(SENT, status=202)


class PasswordResetConfirmView(OpenView):
    """POST: a new password by a mailed link. All sign-ins of the account end."""

    throttle_scope = LOGIN_SCOPE

    @extend_schema(
        operation_id="auth_password_reset_confirm",
        request=PasswordResetInput,
        responses={204: OpenApiResponse(description="The password is set."), 400: BAD_LINK, 429: THROTTLED},
    )
    def post(self, request: Request) -> Response:
        fields = read_input(PasswordResetInput, request)
        passwords.reset_password(**fields, language=_language(), now=clock.now())
        return Response(status=204)


class EmailVerifyView(ShopView):
    """POST: the mailed link proves the address. By its account, signed in, it also fetches the address's guest orders.

    Signed out it does not: who reads the mail may not be who made the account.
    """

    permission_classes = [AllowAny]
    throttle_scope = LOGIN_SCOPE

    @extend_schema(
        operation_id="auth_email_verify",
        request=EmailProofInput,
        responses={
            204: OpenApiResponse(description="The address is proven."),
            400: BAD_LINK,
            401: NOT_SIGNED_IN,
            429: THROTTLED,
        },
        description=(
            "Send it with the access token of the account: then orders that were placed with this address without an "
            "account move into it. Without a token the address is proven and no order moves; another link moves them."
        ),
    )
    def post(self, request: Request) -> Response:
        token = read_input(EmailProofInput, request)["token"]
        signed_in = request.user if isinstance(request.user, User) else None
        verify_email(token=token, signed_in=signed_in, language=_language(), now=clock.now())
        return Response(status=204)


class EmailVerifyResendView(OpenView):
    """POST: sends the link again, if there is something to prove. The answer is the same in any case."""

    throttle_scope = LOGIN_SCOPE

    @extend_schema(
        operation_id="auth_email_verify_resend",
        request=LinkRequestInput,
        responses={202: AcceptedOutput, 400: INVALID, 429: THROTTLED},
    )
    def post(self, request: Request) -> Response:
        email = read_input(LinkRequestInput, request)["email"]
        admit_link("email", email)
        request_verification(email=email, language=_language())
        return Response(SENT, status=202)


class TokenVerifyView(OpenView):
    """POST: tells whether a token is good now, without using it."""

    throttle_scope = "refresh"

    @extend_schema(
        operation_id="auth_token_verify",
        request=TokenInput,
        responses={
            200: TokenStateOutput,
            400: INVALID,
            401: OpenApiResponse(description="Not a token, too old, used, or of a sign-in that has ended."),
            429: THROTTLED,
        },
    )
    def post(self, request: Request) -> Response:
        claims = check_token(token=read_input(TokenInput, request)["token"], now=clock.now())
        expires_at = dt.datetime.fromtimestamp(claims.expires_at, dt.UTC)
        return Response({"token_type": claims.kind.value, "expires_at": expires_at})


class MeView(ShopView):
    """One's own account. E-mail address and role are shown and cannot be changed here."""

    permission_classes = [IsSignedIn]

    @extend_schema(operation_id="users_me", responses={200: MeOutput, 401: NOT_SIGNED_IN})
    def get(self, request: Request) -> Response:
        return Response(_shape_me(selectors.load_user(signed_in_user(request).pk)))

    @extend_schema(
        operation_id="users_me_update",
        request=ProfileInput,
        responses={200: MeOutput, 400: INVALID, 401: NOT_SIGNED_IN},
    )
    def patch(self, request: Request) -> Response:
        changes = read_input(ProfileInput, request)
        user = selectors.load_user(signed_in_user(request).pk)
        return Response(_shape_me(update_profile(user=user, changes=changes)))


def _shape_me(user: User) -> dict[str, Any]:
    return {**shape_user(user), "email_verified_at": user.email_verified_at}


def _language() -> str:
    return get_language() or ""
