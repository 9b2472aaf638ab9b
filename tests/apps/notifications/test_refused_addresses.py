"""An address that the mail server refuses costs nobody else their mail, and is not asked about for ever."""

import datetime as dt
import email
import email.policy
from collections import Counter
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from apps.accounts.models import User
from apps.notifications.models import MailClaim, SentEmail
from apps.notifications.services import mailing
from apps.notifications.services.mailing import Letter, send_each, send_once
from core import clock
from core.events.models import DeliveryState, OutboxDelivery
from core.events.worker import deliver_all_due
from core.ids import new_id
from tests.apps.notifications.test_operators_news import die
from tests.apps.orders.making import make_order
from tests.core.mail_server import MailServer, mail_server
from tests.factories import default_variant, make_admin, make_product, make_seller, make_shipping

pytestmark = pytest.mark.django_db
GONE, FULL, LOCKED_OUT = "550 5.1.1 no such user", "452 4.2.2 mailbox full", "554 5.7.1 relay access denied"


@pytest.fixture(autouse=True)
def server(settings: LazySettings) -> Iterator[MailServer]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mail_server() as started:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", started.port
        yield started


def letter_to(address: str) -> Letter:
    known = {"name": "Mug", "sku": "", "available": 1, "threshold": 5}
    return Letter(kind="low_stock", event_id="e", recipient=address, language="", context=known, copy=address)


def mailed(server: MailServer, kind: str) -> Counter[str]:
    """Return how many mails of a kind each address has."""
    found = (email.message_from_bytes(copy, policy=email.policy.default) for copy in server.copies)
    return Counter(str(message["To"]) for message in found if str(message["Message-ID"]).startswith(f"<{kind}."))


def delivery(handler: str) -> OutboxDelivery:
    return OutboxDelivery.objects.get(handler=f"notifications.{handler}")


def retry(handler: str) -> None:
    deliver_all_due(now=clock.now() + (delivery(handler).due_at - clock.now()) * 2)


def sell_for(*sellers: User) -> None:
    make_shipping()
    make_order(*((default_variant(make_product(seller=seller)), 1) for seller in sellers), payment_method="cod")


def test_a_seller_who_is_refused_for_good_keeps_no_other_from_being_mailed(server: MailServer) -> None:
    sellers = [make_seller() for _ in range(3)]
    for seller in sellers[:2]:
        server.refusals[seller.email] = GONE
    sell_for(*sellers)
    deliver_all_due()
    assert mailed(server, "new_order") == {sellers[2].email: 1}
    assert delivery("new_order").state == DeliveryState.DONE
    noted = dict(SentEmail.objects.filter(kind="new_order").values_list("recipient", "refusal"))
    assert noted == {sellers[0].email: GONE, sellers[1].email: GONE, sellers[2].email: ""}
    OutboxDelivery.objects.filter(handler="notifications.new_order").update(state="pending", due_at=clock.now())
    deliver_all_due()
    assert [server.asked[seller.email] for seller in sellers] == [1, 1, 1]


def test_a_seller_who_is_put_off_is_mailed_by_the_retry_and_the_others_only_once(server: MailServer) -> None:
    sellers = [make_seller() for _ in range(3)]
    server.refusals[sellers[0].email] = FULL
    sell_for(*sellers)
    deliver_all_due()
    assert mailed(server, "new_order") == {sellers[1].email: 1, sellers[2].email: 1}
    assert (delivery("new_order").state, delivery("new_order").attempts) == (DeliveryState.PENDING, 1)
    assert "mailbox full" in delivery("new_order").last_error
    server.refusals.clear()
    retry("new_order")
    assert mailed(server, "new_order") == dict.fromkeys([seller.email for seller in sellers], 1)
    assert delivery("new_order").state == DeliveryState.DONE
    assert [server.asked[seller.email] for seller in sellers] == [2, 1, 1]


