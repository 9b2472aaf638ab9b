"""Promise 23: a forged, stale or unreadable webhook changes nothing, whoever is said to have sent it.

Each vector is sent to the real address of a provider whose honest message would pay an order.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest

from tests.apps.payments.paying import money_of
from tests.apps.payments.senders import SENDERS, Headers, Sender, nothing_happens
from tests.apps.payments.sslcommerz.messages import encode
from tests.apps.payments.sslcommerz.messages import sign as sign_form
from tests.apps.payments.sslcommerz.provider import SECRET as STORE_PASSWORD
from tests.apps.payments.sslcommerz.provider import fields_of

pytestmark = pytest.mark.django_db
Vector = Callable[[Sender], tuple[bytes, Headers]]
SIGNED = ["simulated", "stripe"]


@pytest.fixture
def sender(request: pytest.FixtureRequest, settings: Any) -> Iterator[Sender]:
    with SENDERS[request.param](settings) as made:
        yield made


def proof(sender: Sender, body: bytes | None = None, **how: Any) -> str:
    return sender.proof(sender.body if body is None else body, **how)[sender.header]


def with_header(change: Callable[[Sender], str]) -> Vector:
    """The honest body with another header."""
    return lambda sender: (sender.body, {sender.header: change(sender)})


def with_body(change: Callable[[bytes], bytes]) -> Vector:
    """Another body with the proof of the honest one."""
    return lambda sender: (change(sender.body), sender.proof(sender.body))


def signed(change: Callable[[bytes], bytes]) -> Vector:
    """Another body, with a proof of its own."""
    return lambda sender: (change(sender.body), sender.proof(change(sender.body)))


def stamp_of(sender: Sender, at: float = 0) -> str:
    return proof(sender, at=at).partition(",")[0]


def digest_of(sender: Sender, **how: Any) -> str:
    return proof(sender, **how).partition(",")[2]


def one_bit(body: bytes) -> bytes:
    return body[:40] + bytes([body[40] ^ 1]) + body[41:]


def sorted_keys(body: bytes) -> bytes:
    return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)


FORGED: dict[str, Vector] = {
    "no signature": lambda sender: (sender.body, {}),
    "an empty signature": with_header(lambda sender: ""),
    "a blank signature": with_header(lambda sender: "   "),
    "another scheme alone": with_header(lambda sender: proof(sender).replace("v1=", "v0=")),
    "a scheme of tomorrow": with_header(lambda sender: proof(sender).replace("v1=", "v2=")),
    "the name of the scheme in capitals": with_header(lambda sender: proof(sender).replace("v1=", "V1=")),
    "another header": lambda sender: (sender.body, {"X-Signature": proof(sender)}),
    "another sender's header": lambda sender: (
        sender.body,
        {"Stripe-Signature" if sender.provider == "simulated" else "Simulated-Signature": proof(sender)},
    ),
    "basic authorization": lambda sender: (sender.body, {"Authorization": "Basic d2ViaG9vazp3aGF0ZXZlcg=="}),
    "the secret itself": with_header(lambda sender: sender.secret),
    "one bit of the body changed": with_body(one_bit),
    "the amount changed": with_body(lambda body: body.replace(b"20", b"10", 1)),
    "one byte appended": with_body(lambda body: body + b"\n"),
    "one byte cut off": with_body(lambda body: body[:-1]),
    "a NUL appended": with_body(lambda body: body + b"\x00"),
    "an empty body": with_body(lambda body: b""),
    "half of the body": with_body(lambda body: body[: len(body) // 2]),
    "the body twice": with_body(lambda body: body + body),
    "written anew, narrow": with_body(lambda body: orjson.dumps(orjson.loads(body)) + b" "),
    "written anew, wide": with_body(lambda body: json.dumps(json.loads(body), indent=3).encode()),
    "written anew, sorted": with_body(lambda body: b" " + sorted_keys(body)),
    "a byte order mark": with_body(lambda body: b"\xef\xbb\xbf" + body),
    "UTF-16": with_body(lambda body: body.decode().encode("utf-16")),
    "another secret": with_header(lambda sender: proof(sender, secret="whsec_other")),
    "a secret that is over": with_header(lambda sender: proof(sender, secret=f"{sender.secret}_old")),
    "the empty secret": with_header(lambda sender: proof(sender, secret="")),
    "the secret with a blank": with_header(lambda sender: proof(sender, secret=f"{sender.secret} ")),
    "half of the secret": with_header(lambda sender: proof(sender, secret=sender.secret[:-1])),
    "301 seconds old": with_header(lambda sender: proof(sender, at=-301.5)),
    "301 seconds ahead": with_header(lambda sender: proof(sender, at=302.5)),
    "a day old": with_header(lambda sender: proof(sender, at=-86_400)),
    "a year ahead": with_header(lambda sender: proof(sender, at=31_536_000)),
    "a fresh stamp on an old signature": with_header(lambda sender: f"{stamp_of(sender)},{digest_of(sender, at=-400)}"),
    "two stamps": with_header(lambda sender: f"{proof(sender)},{stamp_of(sender, at=1)}"),
    "the same stamp twice": with_header(lambda sender: f"{stamp_of(sender)},{proof(sender)}"),
    "no stamp": with_header(lambda sender: digest_of(sender)),
    "an empty stamp": with_header(lambda sender: f"t=,{digest_of(sender)}"),
    "a stamp in words": with_header(lambda sender: f"t=now,{digest_of(sender)}"),
    "a negative stamp": with_header(lambda sender: proof(sender).replace("t=", "t=-")),
    "a stamp with a zero before it": with_header(lambda sender: proof(sender).replace("t=", "t=0")),
    "a stamp with a fraction": with_header(lambda sender: proof(sender).replace(",", ".0,", 1)),
    "a stamp in other digits": with_header(lambda sender: f"t=١٧٠٠٠٠٠٠٠٠,{digest_of(sender)}"),
    "a stamp of many digits": with_header(lambda sender: f"t={'9' * 400},{digest_of(sender)}"),
    "no digest": with_header(stamp_of),
    "an empty digest": with_header(lambda sender: f"{stamp_of(sender)},v1="),
    "half a digest": with_header(lambda sender: proof(sender)[:-32]),
    "the digest twice over": with_header(lambda sender: proof(sender) + proof(sender).rpartition("=")[2]),
    "the digest in capitals": with_header(lambda sender: f"{stamp_of(sender)},v1={digest_of(sender)[3:].upper()}"),
    "zeros": with_header(lambda sender: f"{stamp_of(sender)},v1={'0' * 64}"),
    "random digests": with_header(lambda sender: stamp_of(sender) + f",v1={secrets.token_hex(32)}" * 9),
    "more digests than anybody sends": with_header(
        lambda sender: stamp_of(sender) + f",v1={'0' * 64}" * 10 + f",{digest_of(sender)}"
    ),
    "a huge header": with_header(lambda sender: proof(sender) + "," + "x" * 60_000),
    "signs beyond ASCII": with_header(lambda sender: proof(sender) + ",v1=é"),
    "JSON for a header": with_header(lambda sender: json.dumps({"t": 1, "v1": proof(sender)})),
}
UNREADABLE: dict[str, Vector] = {
    "no JSON": signed(lambda body: b"status=VALID"),
    "nothing": signed(lambda body: b""),
    "truncated JSON": signed(lambda body: body[: len(body) // 2]),
    "JSON with more behind it": signed(lambda body: body + b"{}"),
    "a list": signed(lambda body: b"[" + body + b"]"),
    "null": signed(lambda body: b"null"),
    "a number": signed(lambda body: b"7"),
    "an empty object": signed(lambda body: b"{}"),
    "10,000 levels of lists": signed(lambda body: b"[" * 10_000 + b"]" * 10_000),
    "10,000 levels of objects": signed(lambda body: b'{"data":' * 10_000 + b"1" + b"}" * 10_000),
    "NaN": signed(lambda body: body.replace(b'"id"', b'"nan": NaN, "id"', 1)),
    "bytes": signed(lambda body: bytes(range(256))),
    "half a surrogate": signed(lambda body: body.replace(b'"evt_', b'"\\ud800evt_', 1)),
    "a NUL in the id": signed(lambda body: body.replace(b'"evt_', b'"\\u0000evt_', 1)),
}


@pytest.mark.parametrize("sender", SIGNED, indirect=True)
@pytest.mark.parametrize("name", FORGED)
def test_a_forged_or_stale_message_leaves_no_trace(sender: Sender, name: str) -> None:
    body, headers = FORGED[name](sender)
    with nothing_happens(sender):
        response = sender.send(body, headers)
    assert (response.status_code, response.json()["code"]) == (400, "webhook_refused")


@pytest.mark.parametrize("sender", SIGNED, indirect=True)
@pytest.mark.parametrize("name", UNREADABLE)
def test_a_signed_message_that_cannot_be_read_leaves_no_trace(sender: Sender, name: str) -> None:
    body, headers = UNREADABLE[name](sender)
    with nothing_happens(sender):
        response = sender.send(body, headers)
    assert (response.status_code, response.json()["code"]) == (400, "webhook_refused")


@pytest.mark.parametrize("sender", SENDERS, indirect=True)
def test_the_honest_message_pays(sender: Sender) -> None:
    """The control: what the vectors change does have an effect when it is left as it is."""
    assert sender.send().json() == {"status": "processed"}
    assert money_of(sender.order) == ("confirmed", "paid")


@pytest.mark.parametrize("sender", SENDERS, indirect=True)
def test_an_endless_body_is_not_read(sender: Sender) -> None:
    body = b" " * (5 * 1024 * 1024)
    with nothing_happens(sender):
        response = sender.send(body)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("sender", SENDERS, indirect=True)
@pytest.mark.parametrize("length", ["-1", "1e3", "ten", "²", "99999999999999999999"])
def test_an_impossible_length_is_refused(sender: Sender, length: str) -> None:
    with nothing_happens(sender):
        assert sender.send(CONTENT_LENGTH=length).status_code in {400, 413}


@pytest.mark.parametrize("sender", SIGNED, indirect=True)
@pytest.mark.parametrize("configured", ["", " ", ","])
def test_without_a_secret_nothing_is_accepted(sender: Sender, configured: str, settings: Any) -> None:
    settings.SIMULATED_WEBHOOK_SECRET = configured
    settings.STRIPE_WEBHOOK_SECRETS = [word.strip() for word in configured.split(",")]
    with nothing_happens(sender):
        for tried in ("", " ", configured, sender.secret):
            assert sender.send(headers=sender.proof(sender.body, secret=tried)).status_code == 400


@pytest.mark.parametrize("sender", SIGNED, indirect=True)
def test_a_secret_that_was_changed_is_over(sender: Sender, settings: Any) -> None:
    settings.SIMULATED_WEBHOOK_SECRET, settings.STRIPE_WEBHOOK_SECRETS = "whsec_new", ["whsec_new"]
    with nothing_happens(sender):
        assert sender.send().status_code == 400
    settings.SIMULATED_WEBHOOK_SECRET = f"whsec_new,{sender.secret}"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", sender.secret]
    assert sender.send().json() == {"status": "processed"}


# --- SSLCommerz signs a form --------------------------------------------------------------------------
Fields = dict[str, str]


def tampered(**changes: str) -> Callable[[Sender], bytes]:
    """The honest form with other values under the honest hashes."""
    return lambda sender: encode(fields_of(sender.body) | changes)


def without(name: str) -> Callable[[Sender], bytes]:
    return lambda sender: encode({key: value for key, value in fields_of(sender.body).items() if key != name})


def resigned(**how: Any) -> Callable[[Sender], bytes]:
    """The honest fields, signed in another way."""
    return lambda sender: encode(sign_form(fields_of(sender.body), **{"password": STORE_PASSWORD, **how}))


def unsigned_field(name: str) -> Callable[[Sender], bytes]:
    """A good signature over all fields but one that matters."""

    def write(sender: Sender) -> bytes:
        fields = fields_of(sender.body)
        return encode(sign_form(fields, password=STORE_PASSWORD, keys=_listed(fields, name)))

    return write


def _listed(fields: Fields, left_out: str) -> str:
    return ",".join(sorted(name for name in fields if name != left_out and not name.startswith("verify_")))


def raw(change: Callable[[bytes], bytes]) -> Callable[[Sender], bytes]:
    return lambda sender: change(sender.body)


MUST_BE_SIGNED = ("amount", "currency", "status", "store_id", "tran_id", "val_id")
FORGED_FORMS: dict[str, Callable[[Sender], bytes]] = {
    "no hash": without("verify_sign"),
    "an empty hash": tampered(verify_sign=""),
    "a wrong hash": tampered(verify_sign="0" * 32),
    "a hash in capitals": lambda sender: tampered(verify_sign=fields_of(sender.body)["verify_sign"].upper())(sender),
    "the second hash wrong, the first right": tampered(verify_sign_sha2="0" * 64),
    "the second hash empty, the first right": tampered(verify_sign_sha2=""),
    "the first hash wrong, the second right": tampered(verify_sign="f" * 32),
    "no list of what is signed": without("verify_key"),
    "an empty list of what is signed": tampered(verify_key=""),
    "a list of fields that did not come": lambda sender: tampered(
        verify_key=fields_of(sender.body)["verify_key"] + ",bonus"
    )(sender),
    **{
        f"{name} is not signed": unsigned_field(name)
        for name in ("amount", "currency", "status", "store_id", "tran_id", "val_id")
    },
    "an amount off by a poisha": tampered(amount="20.01"),
    "another amount": tampered(amount="1.00", currency_amount="1.00"),
    "another currency": tampered(currency_type="EUR"),
    "another attempt": tampered(tran_id="0" * 26),
    "another try": tampered(val_id="another"),
    "another status": tampered(status="VALIDATED"),
    "another store": tampered(store_id="another"),
    "another password": resigned(password="guess"),
    "the empty password": resigned(password=""),
    "the password's hash for a password": resigned(password="5ebe2294ecd0e0f08eab7690d2a6ee69"),
    "a field twice, the honest one last": raw(lambda body: b"amount=1.00&" + body),
    "a field twice, the honest one first": raw(lambda body: body + b"&amount=1.00"),
    "the hash twice": raw(lambda body: body + b"&verify_sign=" + b"0" * 32),
    "the same field twice": raw(lambda body: body + b"&status=VALID"),
    "more fields than anybody sends": raw(lambda body: body + b"".join(b"&x%d=1" % number for number in range(200))),
    "JSON": lambda sender: json.dumps(fields_of(sender.body)).encode(),
    "a form of many parts": raw(lambda body: b"--x\r\nContent-Disposition: form-data; name=amount\r\n\r\n1\r\n--x--"),
    "nothing": raw(lambda body: b""),
    "bytes": raw(lambda body: bytes(range(256))),
    "a NUL": raw(lambda body: body + b"\x00"),
    "a NUL in a signed name": lambda sender: encode(
        sign_form(fields_of(sender.body) | {"tran_id": "a\x00b"}, password=STORE_PASSWORD)
    ),
    "half of the form": raw(lambda body: body[: len(body) // 2]),
    "a broken escape": raw(lambda body: body.replace(b"status=VALID", b"status=%ZZ")),
    "escaped twice": raw(lambda body: quote(body).encode()),
    "a form in a field": lambda sender: urlencode({"data": sender.body.decode()}).encode(),
}


@pytest.mark.parametrize("sender", ["sslcommerz"], indirect=True)
@pytest.mark.parametrize("name", FORGED_FORMS)
def test_a_forged_notice_leaves_no_trace(sender: Sender, name: str) -> None:
    body = FORGED_FORMS[name](sender)
    with nothing_happens(sender):
        response = sender.send(body)
    assert (response.status_code, response.json()["code"]) == (400, "webhook_refused")


@pytest.mark.parametrize("sender", ["sslcommerz"], indirect=True)
@pytest.mark.parametrize("password", ["", "0"])
def test_without_the_stores_password_no_notice_is_accepted(sender: Sender, password: str, settings: Any) -> None:
    settings.SSLCOMMERZ_STORE_PASSWORD = password
    with nothing_happens(sender):
        for tried in ("", " ", STORE_PASSWORD):
            body = encode(sign_form(fields_of(sender.body), password=tried))
            assert sender.send(body).status_code == 400


# --- Every member of a signed message may be anything ------------------------------------------------
ANYTHING: list[Any] = [
    None, True, -1, 0, 1.5, 10**30, "", "x", "x" * 5_000, "a\x00b", "\ud800", "٣", "' OR 1=1 --",
    [], ["x"], {}, {"id": 7},
]  # fmt: skip


def members_of(message: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return where every member of a message is."""
    for name, value in message.items():
        yield (*path, name)
        if isinstance(value, dict):
            yield from members_of(value, (*path, name))


