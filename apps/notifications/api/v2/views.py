"""One's own inbox and preferences, v2."""

import dataclasses
import uuid
from collections.abc import Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsSignedIn, signed_in_user
from apps.accounts.api.shared import read_input
from apps.notifications.api.v2.serializers import (
    InboxQuery,
    MarkedOutput,
    NotificationOutput,
    NotificationPage,
    PreferencesInput,
    PreferencesOutput,
    UnreadCountOutput,
)
from apps.notifications.models import Notification
from apps.notifications.selectors import count_unread, list_notifications
from apps.notifications.services import inbox
from apps.notifications.services.preferences import Preference, Wish, preferences_of, set_preferences
from apps.notifications.texts import describe
from core import clock
from core.api.pagination import paginate
from core.api.views import ShopView

INVALID = OpenApiResponse(description="Some fields are not valid; each is named.")
NOT_SIGNED_IN = OpenApiResponse(description="No access token, or one that is no longer good.")
NOT_FOUND = OpenApiResponse(description="notification_not_found: no such notification, or somebody else's.")
_PAGE = [OpenApiParameter(name, OpenApiTypes.INT) for name in ("page", "page_size")]


class InboxView(ShopView):
    """What lies in the inbox, newest first."""

    permission_classes = [IsSignedIn]

    @extend_schema(
        operation_id="notifications_list",
        parameters=[InboxQuery, *_PAGE],
        responses={200: NotificationPage, 400: INVALID, 401: NOT_SIGNED_IN},
    )
    def get(self, request: Request) -> Response:
        wanted = InboxQuery(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        query: dict[str, Any] = dict(wanted.validated_data)
        unread = {"true": True, "false": False}.get(query.get("unread", ""))
        rows = list_notifications(user=signed_in_user(request), unread=unread, kind=query.get("kind", ""))
        return paginate(request, rows, shape_notification)


class MarkReadView(ShopView):
    """POST: one notification is read. Harmless the second time."""

    permission_classes = [IsSignedIn]

    @extend_schema(
        operation_id="notifications_mark_read",
        request=None,
        responses={200: NotificationOutput, 401: NOT_SIGNED_IN, 404: NOT_FOUND},
    )
    def post(self, request: Request, notification_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        row = inbox.mark_read(user=user, notification_id=notification_id, now=clock.now())
        return Response(shape_notification(row))


class MarkAllReadView(ShopView):
    """POST: everything is read."""

    permission_classes = [IsSignedIn]

    @extend_schema(
        operation_id="notifications_mark_all_read",
        request=None,
        responses={200: MarkedOutput, 401: NOT_SIGNED_IN},
    )
    def post(self, request: Request) -> Response:
        return Response({"marked": inbox.mark_all_read(user=signed_in_user(request), now=clock.now())})


class UnreadCountView(ShopView):
    """How many lie unread."""

    permission_classes = [IsSignedIn]

    @extend_schema(operation_id="notifications_unread_count", responses={200: UnreadCountOutput, 401: NOT_SIGNED_IN})
    def get(self, request: Request) -> Response:
        return Response({"unread_count": count_unread(user=signed_in_user(request))})


class PreferencesView(ShopView):
    """What one wants to be told, and how."""

    permission_classes = [IsSignedIn]

    @extend_schema(operation_id="notifications_preferences", responses={200: PreferencesOutput, 401: NOT_SIGNED_IN})
    def get(self, request: Request) -> Response:
        return Response(_shape_preferences(preferences_of(signed_in_user(request))))

    @extend_schema(
        operation_id="notifications_preferences_replace",
        request=PreferencesInput,
        responses={200: PreferencesOutput, 400: INVALID, 401: NOT_SIGNED_IN},
        description="Mails about the account's safety cannot be switched off.",
    )
    def put(self, request: Request) -> Response:
        wishes = [Wish(**wish) for wish in read_input(PreferencesInput, request)["preferences"]]
        return Response(_shape_preferences(set_preferences(user=signed_in_user(request), wishes=wishes)))


def shape_notification(row: Notification) -> dict[str, Any]:
    """Return the notification in the language of the request."""
    title, body = describe(row.kind, row.data)
    return {
        "id": row.pk,
        "kind": row.kind,
        "title": title,
        "body": body,
        "data": row.data,
        "is_read": row.read_at is not None,
        "created_at": row.created_at,
        "read_at": row.read_at,
    }


def _shape_preferences(preferences: Sequence[Preference]) -> dict[str, Any]:
    return {"preferences": [dataclasses.asdict(preference) for preference in preferences]}
