"""The event feed over HTTP, v2: every committed event in order, none missing, for admins."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsAdmin
from apps.webhooks.api.v2.serializers import EventFeedPage, EventsQuery
from apps.webhooks.api.v2.shapes import shape_event
from apps.webhooks.errors import EventsGone, PositionNotGiven
from core.api.views import ShopView
from core.events.feed import read_page


class EventsView(ShopView):
    """The feed."""

    permission_classes = [IsAdmin]

    @extend_schema(
        operation_id="events_list",
        tags=["events"],
        parameters=[EventsQuery],
        responses={
            200: EventFeedPage,
            400: OpenApiResponse(description="Some parameters are not valid; each is named."),
            401: OpenApiResponse(description="No access token, or one that is no longer good."),
            403: OpenApiResponse(description="For admins only."),
            409: OpenApiResponse(description="position_not_given: the feed ends before `after`, at `last`."),
            410: OpenApiResponse(description="events_gone: events after `after` are no longer kept."),
        },
        description=(
            "Causes before consequences, whatever the clocks of those who wrote them said. Whoever goes on from `next` "
            "sees every event exactly once. Events are kept for OUTBOX_KEEP_DAYS; an `after` older than that is "
            "answered with 410, never with a gap, and one beyond the newest position with 409."
        ),
    )
    def get(self, request: Request) -> Response:
        wanted = EventsQuery(data=_parameters(request))
        wanted.is_valid(raise_exception=True)
        return Response(_page(**wanted.validated_data))


def _parameters(request: Request) -> dict[str, Any]:
    given: dict[str, Any] = request.query_params.dict()
    if "name" in given:
        given["name"] = request.query_params.getlist("name")
    return given


def _page(*, limit: int, after: int | None = None, name: list[str] | None = None) -> dict[str, Any]:
    page = read_page(after=after, limit=limit, names=name)
    if after is not None and after < page.gone:
        raise EventsGone(f"Events up to position {page.gone} are no longer kept.", after=page.gone)
    if after is not None and after > page.last:
        raise PositionNotGiven(f"The newest position is {page.last}.", last=page.last)
    return {"results": [shape_event(event) for event in page.events], "next": page.next, "has_more": page.has_more}
