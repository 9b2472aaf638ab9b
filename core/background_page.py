"""The back office's page "Background work": what waits, what failed and why, and the buttons that help."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from core import clock
from core.events import dead_letters
from core.events.feed import last_position
from core.events.lateness import outbox_ages
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent, SinkCursor
from core.periodic.models import PeriodicRun

DEAD_SHOWN = 50
ERROR_CHARACTERS = 150
TEMPLATE = "core/admin/background.html"


@dataclasses.dataclass(frozen=True, slots=True)
class HandlerRow:
    """How many deliveries a handler has in each state, in the order of DeliveryState."""

    handler: str
    counts: tuple[int, ...]
    has_dead: bool


@dataclasses.dataclass(frozen=True, slots=True)
class SinkRow:
    """How far a sink is behind, and why."""

    cursor: SinkCursor
    lag: int
    error: str


def background_page(request: HttpRequest, *, site: AdminSite, may_act: bool) -> HttpResponse:
    """Show the page, or do what one of its buttons says and show it anew."""
    if request.method == "POST" and may_act:
        _act(request)
        return HttpResponseRedirect(request.get_full_path())
    return TemplateResponse(request, TEMPLATE, _context(request, site, now=clock.now(), may_act=may_act))


def last_line(error: str) -> str:
    """Return the line in which Python names an error: the last one."""
    return error.strip().rpartition("\n")[2][:ERROR_CHARACTERS]


def _act(request: HttpRequest) -> None:
    """Retry or drop one delivery, or all dead ones of a handler."""
    chosen = _chosen(request)
    reason = request.POST.get("reason", "").strip()
    if request.POST.get("act") == "retry":
        count = dead_letters.retry_now(chosen, now=clock.now())
        messages.success(request, f"{count} deliveries will be tried at once.")
    elif reason:
        count = dead_letters.drop(chosen, reason=reason, who=str(request.user), now=clock.now())
        messages.success(request, f"{count} deliveries were dropped.")
    else:
        messages.error(request, "Write beside the button why it is dropped.")


def _chosen(request: HttpRequest) -> QuerySet[OutboxDelivery]:
    if handler := request.POST.get("handler"):
        return OutboxDelivery.objects.filter(handler=handler, state=DeliveryState.DEAD)
    try:
        return OutboxDelivery.objects.filter(pk=request.POST.get("delivery", ""))
    except ValidationError:
        return OutboxDelivery.objects.none()


def _context(request: HttpRequest, site: AdminSite, *, now: dt.datetime, may_act: bool) -> dict[str, Any]:
    dead = (
        OutboxDelivery.objects.filter(state=DeliveryState.DEAD).select_related("event").order_by("-finished_at", "id")
    )
    jobs = list(PeriodicRun.objects.order_by("job"))
    return {
        **site.each_context(request),
        "title": "Background work",
        "opts": OutboxDelivery._meta,
        "may_act": may_act,
        "ages": outbox_ages(now),
        "waiting_events": OutboxEvent.objects.filter(dispatched_at=None).count(),
        "states": [state.label for state in DeliveryState],
        "handlers": _handler_rows(),
        "dead": [(delivery, last_line(delivery.last_error)) for delivery in dead.select_related("event")[:DEAD_SHOWN]],
        "jobs": [(job, last_line(job.last_error)) for job in jobs],
        "sinks": _sink_rows(),
    }


def _handler_rows() -> Sequence[HandlerRow]:
    counted = OutboxDelivery.objects.order_by("handler", "state").values_list("handler", "state")
    by_handler: dict[str, dict[str, int]] = {}
    for handler, state, count in counted.annotate(count=Count("id")):
        by_handler.setdefault(handler, {})[state] = count
    return [
        HandlerRow(name, tuple(found.get(state, 0) for state in DeliveryState), DeliveryState.DEAD in found)
        for name, found in by_handler.items()
    ]


def _sink_rows() -> Sequence[SinkRow]:
    last = last_position()
    cursors = SinkCursor.objects.order_by("sink")
    return [SinkRow(cursor, max(last - cursor.position, 0), last_line(cursor.last_error)) for cursor in cursors]
