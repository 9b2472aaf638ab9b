"""Customers are told how their parcel is tracked: by mail in three languages, in the inbox, once per change."""

import html
import re
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from apps.accounts.models import User
from apps.notifications.models import Notification, OptOut
from apps.notifications.samples import TRACKING_URL, sample_letters
from apps.notifications.services.rendering import render
from apps.orders.models import Order
from apps.orders.services.tracking import correct_tracking, ship_order
from apps.orders.states import OrderStatus
from apps.orders.tracking import Tracking
from core import clock
from core.events.models import OutboxDelivery, OutboxEvent
from core.events.worker import deliver_all_due
from tests.apps.orders.making import make_order_in

pytestmark = pytest.mark.django_db
URL = "https://parcels.example.com/track?parcel=7&lang=en"
SAID = Tracking(carrier="UPS", tracking_number="1Z999", tracking_url=URL)
WORDS = {
    "en": ("Carrier", "Tracking number", "Track your parcel"),
    "de": ("Versanddienst", "Sendungsnummer", "Paket verfolgen"),
    "bn": ("কুরিয়ার", "ট্র্যাকিং নম্বর", "পার্সেল ট্র্যাক করুন"),
}
SUBJECTS = {
    "en": ("Your order {} is on its way", "New tracking for your order {}"),
    "de": ("Ihre Bestellung {} ist unterwegs", "Neue Sendungsverfolgung für Ihre Bestellung {}"),
    "bn": ("আপনার অর্ডার {} পথে আছে", "আপনার অর্ডার {}-এর নতুন ট্র্যাকিং"),
}


def ship(admin: User, tracking: Tracking = SAID, **fields: Any) -> Order:
    order = make_order_in(OrderStatus.PROCESSING, **fields)
    ship_order(order_id=order.pk, tracking=tracking, actor=admin, now=clock.now())
    deliver_all_due()
    return order


def correct(order: Order, admin: User, **texts: str) -> None:
    correct_tracking(order_id=order.pk, tracking=Tracking(**texts), actor=admin, now=clock.now())
    deliver_all_due()


def sent(kind: str) -> list[EmailMultiAlternatives]:
    """Return the mails of a kind, oldest first."""
    return [m for m in mail.outbox if m.extra_headers["Message-ID"].startswith(f"<{kind}.")]  # type: ignore[misc]


def html_of(message: EmailMultiAlternatives) -> str:
    return str(message.alternatives[0][0])


def lines_of(order: Order, kind: str) -> list[str]:
    """Return what the customer's inbox says in English, oldest first."""
    rows = OutboxEvent.objects.filter(name="notifications.created", payload__kind=kind).order_by("id")
    return [row.payload["body"] for row in rows if row.payload["data"]["order_id"] == str(order.pk)]


@pytest.mark.parametrize("language", WORDS)
def test_both_mails_say_it_in_the_language_of_the_checkout(language: str, admin: User) -> None:
    order = ship(admin, language=language)
    correct(order, admin, tracking_number="1Z111")
    (shipped,), (changed,) = sent("order_shipped"), sent("order_tracking_changed")
    carrier, number, label = WORDS[language]
    assert [shipped.subject, changed.subject] == [text.format(order.order_number) for text in SUBJECTS[language]]
    for message, digits in ((shipped, "1Z999"), (changed, "1Z111")):
        assert f"{carrier}: UPS\n{number}: {digits}\n{label}:\n{URL}\n" in message.body
        assert f"{carrier}: <strong>UPS</strong><br>{number}: <strong>{digits}</strong>" in html_of(message)
        assert re.search(rf'<a href="{re.escape(html.escape(URL))}"[^>]*>{label}</a>', html_of(message))
    assert "1Z999" not in changed.body + html_of(changed)


@pytest.mark.parametrize("language", WORDS)
def test_without_tracking_the_mail_says_nothing_of_it(language: str, admin: User) -> None:
    ship(admin, Tracking(), language=language)
    (message,) = sent("order_shipped")
    for word in (*WORDS[language], "<a ", "href"):
        assert word not in message.body + html_of(message)


def test_without_an_address_there_is_no_link(admin: User) -> None:
    ship(admin, Tracking(carrier="UPS"))
    (message,) = sent("order_shipped")
    assert "Carrier: UPS\n" in message.body
    for word in ("Tracking number", "Track your parcel", "href"):
        assert word not in message.body + html_of(message)


