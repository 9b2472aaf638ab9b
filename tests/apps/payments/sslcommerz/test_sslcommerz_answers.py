"""Whatever comes back instead of an answer is an open question, and tells nothing of what was asked."""

import traceback
from collections.abc import Callable, Iterator

import pytest

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.sslcommerz_names import name_of
from tests.apps.payments.sslcommerz.provider import GATEWAY, cancel, fetch, make_attempt, start_request
from tests.core.listening import Listener, answer

CANARY = "canary-4c1d"
MALFORMED, REFUSED, UNREACHABLE = "provider_answer_malformed", "provider_refused_the_store", "provider_unreachable"


@pytest.fixture
def says(settings) -> Iterator[Callable[[bytes], Listener]]:
    """Let a provider answer everything with these bytes."""
    opened: list[Listener] = []

    def start(body: bytes) -> Listener:
        opened.append(Listener(answer(b"Content-Length: %d" % len(body), body)))
        settings.SSLCOMMERZ_API_URL = f"http://127.0.0.1:{opened[-1].port}"
        settings.SSLCOMMERZ_STORE_ID, settings.SSLCOMMERZ_STORE_PASSWORD = "store", CANARY
        settings.PAYMENT_ALLOWED_NETWORKS = ["127.0.0.0/8"]
        return opened[-1]

    yield start
    for listener in opened:
        listener.close()


def failure(act: Callable[[], object]) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        act()
    return caught.value


NONSENSE = {
    "nothing": b"",
    "a page": b"<html>Bad gateway</html>",
    "a list": b"[]",
    "null": b"null",
    "half": b'{"APIConnect": "DONE"',
    "bytes": b"\xff\xfe\xfa",
    "too deep": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_what_is_no_answer_leaves_everything_open(body, says):
    says(body)

    for act in (
        lambda: GATEWAY.start(start_request(make_attempt())),
        lambda: fetch(make_attempt()),
        lambda: fetch(make_attempt(), "val"),
        lambda: cancel(make_attempt()),
    ):
        error = failure(act)
        assert (error.code, error.permanent) == (MALFORMED, False)


def test_an_answer_beyond_all_measure_is_not_read(says):
    says(b" " * (512 * 1024 + 1))

    assert failure(lambda: fetch(make_attempt())).code == UNREACHABLE


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", REFUSED),
        (b'{"APIConnect": "FAILED"}', REFUSED),
        (b'{"APIConnect": "INACTIVE"}', REFUSED),
        (b'{"APIConnect": "INVALID_REQUEST"}', REFUSED),
        (b'{"APIConnect": 1}', REFUSED),
        (b'{"APIConnect": "DONE", "element": {}, "no_of_trans_found": 1}', MALFORMED),
        (b'{"APIConnect": "DONE", "element": [1], "no_of_trans_found": 1}', MALFORMED),
        (b'{"APIConnect": "DONE", "element": [{}], "no_of_trans_found": 1}', MALFORMED),
        (b'{"APIConnect": "DONE", "element": [], "no_of_trans_found": 1}', MALFORMED),
        (b'{"APIConnect": "DONE", "element": [{"status": "VALID"}]}', MALFORMED),
    ],
)
def test_a_list_of_tries_that_cannot_be_read_is_an_open_question(body, code, says):
    says(body)

    error = failure(lambda: fetch(make_attempt()))

    assert (error.code, error.permanent) == (code, False)


@pytest.mark.parametrize("found", [b"0", b'"0"', b"null"])
def test_a_list_without_tries_may_be_written_in_several_ways(found, says):
    says(b'{"APIConnect": "DONE", "no_of_trans_found": %s}' % found)

    assert fetch(make_attempt()) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"status": "SUCCESS"}',
        b'{"status": "SUCCESS", "sessionkey": "K"}',
        b'{"status": "SUCCESS", "sessionkey": "", "GatewayPageURL": "https://sandbox.sslcommerz.com/x"}',
        b'{"status": "SUCCESS", "sessionkey": "K", "GatewayPageURL": "javascript:alert(1)"}',
        b'{"status": "PENDING", "sessionkey": "K", "GatewayPageURL": "https://sandbox.sslcommerz.com/x"}',
    ],
)
def test_half_a_session_is_none(body, says):
    says(body)

    error = failure(lambda: GATEWAY.start(start_request(make_attempt())))

    assert (error.code, error.permanent) == (MALFORMED, False)


def test_an_amount_never_passes_through_a_float(says):
    attempt = make_attempt("100000.10")
    tried = (
        '{"APIConnect": "DONE", "no_of_trans_found": 1, "element": [{"status": "VALID", "tran_id": "%s", '
        '"bank_tran_id": "b", "amount": 100000.1000000000000001, "currency": "BDT"}]}'
    )
    says((tried % name_of(attempt.id)).encode())

    assert failure(lambda: fetch(attempt)).code == MALFORMED


@pytest.mark.parametrize("body", [b"", b'{"status": "FAILED", "failedreason": "wrong %s"}' % CANARY.encode()])
def test_no_error_and_nothing_behind_it_tells_the_password_or_the_payer(body, says, caplog):
    caplog.set_level("DEBUG")
    listener = says(body)

    errors = [
        failure(lambda: GATEWAY.start(start_request(make_attempt(), email=f"{CANARY}@example.com"))),
        failure(lambda: fetch(make_attempt(), f"{CANARY}-try")),
    ]

    listener.close()
    told = "".join("".join(traceback.format_exception(error)) + repr(chain_of(error)) for error in errors)
    told += caplog.text + str([vars(record) for record in caplog.records])
    assert CANARY.encode() in listener.requests[0]
    assert CANARY not in told
    assert "payer-canary" not in told
    assert f"{CANARY}-try" not in told
    assert str(listener.port) not in told


def chain_of(error: BaseException | None) -> list[object]:
    found: list[object] = []
    while error is not None:
        found.append((type(error), error.args, vars(error)))
        error = error.__cause__ or error.__context__
    return found
