"""However slowly a mail server speaks, a send comes to its end, and then nothing more is sent."""

import datetime as dt
import smtplib
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from core import smtp
from core.events.leasing import LATEST_START_SECONDS, LEASE_SECONDS
from tests.core.mail_server import BANNER, DRIP_SECONDS, END, MailServer, mail_server

SECONDS = 2.0
AGES = 60.0  # for a machine that is busy with other things


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as started:
        yield started


def ours(server: MailServer, **options: object) -> BaseEmailBackend:
    return get_connection("core.smtp.EmailBackend", host="localhost", port=server.port, timeout=10, **options)


def send(connection: BaseEmailBackend) -> int:
    return EmailMessage("Hello", "Text", "shop@example.com", ["ada@example.com"], connection=connection).send()


def test_a_mail_is_sent_as_by_djangos_own(server: MailServer) -> None:
    assert send(ours(server)) == 1
    (copy,) = server.copies
    assert copy.endswith(b"\r\n\r\nText\r\n")


@pytest.mark.parametrize("drips_at", [BANNER, "EHLO", "MAIL", "RCPT", "DATA", END])
def test_a_server_that_never_finishes_a_line_is_left_when_the_time_is_over(server: MailServer, drips_at: str) -> None:
    server.drips_at = drips_at
    began_at = time.monotonic()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(ours(server, send_seconds=SECONDS))
    assert SECONDS <= time.monotonic() - began_at < AGES
    assert server.was_left.wait(AGES)
    assert len(server.copies) == (1 if drips_at == END else 0)  # it has the mail then, and we were not told


def test_a_server_that_does_not_say_goodbye_has_taken_the_mail(server: MailServer) -> None:
    server.drips_at = "QUIT"
    assert send(ours(server, send_seconds=SECONDS)) == 1
    assert len(server.copies) == 1


def test_control_djangos_own_waits_as_long_as_bytes_come(server: MailServer) -> None:
    server.drips_at, errors = "RCPT", list[OSError]()
    django_s = "django.core.mail.backends.smtp.EmailBackend"
    theirs = get_connection(django_s, host="127.0.0.1", port=server.port, timeout=10)

    def try_it() -> None:
        try:
            send(theirs)
        except OSError as error:
            errors.append(error)

    sender = threading.Thread(target=try_it)
    sender.start()
    ends_at = time.monotonic() + AGES
    while server.dripped < 2 * SECONDS / DRIP_SECONDS and time.monotonic() < ends_at:
        sender.join(DRIP_SECONDS)
    assert sender.is_alive(), errors
    server.is_over.set()
    sender.join(AGES)
    assert not sender.is_alive()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """The key and certificate of a server called localhost, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


def test_a_line_under_tls_is_cut_as_well(certificate: Path) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    with mail_server(theirs) as server:
        patient, hasty = (ours(server, use_ssl=True, send_seconds=seconds) for seconds in (AGES, SECONDS))
        for connection in (patient, hasty):
            connection.ssl_context = ssl.create_default_context(cafile=str(certificate))
        assert send(patient) == 1
        server.drips_at = "RCPT"
        with pytest.raises(smtplib.SMTPServerDisconnected):
            send(hasty)
        assert server.was_left.wait(AGES)
        assert len(server.copies) == 1


def test_no_connection_is_begun_when_the_time_is_over(server: MailServer) -> None:
    with pytest.raises(TimeoutError, match="the time for sending is over"):
        send(ours(server, send_seconds=0))
    assert server.copies == []


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with mail_server() as server:
        pass
    with pytest.raises(ConnectionRefusedError):
        send(ours(server))


def test_the_longest_send_fits_into_what_is_left_of_a_lease() -> None:
    assert LATEST_START_SECONDS + smtp.SEND_SECONDS < LEASE_SECONDS