def test_an_address_alone_is_a_link(admin: User) -> None:
    ship(admin, Tracking(tracking_url=URL))
    (message,) = sent("order_shipped")
    assert f"Track your parcel:\n{URL}\n" in message.body
    assert f'href="{html.escape(URL)}"' in html_of(message)
    assert "Carrier" not in message.body + html_of(message)


@pytest.mark.parametrize("kind", ["order_shipped", "order_tracking_changed"])
def test_a_hostile_carrier_is_escaped_in_the_html(kind: str, admin: User) -> None:
    nasty, number = '<img src=x onerror=alert(1)> & "Co"', "</strong><script>alert(2)</script>"
    address = "https://a.example/?q='\"><script>alert(3)</script>"
    hostile = {"carrier": nasty, "tracking_number": number, "tracking_url": address}
    if kind == "order_shipped":
        ship(admin, Tracking(**hostile))
    else:
        correct(ship(admin), admin, **hostile)
    (message,) = sent(kind)
    assert "<img" not in html_of(message)
    assert "<script" not in html_of(message)
    for text in hostile.values():
        assert html.escape(text) in html_of(message)
        assert text in message.body


def test_each_change_is_told_once_however_often_it_is_handled(admin: User) -> None:
    order = ship(admin)
    correct(order, admin, carrier="DHL")
    correct(order, admin, carrier="DHL")
    OutboxDelivery.objects.filter(event__name="orders.tracking_changed").update(
        state="pending", due_at=clock.now(), attempts=0
    )
    deliver_all_due()
    assert len(sent("order_shipped")) == 1
    assert len(sent("order_tracking_changed")) == 1
    assert lines_of(order, "order_shipped") == [f"Your order {order.order_number} has left our house: UPS 1Z999."]
    assert lines_of(order, "order_tracking_changed") == [
        f"Your order {order.order_number} is tracked as DHL 1Z999 now."
    ]


def test_the_inbox_holds_what_programs_need(admin: User) -> None:
    order = ship(admin)
    line = Notification.objects.get(kind="order_shipped")
    assert line.data == {
        "order_id": str(order.pk),
        "order_number": order.order_number,
        "carrier": "UPS",
        "tracking_number": "1Z999",
    }


def test_tracking_that_was_taken_back_is_told(admin: User) -> None:
    order = ship(admin)
    correct(order, admin, carrier="", tracking_number="", tracking_url="")
    (message,) = sent("order_tracking_changed")
    assert "It cannot be tracked at present." in message.body
    assert "It cannot be tracked at present." in html_of(message)
    assert "href" not in html_of(message)
    assert lines_of(order, "order_tracking_changed") == [f"Your order {order.order_number} is tracked in another way."]


def test_who_does_not_want_it_is_not_told(admin: User, customer: User) -> None:
    for channel in ("mail", "in_app"):
        OptOut.objects.create(user=customer, kind="order_tracking_changed", channel=channel)
    order = ship(admin, user=customer)
    correct(order, admin, carrier="DHL")
    assert sent("order_tracking_changed") == []
    assert not Notification.objects.filter(kind="order_tracking_changed").exists()


def test_an_event_from_before_there_was_tracking_is_delivered(admin: User) -> None:
    order = make_order_in(OrderStatus.PROCESSING)
    deliver_all_due()
    ship_order(order_id=order.pk, tracking=Tracking(), actor=admin, now=clock.now())
    row = OutboxEvent.objects.get(name="orders.shipped")
    old = {name: value for name, value in row.payload.items() if name not in {"carrier", "tracking_number"}}
    OutboxEvent.objects.filter(pk=row.pk).update(payload=old, version=1)
    deliver_all_due()
    states = OutboxDelivery.objects.filter(event=row).order_by("handler").values_list("handler", "state", "attempts")
    assert {(state, attempts) for _, state, attempts in states} == {("done", 1)}
    assert {name for name, _, _ in states} >= {"notifications.order_shipped", "notifications.inbox.order_shipped"}
    assert len(sent("order_shipped")) == 1
    assert lines_of(order, "order_shipped") == [f"Your order {order.order_number} has left our house."]


@pytest.mark.parametrize("kind", ["order_shipped", "order_tracking_changed"])
@pytest.mark.parametrize("language", WORDS)
def test_the_preview_shows_the_tracking(kind: str, language: str) -> None:
    letter = render(kind=kind, language=language, context=sample_letters()[kind])
    assert f"{WORDS[language][1]}: PS 4711 0815" in letter.text
    assert TRACKING_URL in letter.text.split()
    assert "Parcel &amp; Sons" in letter.html
    assert f'href="{html.escape(TRACKING_URL)}"' in letter.html