def replaced(message: Any, path: tuple[Any, ...], value: Any) -> bytes:
    changed = json.loads(json.dumps(message))
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize("sender", SIGNED, indirect=True)
def test_no_value_of_any_member_breaks_the_door_or_moves_other_money(sender: Sender) -> None:
    """A signed message is refused, kept without effect, or says just what the honest one says."""
    honest = json.loads(sender.body)
    for path in members_of(honest):
        for value in ANYTHING:
            response = sender.send(replaced(honest, path, value))
            assert response.status_code in {200, 400}, (path, value, response.content)
            sender.payment.refresh_from_db()
            assert sender.payment.captured_amount in {0, sender.payment.amount}, (path, value)


@pytest.mark.parametrize("sender", ["sslcommerz"], indirect=True)
def test_no_value_of_any_field_breaks_the_door_or_moves_other_money(sender: Sender) -> None:
    honest = fields_of(sender.body)
    texts = ["", "x", "x" * 5_000, "a\x00b", "٣", "-1", "1e9", "NaN", "é", "&", "' OR 1=1 --"]
    for name in honest:
        for value in texts:
            body = urlencode(sign_form(honest | {name: value}, password=STORE_PASSWORD)).encode()
            response = sender.send(body)
            assert response.status_code in {200, 400}, (name, value, response.content)
            sender.payment.refresh_from_db()
            assert sender.payment.captured_amount in {0, sender.payment.amount}, (name, value)


def test_there_are_as_many_vectors_as_promised() -> None:
    assert (len(FORGED), len(UNREADABLE), len(FORGED_FORMS)) == (54, 14, 41)
