"""One Idempotency-Key, many requests, over HTTP: one effect, one answer, and no other request under the same key."""

import datetime as dt
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.orders.models import Order
from apps.payments.errors import OrderNotPayable
from apps.payments.models import Payment, PaymentEntry
from core import clock
from core.events.models import OutboxEvent
from core.idempotency import keys
from core.idempotency.errors import RequestInFlight
from core.idempotency.keys import Answer, KeyClaim
from core.idempotency.models import IdempotencyRecord
from core.ids import new_id
from core.models import PeriodicRun
from tests.apps.orders.crowd import at_once, in_another_connection, no_new_deadlocks
from tests.apps.orders.making import fill_cart, guest, make_order
from tests.factories import ADDRESS, access_token_of, default_variant, make_product, make_user
from tests.http import ApiClient

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
REQUESTS, CLIENTS = 100, 24
Send = Callable[[str], Any]
START = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
ORDER = {"shipping_address": ADDRESS, "payment_method": "cod", "notes": "Ring twice", "expected_total": "20.00"}


def customer_with_cart() -> User:
    user = make_user()
    fill_cart(user, (default_variant(make_product(price="10.00")), 2))
    return user


def api_of(user: User) -> ApiClient:
    return ApiClient(Client(raise_request_exception=False), access=access_token_of(user))


def sender_of(act: str) -> Send:
    """Return what sends one order, or one payment, under a key."""
    if act == "payment":
        order = make_order()
        api = api_of(order.user)  # type: ignore[arg-type]
        return lambda key: api.post(
            "payments/process/", {"order_id": str(order.pk), "provider": "simulated"}, Idempotency_Key=key
        )
    api = api_of(customer_with_cart())
    return lambda key: api.post("orders/", ORDER, Idempotency_Key=key)


def effects() -> tuple[int, int, int]:
    """Count the orders, the payments and the entries in the ledger."""
    return Order.objects.count(), Payment.objects.count(), PaymentEntry.objects.count()


def code_of(response: Any) -> str:
    return "" if response.status_code < 400 else str(response.json()["code"])


# --- Promise 9: a retry has one effect ---------------------------------------------------------------
@pytest.mark.parametrize(("act", "once"), [("order", (1, 0, 0)), ("payment", (1, 1, 1))])
def test_a_hundred_requests_with_one_key_have_one_effect_and_one_answer(
    act: str, once: tuple[int, int, int], new_key: str
) -> None:
    send = sender_of(act)

    with no_new_deadlocks():
        answers = at_once([lambda: send(new_key)] * REQUESTS, clients=CLIENTS)

    assert {(answer.status_code, code_of(answer)) for answer in answers} <= {(201, ""), (409, "request_in_flight")}
    assert {answer["Retry-After"] for answer in answers if answer.status_code == 409} <= {"1"}
    first = [answer for answer in answers if answer.status_code == 201 and "Idempotent-Replayed" not in answer]
    assert len(first) == 1
    assert effects() == once
    assert OutboxEvent.objects.filter(name="orders.placed").count() == 1
    replays = [answer for answer in answers if "Idempotent-Replayed" in answer]
    replays += [send(new_key) for _ in range(REQUESTS)]
    told = {(answer.status_code, answer.content, answer["Location"], answer["Content-Type"]) for answer in replays}
    assert told == {(201, first[0].content, first[0]["Location"], first[0]["Content-Type"])}
    assert effects() == once


def test_control_without_keys_a_repeated_order_is_told_that_its_cart_is_empty() -> None:
    send = sender_of("order")

    answers = at_once([lambda: send(str(new_id()))] * REQUESTS, clients=CLIENTS)

    assert Counter(map(code_of, answers)) == {"": 1, "cart_empty": REQUESTS - 1}


class CountedEffect:
    """An effect nothing else guards: it can happen any number of times."""

    def __init__(self) -> None:
        self.numbers = itertools.count()

    def __call__(self) -> str:
        PeriodicRun.objects.create(job=f"effect-{next(self.numbers)}", due_at=clock.now())
        return "done"


def run_at_once(run: Any) -> Counter[str]:
    effect = CountedEffect()
    claim = KeyClaim(scope="user:1\nk", fingerprint=keys.fingerprint("POST", "/x/", {}), now=clock.now())
    outcomes = at_once(
        [lambda: run(claim, effect, lambda _: Answer(status=201, headers={}, body=b"{}"))] * REQUESTS, clients=CLIENTS
    )
    return Counter(type(outcome).__name__ for outcome in outcomes)


