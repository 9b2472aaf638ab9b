"""The back office's page "Background work": what waits, what failed and why, and the buttons that help."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from core import clock
from core.background_buttons import ButtonForm
from core.events.feed import last_position
from core.events.lateness import Ages, outbox_ages
from core.events.models import DeliveryState, OutboxDelivery, OutboxEvent, SinkCursor
from core.ids import first_id_at
from core.periodic.models import PeriodicRun

DEAD_SHOWN = 50
DONE_COUNTED = dt.timedelta(hours=1)  # of a month of deliveries nearly all are done: only the latest are counted
ERROR_CHARACTERS = 150
TEMPLATE = "core/admin/background.html"
_OPEN = OutboxDelivery.objects.exclude(state=DeliveryState.DONE)  # in the words of the index outbox_delivery_open


@dataclasses.dataclass(frozen=True, slots=True)
class HandlerRow:
    """How many deliveries a handler has in each state, in the order of DeliveryState; of the done ones, the latest."""

    handler: str
    counts: tuple[int, ...]
    has_dead: bool


@dataclasses.dataclass(frozen=True, slots=True)
class SinkRow:
    """How far a sink is behind, since when (None: it is no longer fed), and why."""

    cursor: SinkCursor
    lag: int
    age: dt.timedelta | None
    error: str


def background_page(request: HttpRequest, *, site: AdminSite, may_act: bool) -> HttpResponse:
    """Show the page, or do what one of its buttons says and show it anew."""
    if request.method == "POST" and may_act:
        _press(request)
        return HttpResponseRedirect(request.get_full_path())
    return TemplateResponse(request, TEMPLATE, _context(request, site, now=clock.now(), may_act=may_act))


def last_line(error: str) -> str:
    """Return the line in which Python names an error: the last one."""
    return error.strip().rpartition("\n")[2][:ERROR_CHARACTERS]


def _press(request: HttpRequest) -> None:
    """Do what the pressed button says, or say what is wrong with it and do nothing."""
    form = ButtonForm(request.POST)
    if form.is_valid():
        messages.success(request, form.act_now(who=str(request.user)))
    for fault in form.faults():
        messages.error(request, fault)


def _context(request: HttpRequest, site: AdminSite, *, now: dt.datetime, may_act: bool) -> dict[str, Any]:
    dead = _OPEN.filter(state=DeliveryState.DEAD).select_related("event").order_by("-finished_at", "id")
    ages = outbox_ages(now)
    jobs = list(PeriodicRun.objects.order_by("job"))
    return {
        **site.each_context(request),
        "title": "Background work",
        "opts": OutboxDelivery._meta,
        "may_act": may_act,
        "ages": ages,
        "waiting_events": OutboxEvent.objects.filter(dispatched_at=None).count(),
        "states": [_column_of(state) for state in DeliveryState],
        "handlers": _handler_rows(now),
        "dead": [(delivery, last_line(delivery.last_error)) for delivery in dead[:DEAD_SHOWN]],
        "jobs": [(job, last_line(job.last_error)) for job in jobs],
        "sinks": _sink_rows(ages),
    }


def _handler_rows(now: dt.datetime) -> Sequence[HandlerRow]:
    """Count by handler and state, without looking at a month of deliveries that are done. Two statements."""
    made_lately = OutboxDelivery.objects.filter(state=DeliveryState.DONE, id__gte=first_id_at(now - DONE_COUNTED))
    by_handler: dict[str, dict[str, int]] = {}
    for deliveries in (_OPEN, made_lately):
        counted = deliveries.order_by().values_list("handler", "state").annotate(count=Count("id"))
        for handler, state, count in counted:
            by_handler.setdefault(handler, {})[state] = count
    return [
        HandlerRow(name, tuple(found.get(state, 0) for state in DeliveryState), DeliveryState.DEAD in found)
        for name, found in sorted(by_handler.items())
    ]


def _column_of(state: DeliveryState) -> str:
    return f"{state.label} (last hour)" if state == DeliveryState.DONE else state.label


def _sink_rows(ages: Ages) -> Sequence[SinkRow]:
    last = last_position()
    cursors = SinkCursor.objects.order_by("sink")
    return [
        SinkRow(cursor, max(last - cursor.position, 0), ages.sinks.get(cursor.sink), last_line(cursor.last_error))
        for cursor in cursors
    ]
