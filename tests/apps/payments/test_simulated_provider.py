"""The magic tokens do what docs/payments.md says, and the transaction's name cannot be forged."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import LazySettings, settings

from apps.payments.gateways.base import Attempt, Buyer, CancelRequest, Fact, FetchRequest, GatewayError, StartRequest
from apps.payments.gateways.simulated import MAGIC_TOKENS, SimulatedGateway
from apps.payments.gateways.simulated_tokens import Scenario, Transaction, read_name, write_name
from apps.payments.states import EntryKind
from core.ids import new_id

GATEWAY = SimulatedGateway()


def started(method: str, now: dt.datetime | None = None) -> tuple[Attempt, tuple[Fact, ...], str]:
    """Return the attempt as known after its start, the first facts and the client's secret."""
    attempt = Attempt(
        id=new_id(),
        amount=Decimal("12.34"),
        currency="USD",
        order_id=new_id(),
        order_number="N",
        payment_method_id=method,
    )
    buyer = Buyer(email="a@example.com", language="", address={})
    result = GATEWAY.start(StartRequest(attempt=attempt, buyer=buyer, now=now or made_at(attempt)))
    known = Attempt(
        id=attempt.id,
        amount=attempt.amount,
        currency=attempt.currency,
        order_id=attempt.order_id,
        order_number="N",
        payment_method_id=method,
        transaction_id=result.transaction_id,
    )
    return known, result.facts, result.client_secret


def made_at(attempt: Attempt) -> dt.datetime:
    return dt.datetime.fromtimestamp((attempt.id.int >> 80) / 1000, tz=dt.UTC)


def kinds(facts: tuple[Fact, ...]) -> list[str]:
    return [fact.kind.value for fact in facts]


def fetched(attempt: Attempt, seconds: float) -> list[str]:
    return kinds(GATEWAY.fetch(FetchRequest(attempt=attempt, now=made_at(attempt) + dt.timedelta(seconds=seconds))))


@pytest.mark.parametrize("method", ["", "pm_sim_success", "pm_card_visa", "anything"])
def test_success_is_captured_at_once(method: str) -> None:
    attempt, facts, secret = started(method)
    assert (kinds(facts), secret) == (["captured"], "")
    assert [(fact.amount, fact.currency) for fact in facts] == [(Decimal("12.34"), "USD")]
    assert fetched(attempt, 60) == ["captured"]


@pytest.mark.parametrize(
    ("method", "code"), [("pm_sim_declined", "card_declined"), ("pm_sim_typo", "unknown_payment_method")]
)
def test_a_refused_card_fails_with_a_code_and_never_settles(method: str, code: str) -> None:
    attempt, facts, _ = started(method)
    assert [(fact.kind, fact.detail["code"]) for fact in facts] == [(EntryKind.FAILED, code)]
    assert fetched(attempt, 86_400) == ["failed"]


def test_requires_action_gives_a_secret_and_is_captured_when_asked() -> None:
    attempt, facts, secret = started("pm_sim_requires_action")
    assert kinds(facts) == ["requires_action"]
    assert secret.startswith(f"{attempt.transaction_id}_secret_")
    assert fetched(attempt, 0) == ["captured"]


def test_settles_late_is_processing_until_its_time(settings: LazySettings) -> None:
    settings.SIMULATED_SETTLE_SECONDS = 5
    attempt, facts, _ = started("pm_sim_settles_late")
    assert kinds(facts) == ["processing"]
    assert [fetched(attempt, seconds) for seconds in (0, 4.9, 5, 3600)] == [
        ["processing"], ["processing"], ["captured"], ["captured"],
    ]  # fmt: skip


def test_settles_twice_tells_one_charge_in_two_messages() -> None:
    _, facts, _ = started("pm_sim_settles_twice")
    assert [(fact.kind, fact.detail["event"]) for fact in facts] == [
        (EntryKind.CAPTURED, "evt_1"),
        (EntryKind.CAPTURED, "evt_2"),
    ]
    assert len({fact.reference for fact in facts}) == 1


@pytest.mark.parametrize(
    ("method", "stops"),
    [("pm_sim_requires_action", True), ("pm_sim_settles_late", False), ("pm_sim_success", False)],
)
def test_only_a_payment_that_waits_for_its_payer_can_be_stopped(method: str, stops: bool) -> None:
    attempt, _, _ = started(method)
    request = CancelRequest(attempt=attempt, now=made_at(attempt))
    if stops:
        assert kinds(GATEWAY.cancel(request)) == ["cancelled"]
    else:
        with pytest.raises(GatewayError, match="cannot_cancel"):
            GATEWAY.cancel(request)


@pytest.mark.parametrize("scenario", list(Scenario))
@pytest.mark.parametrize(("amount", "currency"), [("0", "USD"), ("19.99", "USD"), ("1500", "JPY"), ("3.125", "KWD")])
def test_a_name_holds_what_it_was_made_of(scenario: Scenario, amount: str, currency: str) -> None:
    transaction = Transaction(attempt_id=new_id(), scenario=scenario, amount=Decimal(amount), currency=currency)
    assert read_name(write_name(transaction)) == transaction


def test_no_letter_of_a_name_can_be_changed() -> None:
    name = write_name(Transaction(attempt_id=new_id(), scenario=Scenario.SUCCESS, amount=Decimal("1"), currency="USD"))
    for position in range(len(name) - 1):  # the last letter of base64 holds bits that mean nothing
        other = "A" if name[position] != "A" else "B"
        assert read_name(f"{name[:position]}{other}{name[position + 1 :]}") is None


@pytest.mark.parametrize("name", ["", "sim_", "sim_AAAA", "pi_123", "sim_" + "A" * 59, "sim_é", "SIM_AA"])
def test_a_foreign_name_is_unknown(name: str) -> None:
    assert read_name(name) is None


def test_every_token_is_documented() -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "payments.md").read_text()
    assert [token for token in MAGIC_TOKENS if f"`{token}`" not in text] == []