RUNNERS = [keys.run_in_one_transaction, keys.run_in_steps]


@pytest.mark.parametrize("run", RUNNERS)
@pytest.mark.parametrize("looked_up", [True, False], ids=["looked up", "the unique key alone"])
def test_an_effect_without_guards_of_its_own_happens_once(
    run: Any, looked_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not looked_up:
        monkeypatch.setattr(keys, "_find", lambda claim: None)

    outcomes = run_at_once(run)

    assert set(outcomes) <= {"str", "Answer", RequestInFlight.__name__}
    assert outcomes["str"] == 1
    assert PeriodicRun.objects.count() == 1


@pytest.mark.parametrize("run", RUNNERS)
def test_control_without_look_up_and_unique_key_it_happens_many_times(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keys._new_record

    def under_a_key_of_its_own(claim: KeyClaim, answer: Answer | None) -> IdempotencyRecord:
        record = kept(claim, answer)
        record.scope_hash = new_id().hex
        return record

    monkeypatch.setattr(keys, "_find", lambda claim: None)
    monkeypatch.setattr(keys, "_new_record", under_a_key_of_its_own)

    run_at_once(run)

    assert PeriodicRun.objects.count() > 1


# --- A twin that ends between the look and the lock ----------------------------------------------------
GATE = 4711


@pytest.fixture
def gate() -> Iterator[Callable[[], None]]:
    """A closed gate; call it to open it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [GATE])
        yield lambda: cursor.execute("SELECT pg_advisory_unlock(%s)", [GATE])
        cursor.execute("SELECT pg_advisory_unlock_all()")


def wait_until_somebody_waits_at_the_gate() -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    with connection.cursor() as cursor:
        for _ in range(100_000):
            cursor.execute(waiting, [GATE])
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody came to the gate")


def late(send: Callable[[], Any], answers: list[Any]) -> Callable[[], None]:
    """Return a task that sends; its look at the key has taken its snapshot when it waits for the gate."""
    lock = "SELECT pg_try_advisory_xact_lock(%s) AS is_free"
    gated = f"{lock} FROM (SELECT pg_advisory_xact_lock_shared({GATE}) OFFSET 0) AS gate"

    def wait_at_the_gate(execute: Any, sql: str, *details: Any) -> Any:
        return execute(sql.replace(lock, gated), *details)

    def run() -> None:
        with connection.execute_wrapper(wait_at_the_gate):
            answers.append(send())

    return run


@pytest.mark.parametrize("act", ["order", "payment"])
def test_a_request_whose_twin_ended_as_it_looked_is_not_told_of_the_twins_effect_as_a_refusal(
    act: str, gate: Callable[[], None], new_key: str
) -> None:
    """Its snapshot is older than the twin's commit and its lock is younger: it sees no key, but an ordered cart."""
    send = sender_of(act)
    answers: list[Any] = []
    latecomer = in_another_connection(late(lambda: send(new_key), answers))
    wait_until_somebody_waits_at_the_gate()
    first = send(new_key)
    before = effects()

    gate()
    latecomer.join(30)

    assert first.status_code == 201
    if act == "order":
        assert (answers[0].status_code, answers[0].content) == (201, first.content)
        assert answers[0]["Idempotent-Replayed"] == "true"
    else:
        assert (answers[0].status_code, code_of(answers[0])) == (409, "request_in_flight")
    assert effects() == before
    assert send(new_key).content == first.content


class Killed(SystemExit):
    """Ends a holder as a kill would: its lease stays."""


def die() -> Any:
    raise Killed


def run_leased(effect: Callable[[], Any], *, after: float = 0) -> Any:
    """Run the effect in steps under one key, so many seconds after START."""
    claim = KeyClaim(scope="user:1\nk", fingerprint="f", now=START + dt.timedelta(seconds=after))
    return keys.run_in_steps(claim, effect, lambda _: Answer(status=201, headers={}, body=b"{}"))


def outcome_of(task: Callable[[], Any]) -> Any:
    try:
        return task()
    except Exception as error:  # noqa: BLE001 - the outcome is what is looked at
        return type(error).__name__


def test_of_two_that_take_over_from_a_dead_holder_one_does(gate: Callable[[], None]) -> None:
    effect = CountedEffect()
    with pytest.raises(Killed):
        run_leased(die)
    outcomes: list[Any] = []
    latecomer = in_another_connection(late(lambda: outcome_of(lambda: run_leased(effect, after=62)), outcomes))
    wait_until_somebody_waits_at_the_gate()

    def work_while_the_other_looks() -> str:
        gate()
        latecomer.join(30)
        return effect()

    assert run_leased(work_while_the_other_looks, after=61) == "done"

    assert outcomes == [RequestInFlight.__name__]
    assert PeriodicRun.objects.count() == 1


def test_a_holder_that_outlived_its_lease_does_not_free_the_key_of_its_successor() -> None:
    def be_succeeded_and_fail() -> Any:
        with pytest.raises(Killed):
            run_leased(die, after=61)
        raise OrderNotPayable

    with pytest.raises(OrderNotPayable):
        run_leased(be_succeeded_and_fail)

    with pytest.raises(RequestInFlight):
        run_leased(CountedEffect(), after=62)
    assert PeriodicRun.objects.count() == 0


# --- Promise 10: a key cannot be misused -----------------------------------------------------------------
def mutations(chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield bodies that are other JSON values than ORDER, without end."""
    others: list[Any] = ["", " ", "x", None, True, False, 0, 1, -1, 1.5, 1e30, 10**25, 2**63, [], {}, ["x"], {"a": 1}]
    while True:
        body: dict[str, Any] = json.loads(json.dumps(ORDER))
        field = chance.choice(list(body))
        match chance.randrange(5):
            case 0:
                body[field] = chance.choice(others)
            case 1:
                del body[field]
            case 2:
                body[f"extra_{chance.randrange(1000)}"] = chance.choice(others)
            case 3:
                body["shipping_address"][chance.choice(list(ADDRESS))] = chance.choice(others)
            case _:
                body["notes"] = f"Ring {chance.randrange(1000)} times"
        if body != ORDER:
            yield body


def test_two_hundred_other_bodies_under_the_key_are_refused(new_key: str) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    api = api_of(customer_with_cart())
    assert api.post("orders/", ORDER, Idempotency_Key=new_key).status_code == 201

    for body in itertools.islice(mutations(random.Random(seed)), 200):
        answer = api.post("orders/", body, Idempotency_Key=new_key)
        assert (answer.status_code, code_of(answer)) == (422, "idempotency_key_reused"), body

    assert effects() == (1, 0, 0)


def writings(value: Any, chance: random.Random) -> Iterator[bytes]:
    """Yield the same JSON value in other words: order of keys, blanks, escapes."""
    for _ in range(40):
        shuffled = _shuffled(value, chance)
        yield json.dumps(
            shuffled,
            indent=chance.choice([None, 0, 3, "\t"]),
            separators=chance.choice([(",", ":"), (" , ", " : "), (",\r\n", ":\t")]),
        ).encode()
    yield json.dumps(value).replace("R", "\\u0052").encode()
    yield b" \n" + json.dumps(value).encode() + b"\n\n"


def _shuffled(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    names = chance.sample(list(value), len(value))
    return {name: _shuffled(value[name], chance) for name in names}


def test_the_same_value_in_other_words_is_the_same_request(new_key: str) -> None:
    api = api_of(customer_with_cart())
    first = api.post("orders/", ORDER, Idempotency_Key=new_key)
    headers = {"Authorization": f"Bearer {api.access}", "Idempotency-Key": f'"{new_key}"'}

    for written in writings(ORDER, random.Random(1)):
        answer = api.client.generic(
            "POST", "/api/v1/orders/", written, content_type="application/json", headers=headers
        )
        assert (answer.status_code, answer.content) == (201, first.content), written

    assert effects() == (1, 0, 0)


def test_a_number_too_large_for_a_machine_is_no_crash(new_key: str) -> None:
    api = api_of(customer_with_cart())

    statuses = [
        api.post("orders/", {**ORDER, "extra": number}, Idempotency_Key=f"{new_key}-{number}").status_code
        for number in (1e30, -1e30, 10**25, 2**64 - 1, -(2**63), 1.7976931348623157e308)
    ]

    assert statuses[0] in {201, 400}
    assert set(statuses[1:]) <= {400, 409}


def test_the_same_key_of_another_user_is_another_key(new_key: str) -> None:
    answers = [api_of(customer_with_cart()).post("orders/", ORDER, Idempotency_Key=new_key) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_a_guests_answer_is_only_for_who_has_the_cart_token(new_key: str) -> None:
    owner, token = guest()
    fill_cart(owner, (default_variant(make_product(price="10.00")), 2))
    body = {**ORDER, "email": "ada@example.com"}

    def send(cart_token: str) -> Any:
        return ApiClient(Client(), cart_token=cart_token).post("cart/checkout/", body, Idempotency_Key=new_key)

    first = send(token)

    assert first.json()["order_token"]
    assert (send(token).content, send(token)["Idempotent-Replayed"]) == (first.content, "true")
    for stranger in ("", guest()[1]):
        assert code_of(send(stranger)) == "cart_empty"
    assert code_of(api_of(make_user()).post("cart/checkout/", body, Idempotency_Key=new_key)) == "cart_empty"


def test_the_key_on_another_path_is_refused(new_key: str) -> None:
    api = api_of(customer_with_cart())
    order = api.post("orders/", ORDER, Idempotency_Key=new_key).json()

    for path in ("cart/checkout/", "orders/create/", "/api/orders/", f"orders/{order['id']}/cancel/", "orders/?a=1"):
        assert code_of(api.post(path, ORDER, Idempotency_Key=new_key)) == "idempotency_key_reused"
    payment = {"order_id": order["id"], "provider": "cod"}
    assert code_of(api.post("payments/process/", payment, Idempotency_Key=new_key)) == "idempotency_key_reused"

    assert effects() == (1, 0, 0)


@pytest.mark.parametrize("key", ["", '""', " ", "a b", "x" * 256, "a\x00b", "a\x1fb", "a\x7fb", "\tb", "clé", '"a b"'])
@pytest.mark.parametrize("path", ["orders/", "payments/process/"])
def test_a_malformed_key_is_refused_and_nothing_happens(path: str, key: str) -> None:
    answer = api_of(customer_with_cart()).post(path, ORDER, Idempotency_Key=key)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, ["Idempotency-Key"])
    assert effects() == (0, 0, 0)


def test_a_key_may_be_as_long_as_255(new_key: str) -> None:
    send = sender_of("order")
    assert [send(key).status_code for key in ("x" * 255, "x" * 255)] == [201, 201]
    assert effects() == (1, 0, 0)


# --- Promise 11: a key neither freezes nor forgets -----------------------------------------------------
@pytest.mark.parametrize("act", ["order", "payment"])
def test_an_answer_is_kept_for_a_day_and_not_longer(act: str, new_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start = clock.now()
    user = customer_with_cart()
    order = make_order(user=make_user(), now=start) if act == "payment" else None

    def send() -> Any:
        if order is not None:
            body = {"order_id": str(order.pk), "provider": "simulated"}
            return api_of(order.user).post("payments/process/", body, Idempotency_Key=new_key)  # type: ignore[arg-type]
        return api_of(user).post("orders/", ORDER, Idempotency_Key=new_key)

    first = send()
    assert first.status_code == 201
    monkeypatch.setattr(clock, "now", lambda: start + dt.timedelta(hours=23, minutes=59))
    assert (send().content, send()["Idempotent-Replayed"]) == (first.content, "true")

    monkeypatch.setattr(clock, "now", lambda: start + dt.timedelta(hours=24, minutes=1))
    late_answer = send()

    assert "Idempotent-Replayed" not in late_answer
    if act == "order":
        assert code_of(late_answer) == "cart_empty"
    assert (Order.objects.count(), PaymentEntry.objects.filter(kind="captured").count()) == (
        (1, 0) if act == "order" else (1, 1)
    )


def test_a_refusal_is_never_replayed(new_key: str, settings: Any) -> None:
    user = make_user()
    api = api_of(user)

    def send(body: dict[str, Any]) -> tuple[int, str]:
        answer = api.post("orders/", body, Idempotency_Key=new_key)
        assert "Idempotent-Replayed" not in answer
        return answer.status_code, code_of(answer)

    assert send({**ORDER, "shipping_address": {}})[0] == 400
    assert send(ORDER) == (409, "cart_empty")
    variant = default_variant(make_product(price="10.00"))
    fill_cart(user, (variant, 2))
    assert send({**ORDER, "expected_total": "19.99"}) == (409, "total_changed")
    settings.THROTTLE_ENABLED, settings.THROTTLE_RATES = True, {**settings.THROTTLE_RATES, "checkout": "1/day"}
    assert [send({**ORDER, "notes": 1})[0], send(ORDER)[0]] == [400, 429]
    settings.THROTTLE_ENABLED = False
    assert not IdempotencyRecord.objects.exists()

    assert send(ORDER) == (201, "")