@pytest.mark.parametrize("answer", [GONE, FULL])
def test_operators_hear_whomever_the_server_refuses(server: MailServer, answer: str) -> None:
    admins = [make_admin() for _ in range(3)]
    server.refusals[admins[0].email] = answer
    die("invoices.make")
    assert mailed(server, "operator_dead_letter") == {admins[1].email: 1, admins[2].email: 1}


def test_named_operators_hear_as_well(server: MailServer, settings: LazySettings) -> None:
    settings.OPERATOR_EMAILS = ["gone@example.com", "desk@example.com"]
    server.refusals["gone@example.com"] = GONE
    die("invoices.make")
    assert mailed(server, "operator_dead_letter") == {"desk@example.com": 1}


def test_a_refusal_for_good_is_noted_with_the_servers_words_and_logged(
    server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refusals["ada@example.com"] = GONE
    assert send_once(letter=letter_to("ada@example.com")) is False
    row = SentEmail.objects.get()
    assert (row.recipient, row.refusal) == ("ada@example.com", GONE)
    (record,) = [entry for entry in caplog.records if entry.name == "shop.mail"]
    assert (record.message, record.mail, record.refusal) == ("mail refused for good", row.message_id, "550")  # type: ignore[attr-defined]
    assert "ada@example.com" not in caplog.text
    assert send_once(letter=letter_to("ada@example.com")) is False
    assert (server.asked["ada@example.com"], MailClaim.objects.count()) == (1, 0)


@pytest.mark.parametrize("answer", [FULL, LOCKED_OUT, "450 try later", "421 closing"])
def test_what_may_pass_is_tried_again(server: MailServer, answer: str) -> None:
    server.refusals["ada@example.com"] = answer
    for _ in range(2):
        with pytest.raises(OSError, match=answer[:3]):
            send_once(letter=letter_to("ada@example.com"))
    assert (SentEmail.objects.count(), MailClaim.objects.count()) == (0, 0)
    server.refusals.clear()
    assert send_once(letter=letter_to("ada@example.com")) is True


def test_everything_that_went_wrong_is_told_together(server: MailServer) -> None:
    server.refusals = {"a@example.com": FULL, "b@example.com": LOCKED_OUT, "c@example.com": GONE}
    letters = [letter_to(f"{name}@example.com") for name in "abcd"]
    with pytest.raises(ExceptionGroup, match="of 4 mails not all were sent") as caught:
        send_each(letters=letters)
    assert {next(iter(error.recipients)) for error in caught.value.exceptions} == {"a@example.com", "b@example.com"}  # type: ignore[attr-defined]
    assert mailed(server, "low_stock") == {"d@example.com": 1}
    server.refusals.clear()
    assert send_each(letters=letters) == 2
    assert mailed(server, "low_stock") == {"a@example.com": 1, "b@example.com": 1, "d@example.com": 1}


def test_letters_for_which_no_time_is_left_are_for_the_next_attempt(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [letter_to(f"{name}@example.com") for name in "abc"]
    with monkeypatch.context() as patched:
        patched.setattr(mailing, "LATEST_LETTER_SECONDS", 0.0)
        with pytest.raises(ExceptionGroup) as caught:
            send_each(letters=letters)
    assert [str(error) for error in caught.value.exceptions] == ["3 mails were not begun"]
    assert server.copies == []
    assert send_each(letters=letters) == 3


def test_a_database_that_fails_ends_the_round_at_once(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*, letter: Letter) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(mailing, "send_once", fail)
    with pytest.raises(OperationalError, match="gone"):
        send_each(letters=[letter_to("a@example.com"), letter_to("b@example.com")])


def test_a_customers_address_that_is_gone_kills_no_delivery(server: MailServer) -> None:
    order = make_order(payment_method="cod", email=f"{new_id().hex}@example.com")
    server.refusals[order.email] = GONE
    deliver_all_due()
    row = delivery("order_confirmation")
    assert (row.state, row.attempts) == (DeliveryState.DONE, 1)
    deliver_all_due(now=clock.now() + dt.timedelta(hours=2))
    assert SentEmail.objects.get(kind="order_confirmation").refusal == GONE
