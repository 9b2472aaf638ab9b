"""What apps tell of themselves reaches the health check and /metrics, and cannot take the shop down."""

import datetime as dt
from collections.abc import Iterable

import pytest
from django.db import DatabaseError
from django.test import Client

from core import figures
from core.figures import Gauge, gauges, health_part

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _only_figures_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_parts", {})
    monkeypatch.setattr(figures, "_sources", {})


def test_a_part_that_is_not_well_makes_the_shop_degraded_and_keeps_it_in_traffic(client: Client) -> None:
    health_part("tests")(lambda now: "dusty")
    response = client.get("/api/health_check/")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["parts"] | {"redis": "ok"} == {
        "database": "ok", "outbox": "ok", "tests": "dusty", "redis": "ok",
    }  # fmt: skip
    assert client.get("/readyz").status_code == 200


def test_a_part_that_cannot_tell_is_unknown(client: Client) -> None:
    def ask(now: dt.datetime) -> str:
        raise DatabaseError("no such table")

    health_part("tests")(ask)
    response = client.get("/api/health_check/")
    assert (response.status_code, response.json()["parts"]["tests"]) == (200, "unknown")


def test_gauges_are_told_with_their_labels(client: Client) -> None:
    @gauges("tests")
    def tell(now: dt.datetime) -> Iterable[Gauge]:
        yield Gauge("shop_tests_left", "Tests left to write", (((), 3.0),))
        yield Gauge("shop_tests_by_mood", "Tests by mood", ((("good",), 2.0), (("bad",), 1.0)), labels=("mood",))

    told = client.get("/metrics").content.decode()
    assert "# HELP shop_tests_left Tests left to write\n# TYPE shop_tests_left gauge\nshop_tests_left 3.0\n" in told
    assert 'shop_tests_by_mood{mood="good"} 2.0\nshop_tests_by_mood{mood="bad"} 1.0\n' in told


def test_two_figures_of_one_name_are_refused() -> None:
    health_part("tests")(lambda now: "ok")
    gauges("tests")(lambda now: ())
    with pytest.raises(ValueError, match="are called tests"):
        health_part("tests")(lambda now: "ok")
    with pytest.raises(ValueError, match="are called tests"):
        gauges("tests")(lambda now: ())
