"""Webhooks go to public addresses only: neither when an endpoint is saved nor when it is sent to is anything else
connected to (promise 34)."""

import socket
import time
from collections.abc import Callable

import pytest
from django.conf import LazySettings

from apps.webhooks.models import WebhookAttempt, WebhookEndpoint
from apps.webhooks.sealing import seal
from apps.webhooks.services.endpoints import EndpointChanges, create_endpoint, update_endpoint
from apps.webhooks.services.serving import dispatch_due
from apps.webhooks.signing import new_secret
from core import clock
from core.errors import InvalidInput
from core.events.feed import last_position
from core.events.sinks import add_cursor
from tests.apps.webhooks.receiving import Receiver, happen

pytestmark = pytest.mark.django_db
PUBLIC = "https://93.184.215.14/hook"
LONGEST_SECONDS = 5.0
FORBIDDEN = [
    "http://127.0.0.1{port}/",
    "http://127.1{port}/",
    "http://127.0.0.2{port}/",
    "http://0{port}/",
    "http://0.0.0.0{port}/",
    "http://localhost{port}/",
    "http://LOCALHOST{port}/",
    "http://[::1]{port}/",
    "http://[::]{port}/",
    "http://[::ffff:127.0.0.1]{port}/",
    "http://[::ffff:7f00:1]{port}/",
    "http://[::127.0.0.1]{port}/",
    "http://[64:ff9b::7f00:1]{port}/",
    "http://[2002:7f00:1::]{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]{port}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]{port}/",
    "http://[::ffff:0:127.0.0.1]{port}/",
    "http://localhost.{port}/",
    "http://2130706433{port}/",
    "http://0x7f000001{port}/",
    "http://0x7f.1{port}/",
    "http://017700000001{port}/",
    "http://0177.0.0.1{port}/",
    "http://0x7f.0x0.0x0.0x1{port}/",
    "http://127.000.000.001{port}/",
    "http://127.0.1{port}/",
    "http://0x7f000001.{port}/",
    "http://①②⑦.0.0.1{port}/",
    "http://user:secret@127.0.0.1{port}/",
    "http://93.184.215.14@127.0.0.1{port}/",
    "http://127.0.0.1{port}\\@93.184.215.14/",
    "http://:@127.0.0.1{port}/",
    "http://127.0.0.1{port}#@93.184.215.14/",
    "http://127.0.0.1{port}?@93.184.215.14/",
    "http://127.0.0.1{port}/\r\nX: y",
    "http://93.184.215.14/\r\nHost: 127.0.0.1",
    "http://93.184.215.14\r\n@127.0.0.1{port}/",
    "http://127.0.0.1{port}\t/",
    "http://127.0.0.1{port}/ a",
    "ftp://127.0.0.1{port}/",
    "gopher://127.0.0.1{port}/_x",
    "dict://127.0.0.1{port}/stats",
    "ldap://127.0.0.1{port}/",
    "ws://127.0.0.1{port}/",
    "unix://127.0.0.1{port}/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "FILE://localhost/etc/passwd",
    "file://127.0.0.1{port}/",
    "//127.0.0.1{port}/",
    "http:///",
    "http://",
    "hook",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/latest/meta-data/",
    "http://0251.0376.0251.0376/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fc00::1]/",
    "http://[ff02::1]/",
    "http://[fd00:ec2::254]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://93.184.215.14:22/",
    "https://93.184.215.14:22/",
    "https://93.184.215.14:25/",
    "https://93.184.215.14:6379/",
    "https://93.184.215.14:0/",
    "https://93.184.215.14:99999/",
    "https://user@93.184.215.14/",
]


@pytest.fixture
def canary(receivers: Callable[[int], list[Receiver]], settings: LazySettings) -> Receiver:
    """A listener on loopback whose port is open to webhooks, but whose network is not."""
    (receiver,) = receivers(1)
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    settings.WEBHOOK_ALLOWED_PORTS = ["80", "443", str(receiver.port)]
    return receiver


def no_one_came(canary: Receiver) -> bool:
    """Whether nobody connected before we do so now: connections are taken in the order in which they came."""
    with socket.create_connection(("127.0.0.1", canary.port), timeout=30) as line:
        line.sendall(b"\r\n\r\n")
        line.recv(1)
    return canary.connections == 1


def test_there_are_sixty_addresses_and_more() -> None:
    assert len(set(FORBIDDEN)) == len(FORBIDDEN) >= 60


@pytest.mark.parametrize("form", FORBIDDEN)
def test_no_such_address_is_saved_or_connected_to(form: str, canary: Receiver) -> None:
    url = form.format(port=f":{canary.port}")
    began = time.monotonic()

    with pytest.raises(InvalidInput) as caught:
        create_endpoint(url=url)

    assert [(error.field, error.code) for error in caught.value.errors] == [("url", "address_not_allowed")]
    assert WebhookEndpoint.objects.count() == 0
    _save_and_send(url)
    assert time.monotonic() - began <= LONGEST_SECONDS
    assert no_one_came(canary)


def test_a_public_address_is_saved_without_a_connection(canary: Receiver) -> None:
    endpoint, _ = create_endpoint(url=PUBLIC)
    with pytest.raises(InvalidInput):
        update_endpoint(endpoint_id=endpoint.pk, changes=EndpointChanges(url=f"http://127.0.0.1:{canary.port}/"))
    endpoint.refresh_from_db()
    assert endpoint.url == PUBLIC
    assert no_one_came(canary)


def test_a_name_that_turns_private_after_it_was_saved_is_not_connected_to(
    canary: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["93.184.215.14", "127.0.0.1"]

    def resolve(host: str, port: int, **options: object) -> list[tuple[object, ...]]:
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    add_cursor("webhooks", position=last_position(), now=clock.now())
    create_endpoint(url=f"http://hooks.example.com:{canary.port}/")
    happen(1)
    dispatch_due()

    assert answers == ["127.0.0.1"]
    monkeypatch.undo()
    assert no_one_came(canary)
    assert WebhookAttempt.objects.get().error == "the host is not on the public internet"


def test_where_https_is_required_nothing_else_is_saved(canary: Receiver, settings: LazySettings) -> None:
    settings.WEBHOOK_REQUIRE_HTTPS = True
    with pytest.raises(InvalidInput):
        create_endpoint(url="http://93.184.215.14/hook")
    assert create_endpoint(url=PUBLIC)[0].url == PUBLIC


def _save_and_send(url: str) -> None:
    """As if the address had come into the database by another way."""
    add_cursor("webhooks", position=last_position(), now=clock.now())
    WebhookEndpoint.objects.create(url=url, sealed_secret=seal(new_secret()))
    happen(1)
    assert dispatch_due() == 1
    attempt = WebhookAttempt.objects.get()
    assert attempt.status is None
    assert attempt.error not in {"", "the connection failed", "the host took too long"}  # refused before it was tried
