"""Register, sign in, exchange tokens, sign out, and one's own profile: the same in every version."""

import dataclasses
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors
from apps.accounts.api.authentication import session_of
from apps.accounts.api.guest_carts import take_guest_cart_along
from apps.accounts.api.permissions import IsSignedIn, signed_in_user
from apps.accounts.api.serializers import (
    LoginInput,
    ProfileInput,
    RefreshInput,
    RegisterInput,
    SignedInOutput,
    TokensOutput,
)
from apps.accounts.api.shared import UserOutput, client_of, read_input, shape_user
from apps.accounts.limits import LOGIN_SCOPE, admit_attempt
from apps.accounts.services import tokens
from apps.accounts.services.profile import update_profile
from apps.accounts.services.registration import register_customer
from apps.accounts.services.sign_in import sign_in
from apps.accounts.services.tokens import TokenPair
from apps.cart.contents import CartProblem
from core import clock
from core.api.permissions import AllowAny
from core.api.views import ShopView

INVALID = OpenApiResponse(description="Some fields are not valid; each is named.")
NOT_SIGNED_IN = OpenApiResponse(description="No access token, or one that is no longer good.")
THROTTLED = OpenApiResponse(description="Too many attempts; Retry-After says when to come back.")
CART_TOKEN = OpenApiParameter(
    "X-Cart-Token", str, OpenApiParameter.HEADER, description="A guest's cart, which is merged into the account's own."
)


class OpenView(ShopView):
    """For everybody. A token that comes along is not looked at, so that an expired one does not stand in the way."""

    permission_classes = [AllowAny]
    authentication_classes = []


class RegisterView(OpenView):
    """POST: a new customer's account, signed in."""

    throttle_scope = "register"

    @extend_schema(
        operation_id="auth_register",
        request=RegisterInput,
        parameters=[CART_TOKEN],
        responses={201: SignedInOutput, 400: INVALID, 429: THROTTLED},
    )
    def post(self, request: Request) -> Response:
        fields = read_input(RegisterInput, request)
        now = clock.now()
        user = register_customer(**fields, language=get_language() or "", now=now)
        pair = tokens.start_session(user=user, client=client_of(request), now=now)
        return Response(shape_signed_in(pair, take_guest_cart_along(request, user, now)), status=201)


class LoginView(OpenView):
    """POST: a name and a password for a pair of tokens. Attempts are counted per network and per account."""

    throttle_scope = LOGIN_SCOPE

    @extend_schema(
        operation_id="auth_login",
        request=LoginInput,
        parameters=[CART_TOKEN],
        responses={
            200: SignedInOutput,
            400: INVALID,
            401: OpenApiResponse(description="Wrong name or password, or a closed account: the answer is the same."),
            429: THROTTLED,
        },
    )
    def post(self, request: Request) -> Response:
        fields = read_input(LoginInput, request)
        now = clock.now()
        pair = sign_in(
            identifier=fields.get("email") or fields["username"],
            password=fields["password"],
            client=client_of(request),
            now=now,
            admit=admit_attempt,
        )
        return Response(shape_signed_in(pair, take_guest_cart_along(request, pair.user, now)))


class RefreshView(OpenView):
    """POST: a refresh token for a new pair. The token is used up; using it again later ends the sign-in."""

    throttle_scope = "refresh"

    @extend_schema(
        operation_id="auth_refresh",
        request=RefreshInput,
        responses={
            200: TokensOutput,
            400: INVALID,
            401: OpenApiResponse(description="Not a good refresh token, or one that was used before."),
            429: THROTTLED,
        },
    )
    def post(self, request: Request) -> Response:
        pair = tokens.rotate(refresh=read_input(RefreshInput, request)["refresh"], now=clock.now())
        return Response(_tokens(pair))


class LogoutView(ShopView):
    """POST: ends the sign-in; its refresh and access tokens stop working at once."""

    permission_classes = [IsSignedIn]

    @extend_schema(
        operation_id="auth_logout",
        request=RefreshInput,
        responses={204: OpenApiResponse(description="Signed out."), 400: INVALID, 401: NOT_SIGNED_IN},
    )
    def post(self, request: Request) -> Response:
        refresh = read_input(RefreshInput, request)["refresh"]
        session_id = session_of(request)
        tokens.sign_out(user=signed_in_user(request), session_id=session_id, refresh=refresh, now=clock.now())
        return Response(status=204)


class ProfileView(ShopView):
    """One's own profile. E-mail address and role are shown and cannot be changed here."""

    permission_classes = [IsSignedIn]

    @extend_schema(operation_id="auth_profile", responses={200: UserOutput, 401: NOT_SIGNED_IN})
    def get(self, request: Request) -> Response:
        return Response(shape_user(selectors.load_user(signed_in_user(request).pk)))

    @extend_schema(
        operation_id="auth_profile_replace",
        request=ProfileInput,
        responses={200: UserOutput, 400: INVALID, 401: NOT_SIGNED_IN},
    )
    def put(self, request: Request) -> Response:
        return self._write(request)

    @extend_schema(
        operation_id="auth_profile_update",
        request=ProfileInput,
        responses={200: UserOutput, 400: INVALID, 401: NOT_SIGNED_IN},
    )
    def patch(self, request: Request) -> Response:
        return self._write(request)

    def _write(self, request: Request) -> Response:
        changes = read_input(ProfileInput, request)
        user = selectors.load_user(signed_in_user(request).pk)
        return Response(shape_user(update_profile(user=user, changes=changes)))


def _tokens(pair: TokenPair) -> dict[str, Any]:
    return {"access": pair.access, "refresh": pair.refresh}


def shape_signed_in(pair: TokenPair, problems: tuple[CartProblem, ...] = ()) -> dict[str, Any]:
    """Return the tokens, whose they are, and what of a guest's cart found no place."""
    cart_problems = [dataclasses.asdict(problem) for problem in problems]
    return {**_tokens(pair), "user": shape_user(pair.user), "cart_problems": cart_problems}
