"""GET /metrics: figures for Prometheus, read from the database when asked, so that they hold for all processes."""

from collections.abc import Iterable

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core import clock
from core.api.plain_views import read_only
from core.events.feed import last_position
from core.events.lateness import outbox_ages
from core.events.models import OutboxDelivery, OutboxEvent, SinkCursor
from core.figures import Gauge, read_gauges


class ShopCollector(Collector):
    """Backlog and age of the outbox, the state of its deliveries, and what the apps tell of themselves."""

    def collect(self) -> Iterable[Metric]:
        waiting, ages = OutboxEvent.objects.filter(dispatched_at=None).count(), outbox_ages(clock.now())
        yield GaugeMetricFamily("shop_outbox_waiting_events", "Events not yet handed to their handlers", waiting)
        for name, of, age in (
            ("shop_outbox_oldest_seconds", "oldest waiting event", ages.event),
            ("shop_outbox_due_seconds", "longest due delivery", ages.delivery),
        ):
            yield GaugeMetricFamily(name, f"Age of the {of}", age.total_seconds())
        yield _sink_lags()
        deliveries = GaugeMetricFamily("shop_outbox_deliveries", "Deliveries by state", labels=["state"])
        counted = OutboxDelivery.objects.order_by("state").values_list("state").annotate(count=Count("id"))
        for state, count in counted:
            deliveries.add_metric([state], count)
        yield deliveries
        yield from (_as_family(gauge) for gauge in read_gauges(clock.now()))


def _sink_lags() -> GaugeMetricFamily:
    family, last = GaugeMetricFamily("shop_sink_lag_events", "Events a sink has not taken", labels=["sink"]), None
    for cursor in SinkCursor.objects.all():
        last = last_position() if last is None else last
        family.add_metric([cursor.sink], max(last - cursor.position, 0))
    return family


def _as_family(gauge: Gauge) -> GaugeMetricFamily:
    family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
    for labels, value in gauge.values:
        family.add_metric(labels, float(value))
    return family


@read_only
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(ShopCollector())
    return HttpResponse(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")
