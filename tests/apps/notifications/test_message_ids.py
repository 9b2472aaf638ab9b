"""A mail's name fits on a line, follows from its event, and is known again if it was sent under its former one."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.core import mail
from django.core.mail import EmailMessage

from apps.notifications.checks import check_message_id_domain
from apps.notifications.models import SentEmail
from apps.notifications.services.mailing import Letter, message_id_of, send_once
from apps.notifications.services.message_ids import LONGEST_DOMAIN, known_names, message_id
from apps.notifications.services.review_requests import ask_for_reviews
from apps.orders.models import Order
from apps.orders.states import OrderStatus
from core import clock
from core.ids import new_id
from tests.apps.orders.making import make_order_in

TEMPLATES = Path(settings.BASE_DIR) / "apps/notifications/templates/notifications"
KINDS = sorted(path.name.removesuffix(".subject.txt") for path in TEMPLATES.glob("*.subject.txt"))
DOMAINS = {"usual": "shop.example.com", "longest": "s" * (LONGEST_DOMAIN - 4) + ".com"}


def letter(**changes: str) -> Letter:
    known = {"kind": "low_stock", "event_id": "e1", "recipient": "ada@example.com", "language": "", **changes}
    return Letter(**known, context={"name": "Mug", "sku": "", "available": 1, "threshold": 5})  # type: ignore[arg-type]


def test_the_message_id_follows_from_the_event() -> None:
    assert message_id_of(letter()) == "<low_stock.D-8XenKx6h1eZxnUrwCS@shop.example.com>"
    assert message_id_of(letter(recipient="new@example.com", language="de", reference="x")) == message_id_of(letter())


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_header_of_every_mail_is_one_line(kind: str, domain: str, settings: LazySettings) -> None:
    settings.EMAIL_MESSAGE_ID_DOMAIN = DOMAINS[domain]
    name = message_id(kind=kind, event_id=str(new_id()), copy=new_id().hex)
    assert len(name) <= 66
    raw = EmailMessage("Hello", "Text", to=["ada@example.com"], headers={"Message-ID": name}).message().as_bytes()
    assert f"Message-ID: {name}" in raw.decode().splitlines()


def test_control_a_longer_name_is_folded() -> None:
    name = f"<{'x' * 65}>"
    raw = EmailMessage("Hello", "Text", to=["ada@example.com"], headers={"Message-ID": name}).message().as_bytes()
    assert "Message-ID: " in raw.decode().splitlines()


def test_every_kind_event_and_copy_has_a_name_of_its_own(settings: LazySettings) -> None:
    settings.EMAIL_MESSAGE_ID_DOMAIN = DOMAINS["longest"]  # the kinds are cut to nearly nothing
    parts = [(kind, event, copy) for kind in KINDS for event in ("e1", "e2", "e1.a") for copy in ("", "a", "b")]
    names = {message_id(kind=kind, event_id=event, copy=copy) for kind, event, copy in parts}
    assert len(names) == len(parts)


def note_as_sent(name: str, kind: str) -> None:
    SentEmail.objects.create(message_id=name, kind=kind, recipient="ada@example.com", subject="s")


@pytest.mark.django_db
def test_a_mail_on_record_under_its_former_name_is_not_sent_again() -> None:
    seller_s = letter(copy="c1")
    former = "<low_stock.e1.c1@shop.example.com>"
    assert known_names(kind="low_stock", event_id="e1", copy="c1")[1] == former
    note_as_sent(former, "low_stock")
    assert send_once(letter=seller_s) is False
    assert mail.outbox == []
    assert send_once(letter=letter(copy="c2")) is True


@pytest.mark.django_db
def test_who_was_asked_under_a_former_name_is_not_asked_again(settings: LazySettings) -> None:
    settings.REVIEW_REQUEST_DAYS = 7
    order = make_order_in(OrderStatus.DELIVERED, payment_method="cod")
    Order.objects.filter(pk=order.pk).update(delivered_at=clock.now() - dt.timedelta(days=7.1))
    note_as_sent(f"<review_request.{order.pk}@shop.example.com>", "review_request")
    assert ask_for_reviews(now=clock.now()) == 0
    assert mail.outbox == []


@pytest.mark.parametrize(("length", "faults"), [(LONGEST_DOMAIN, []), (LONGEST_DOMAIN + 1, ["notifications.E001"])])
def test_a_domain_that_leaves_no_room_is_refused_at_the_start(
    length: int, faults: list[str], settings: LazySettings
) -> None:
    settings.EMAIL_MESSAGE_ID_DOMAIN = "d" * length
    assert [fault.id for fault in check_message_id_domain(None)] == faults
