"""Webhook endpoints over HTTP: made and changed by admins, secrets shown once, sent again on request."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services import endpoints as endpoint_services
from apps.webhooks.services import queueing
from apps.webhooks.services.serving import dispatch_due
from core import clock
from core.events.models import OutboxEvent
from core.ids import new_id
from tests.apps.webhooks.receiving import Receiver, endpoint_at, feed, happen, signatures_that_fit
from tests.factories import make_seller, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
ApiAs = Callable[[User], ApiClient]
ALL = "/api/v2/webhook-endpoints/"
PUBLIC = "https://93.184.215.14/hook"
SHOWN = {
    "id", "url", "description", "event_names", "is_active", "disabled_reason", "failing_since", "old_secret_until",
    "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def office(api_as: ApiAs, admin: User) -> ApiClient:
    return api_as(admin)


def ok(response: Any, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.content
    body: dict[str, Any] = response.json() if response.content else {}
    return body


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    body = ok(response, status)
    assert body["code"] == code
    return body


def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(office: ApiClient) -> None:
    made = ok(office.post(ALL, {"url": PUBLIC, "description": "Books", "event_names": ["orders.placed"]}), 201)

    assert set(made) == SHOWN | {"secret"}
    assert made["secret"].startswith("whsec_")
    assert (made["url"], made["description"], made["event_names"]) == (PUBLIC, "Books", ["orders.placed"])
    assert (made["is_active"], made["disabled_reason"]) == (True, None)
    one = ok(office.get(f"{ALL}{made['id']}/"))
    assert set(one) == SHOWN
    assert ok(office.get(ALL)) == {"count": 1, "next": None, "previous": None, "results": [one]}


def test_a_retry_with_the_same_key_makes_one_endpoint(office: ApiClient, new_key: str) -> None:
    first, again = (office.post(ALL, {"url": PUBLIC}, Idempotency_Key=new_key) for _ in range(2))
    assert ok(first, 201) == ok(again, 201)
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "x" * 2001}, "url"),
        ({"url": 5}, "url"),
        ({"url": PUBLIC, "event_names": ["nothing.happened"]}, "event_names.0"),
        ({"url": PUBLIC, "event_names": "orders.placed"}, "event_names"),
        ({"url": PUBLIC, "description": "x" * 201}, "description"),
    ],
)
def test_what_cannot_be_sent_to_is_not_made(fields: dict[str, Any], field: str, office: ApiClient) -> None:
    body = refused(office.post(ALL, fields), 400, "invalid")
    assert [error["field"] for error in body["errors"]] == [field]
    assert WebhookEndpoint.objects.count() == 0


def test_there_are_not_more_than_may_be(office: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_services, "ENDPOINTS_MAX", 1)
    ok(office.post(ALL, {"url": PUBLIC}), 201)
    refused(office.post(ALL, {"url": PUBLIC}), 409, "too_many_webhook_endpoints")
    assert WebhookEndpoint.objects.count() == 1


def test_an_endpoint_is_changed_and_switched_off_and_on(office: ApiClient) -> None:
    one = f"{ALL}{ok(office.post(ALL, {'url': PUBLIC}), 201)['id']}/"
    off = ok(office.patch(one, {"is_active": False, "event_names": ["orders.paid"]}))
    assert (off["is_active"], off["disabled_reason"], off["event_names"]) == (False, "by_admin", ["orders.paid"])
    refused(office.post(f"{one}test/"), 409, "webhook_endpoint_inactive")
    refused(office.post(f"{one}redeliver/", {"event_id": str(new_id())}), 409, "webhook_endpoint_inactive")
    refused(office.patch(one, {"url": "http://10.0.0.1/"}), 400, "invalid")
    on = ok(office.patch(one, {"is_active": True}))
    assert (on["is_active"], on["disabled_reason"], on["url"]) == (True, None, PUBLIC)


def test_a_stale_change_is_refused(office: ApiClient) -> None:
    one = f"{ALL}{ok(office.post(ALL, {'url': PUBLIC}), 201)['id']}/"
    etag = office.get(one)["ETag"]
    ok(office.patch(one, {"description": "mine"}, If_Match=etag))
    refused(office.patch(one, {"description": "yours"}, If_Match=etag), 412, "precondition_failed")
    assert WebhookEndpoint.objects.get().description == "mine"


def test_an_endpoint_is_deleted_with_its_log(office: ApiClient, receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    happen(1)
    dispatch_due()
    one = f"{ALL}{endpoint.pk}/"
    ok(office.delete(one), 204)
    refused(office.get(one), 404, "webhook_endpoint_not_found")
    assert WebhookDelivery.objects.count() == 0


def test_a_secret_is_replaced_and_the_old_one_stays_for_a_day(office: ApiClient, receiver: Receiver) -> None:
    endpoint, old = endpoint_at(receiver)
    body = ok(office.post(f"{ALL}{endpoint.pk}/rotate_secret/"))
    until = dt.datetime.fromisoformat(body["old_secret_until"]) - clock.now()
    assert dt.timedelta(hours=23, minutes=59) < until <= dt.timedelta(hours=24)
    happen(1)
    dispatch_due()
    assert [signatures_that_fit(receiver.received[0], secret) for secret in (old, body["secret"])] == [1, 1]


def test_a_ping_is_sent_on_request_and_stands_in_the_log(office: ApiClient, receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver, event_names=["orders.placed"])
    assert ok(office.post(f"{ALL}{endpoint.pk}/test/"), 202) == {"queued": 1}
    feed()
    receiver.status, receiver.body = 500, b"no"
    dispatch_due()

    [delivery] = ok(office.get(f"{ALL}{endpoint.pk}/deliveries/"))["results"]

    assert (delivery["event_name"], delivery["state"], delivery["attempts"]) == ("webhooks.ping", "pending", 1)
    assert delivery["event_id"] == receiver.received[0].headers["webhook-id"]
    [attempt] = delivery["tries"]
    assert (attempt["number"], attempt["status"], attempt["error"], attempt["answer"]) == (
        1,
        500,
        "the receiver answered 500",
        "no",
    )


def test_the_log_is_narrowed_by_state_and_event(office: ApiClient, receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    happen(1, 2)
    dispatch_due()
    happen(3)
    log = f"{ALL}{endpoint.pk}/deliveries/"
    assert ok(office.get(log))["count"] == 3
    assert ok(office.get(f"{log}?state=delivered"))["count"] == 2
    first = ok(office.get(f"{log}?state=pending"))["results"][0]["event_id"]
    assert ok(office.get(f"{log}?event_id={first}"))["count"] == 1
    refused(office.get(f"{log}?state=lost"), 400, "invalid")
    refused(office.get(f"{ALL}{new_id()}/deliveries/"), 404, "webhook_endpoint_not_found")


@pytest.mark.parametrize("count", [10, 100])
def test_the_log_asks_no_more_for_more(count: int, office: ApiClient, receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    happen(*range(count))
    dispatch_due()
    with CaptureQueriesContext(connection) as queries:
        page = ok(office.get(f"{ALL}{endpoint.pk}/deliveries/?page_size=100"))
    assert len(page["results"]) == count
    assert len(queries) == 5  # who asks, the endpoint, how many, the deliveries, their tries


def test_one_event_is_sent_again_under_its_id(office: ApiClient, receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    happen(1, 2)
    dispatch_due()
    event = OutboxEvent.objects.filter(name="tests.happened").order_by("id")[0]

    again = ok(office.post(f"{ALL}{endpoint.pk}/redeliver/", {"event_id": str(event.id)}), 202)
    dispatch_due()

    assert (again, receiver.numbers) == ({"queued": 1}, [1, 2, 1])
    assert receiver.received[0].headers["webhook-id"] == receiver.received[2].headers["webhook-id"] == str(event.id)
    assert WebhookDelivery.objects.count() == 2
    refused(office.post(f"{ALL}{endpoint.pk}/redeliver/", {"event_id": str(new_id())}), 404, "event_not_found")


def test_a_range_is_sent_again_also_what_happened_before_the_endpoint_was_there(
    office: ApiClient, receiver: Receiver
) -> None:
    happen(1, 2)
    middle = clock.now()
    happen(3)
    endpoint, _ = endpoint_at(receiver, event_names=["tests.happened"])
    path = f"{ALL}{endpoint.pk}/redeliver/"
    day = dt.timedelta(days=1)
    wanted = {"since": (middle - day).isoformat(), "until": middle.isoformat()}

    assert ok(office.post(path, wanted), 202) == {"queued": 2}
    dispatch_due()
    assert receiver.numbers == [1, 2]
    assert ok(office.post(path, {**wanted, "until": (middle + day).isoformat()}), 202) == {"queued": 3}
    dispatch_due()
    assert receiver.numbers == [1, 2, 1, 2, 3]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"event_id": "0198f000-0000-7000-8000-000000000000", "since": "2026-01-01T00:00:00Z"},
        {"event_id": 5},
        {"since": "x", "until": "y"},
    ],
)
def test_what_to_send_again_must_be_said_in_one_way(
    body: dict[str, Any], office: ApiClient, receiver: Receiver
) -> None:
    endpoint, _ = endpoint_at(receiver)
    refused(office.post(f"{ALL}{endpoint.pk}/redeliver/", body), 400, "invalid")
    assert WebhookDelivery.objects.count() == 0


@pytest.mark.parametrize(
    ("since", "until", "fields"),
    [
        ("0001-01-01T00:00:00Z", "2026-01-01T00:00:00Z", ["since"]),
        ("1969-12-31T23:59:59Z", "2026-01-01T00:00:00Z", ["since"]),
        ("2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", ["until"]),
        ("2026-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", ["until"]),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", ["since", "until"]),
        ("0001-01-01T00:00:00+01:00", "2026-01-01T00:00:00Z", ["since"]),
    ],
)
def test_a_range_at_the_ends_of_the_calendar_is_refused_and_sends_nothing(
    since: str, until: str, fields: list[str], office: ApiClient, receiver: Receiver
) -> None:
    happen(1)
    endpoint, _ = endpoint_at(receiver)
    body = refused(office.post(f"{ALL}{endpoint.pk}/redeliver/", {"since": since, "until": until}), 400, "invalid")
    assert [error["field"] for error in body["errors"]] == fields
    assert WebhookDelivery.objects.count() == 0


def test_all_that_ever_happened_is_sent_again_when_asked_for(office: ApiClient, receiver: Receiver) -> None:
    happen(1)
    endpoint, _ = endpoint_at(receiver, event_names=["tests.happened"])
    wanted = {"since": "1970-01-01T00:00:00Z", "until": "9999-01-01T00:00:00Z"}
    assert ok(office.post(f"{ALL}{endpoint.pk}/redeliver/", wanted), 202) == {"queued": 1}


def test_too_large_a_range_sends_nothing(
    office: ApiClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueing, "REDELIVER_MAX", 2)
    happen(1, 2, 3)
    endpoint, _ = endpoint_at(receiver)
    wanted = {"since": "2026-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"}
    body = refused(office.post(f"{ALL}{endpoint.pk}/redeliver/", wanted), 422, "too_many_events")
    assert (body["limit"], WebhookDelivery.objects.count()) == (2, 0)


def test_only_admins_may(api: ApiClient, api_as: ApiAs, receiver: Receiver) -> None:
    endpoint, _ = endpoint_at(receiver)
    one = f"{ALL}{endpoint.pk}/"
    for client, status in ((api, 401), (api_as(make_user()), 403), (api_as(make_seller()), 403)):
        for path in (ALL, one, f"{one}deliveries/"):
            assert client.get(path).status_code == status
        for path in (ALL, f"{one}rotate_secret/", f"{one}test/", f"{one}redeliver/"):
            assert client.post(path, {"url": PUBLIC}).status_code == status
        assert client.patch(one, {"is_active": False}).status_code == status
        assert client.delete(one).status_code == status
    endpoint.refresh_from_db()
    assert (endpoint.is_active, WebhookEndpoint.objects.count()) == (True, 1)
