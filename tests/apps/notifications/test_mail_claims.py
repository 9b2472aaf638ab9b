"""Of many who come to send one mail at the same moment one sends it; one that died in between is succeeded."""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.notifications.errors import MailInFlight
from apps.notifications.models import MailClaim, SentEmail
from apps.notifications.periodic import clean_up
from apps.notifications.services import mail_claims
from apps.notifications.services.mail_claims import CLAIM_SECONDS, claim, forget_claims, release
from apps.notifications.services.mailing import LATEST_LETTER_SECONDS, Letter, message_id_of, send_once
from core import clock, smtp
from core.events.leasing import LATEST_START_SECONDS, LEASE_SECONDS
from core.ids import new_id
from tests.crashing import database_of_several_processes

SENDERS = 4
AGES = 60.0
LETTER = Letter(
    kind="low_stock",
    event_id="e1",
    recipient="ada@example.com",
    language="",
    context={"name": "Mug", "sku": "", "available": 1, "threshold": 5},
)
NAME = message_id_of(LETTER)


class SlowServer:
    """Takes a mail only when told to: until then its sender waits."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.callers = threading.Semaphore(0)
        self._send = EmailBackend.send_messages

    def send_messages(self, backend: EmailBackend, messages: Sequence[EmailMessage]) -> int:
        self.callers.release()
        assert self.may_answer.wait(AGES)
        return self._send(backend, messages)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowServer]:
    slow = SlowServer()
    monkeypatch.setattr(EmailBackend, "send_messages", lambda backend, messages: slow.send_messages(backend, messages))
    yield slow
    slow.may_answer.set()


class Senders:
    """Threads that all send LETTER; `outcomes` grows as they come to an end, `done` is released by each."""

    def __init__(self, send: Callable[[], object]) -> None:
        self.outcomes: list[object] = []
        self.done = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self._run, args=(send,)) for _ in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def join(self) -> Counter[object]:
        for thread in self.threads:
            thread.join(AGES)
        return Counter(self.outcomes)

    def _run(self, send: Callable[[], object]) -> None:
        try:
            self.outcomes.append(send())
        except MailInFlight:
            self.outcomes.append(MailInFlight)
        finally:
            connection.close()
            self.done.release()


@pytest.fixture
def _database_of_threads(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    with database_of_several_processes(tmp_path):
        yield


@pytest.mark.usefixtures("_database_of_threads")
def test_of_four_who_come_at_once_one_sends_the_mail(server: SlowServer) -> None:
    senders = Senders(lambda: send_once(letter=LETTER))
    for _ in range(SENDERS - 1):
        assert senders.done.acquire(timeout=AGES)  # while the first one is still speaking to the server
    server.may_answer.set()
    assert senders.join() == {True: 1, MailInFlight: SENDERS - 1}
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]
    assert send_once(letter=LETTER) is False
    assert (len(mail.outbox), SentEmail.objects.count(), MailClaim.objects.count()) == (1, 1, 0)


@pytest.mark.usefixtures("_database_of_threads")
def test_control_without_a_claim_all_four_send_it(server: SlowServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_claims, "claim", lambda *, message_id, now: new_id())
    senders = Senders(lambda: send_once(letter=LETTER))
    for _ in range(SENDERS):
        assert server.callers.acquire(timeout=AGES)  # all have looked, and none has found it sent
    server.may_answer.set()
    assert senders.join() == {True: SENDERS}
    assert len(mail.outbox) == SENDERS


def statements_of_a_send(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Send LETTER; return the numbers of statements before and after the server was spoken to."""
    before, real = [0], EmailBackend.send_messages

    def count() -> int:
        return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)

    def send(backend: EmailBackend, messages: Sequence[EmailMessage]) -> int:
        before[0] = count()
        return real(backend, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", send)
    with CaptureQueriesContext(connection) as captured:
        send_once(letter=LETTER)
    return before[0], count() - before[0]


@pytest.mark.django_db
def test_a_send_has_six_statements_and_a_repeat_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert statements_of_a_send(monkeypatch) == (4, 2)
    assert statements_of_a_send(monkeypatch) == (0, 1)


@pytest.mark.django_db
def test_a_mail_that_somebody_sends_at_the_moment_is_left_to_them() -> None:
    assert claim(message_id=NAME, now=clock.now()) is not None
    with pytest.raises(MailInFlight):
        send_once(letter=LETTER)
    assert (mail.outbox, SentEmail.objects.count()) == ([], 0)


@pytest.mark.django_db
def test_who_died_while_sending_is_succeeded_when_the_lease_is_over() -> None:
    began_at = clock.now() - dt.timedelta(seconds=CLAIM_SECONDS)
    claim(message_id=NAME, now=began_at)
    assert send_once(letter=LETTER) is True
    assert [message.extra_headers["Message-ID"] for message in mail.outbox] == [NAME]
    assert MailClaim.objects.count() == 0


@pytest.mark.django_db
def test_who_finds_the_mail_noted_after_the_claim_does_not_send_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = mail_claims.claim

    def claim_just_after_another_has_sent_it(*, message_id: str, now: dt.datetime) -> object:
        SentEmail.objects.create(message_id=message_id, kind="low_stock", recipient="ada@example.com", subject="s")
        return real(message_id=message_id, now=now)

    monkeypatch.setattr(mail_claims, "claim", claim_just_after_another_has_sent_it)
    assert send_once(letter=LETTER) is False
    assert (mail.outbox, MailClaim.objects.count()) == ([], 0)


@pytest.mark.django_db
def test_a_sender_that_failed_leaves_the_mail_to_the_next_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "send_messages", lambda backend, messages: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send_once(letter=LETTER)
    assert send_once(letter=LETTER) is True


@pytest.mark.django_db
def test_a_lease_that_was_lost_ends_nobody_elses() -> None:
    now = clock.now()
    lost = claim(message_id=NAME, now=now - dt.timedelta(seconds=CLAIM_SECONDS))
    taken = claim(message_id=NAME, now=now)
    assert lost is not None
    assert taken is not None
    release(message_id=NAME, lease=lost)
    assert MailClaim.objects.get().lease == taken
    assert claim(message_id=NAME, now=now + dt.timedelta(seconds=CLAIM_SECONDS - 1)) is None
    release(message_id=NAME, lease=taken)
    assert MailClaim.objects.count() == 0


@pytest.mark.django_db
def test_what_dead_senders_left_is_forgotten_a_day_later() -> None:
    now = clock.now()
    claim(message_id="<old@x>", now=now - dt.timedelta(days=1, seconds=CLAIM_SECONDS + 1))
    claim(message_id="<new@x>", now=now - dt.timedelta(hours=23))
    clean_up(now)
    assert [row.message_id for row in MailClaim.objects.all()] == ["<new@x>"]
    assert forget_claims(now=now) == 0


def test_sending_ends_before_its_lease_and_that_before_the_deliverys() -> None:
    assert smtp.SEND_SECONDS < CLAIM_SECONDS < LEASE_SECONDS
    assert LATEST_START_SECONDS + LATEST_LETTER_SECONDS + smtp.SEND_SECONDS < LEASE_SECONDS
