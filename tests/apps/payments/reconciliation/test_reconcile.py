"""Reconciliation finds what was lost, explains once what it cannot, and lets nothing stop the rest."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.orders.services.cancellation import cancel_order
from apps.payments.gateways.simulated_tokens import Scenario, Transaction, write_name
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services.reconciliation import Report
from apps.payments.services.replays import apply_again
from apps.payments.states import EntryKind, InboxState
from apps.support.models import Escalation
from core import clock
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, ledger, message, money_of, pay
from tests.apps.payments.reconciliation.lost import (
    HOUR,
    MINUTE,
    age,
    cases,
    figures,
    run,
    run_service,
    state_of,
    unanswered,
)

pytestmark = pytest.mark.django_db
WEBHOOK = "/api/v1/payments/webhook/simulated/"


def test_a_shop_without_money_in_doubt_is_clean() -> None:
    paid, waiting = pay(make_order()), pay(make_order(), "pm_sim_requires_action")
    pay(make_order(payment_method="cod"), provider="cod")
    code, told = run()
    assert (code, told["clean"], figures(told)) == (0, True, {"asked": 2})
    assert (state_of(paid), state_of(waiting)) == ("succeeded", "requires_action")


def test_running_it_twice_changes_nothing_the_second_time() -> None:
    pay(make_order(), "pm_sim_settles_late")
    pay(make_order())
    age(HOUR)
    run()
    before = everything()
    code, told = run()
    assert (code, figures(told)) == (0, {"asked": 2})
    assert everything() == before


def test_an_attempt_that_was_never_told_is_begun() -> None:
    order = make_order()
    payment = unanswered(order)
    age(HOUR)
    assert figures(run()[1]) == {"asked": 1, "healed": 1}
    assert money_of(order) == ("confirmed", "paid")
    assert ledger(payment) == [("captured", "20.00")]


def test_an_attempt_that_was_begun_a_moment_ago_is_left_to_whoever_began_it() -> None:
    payment = unanswered(make_order())
    assert run_service() == Report()
    assert state_of(payment) == "pending"


def test_an_attempt_for_an_order_cancelled_meanwhile_is_given_up_and_never_charged() -> None:
    order = make_order()
    payment = unanswered(order)
    cancel_order(order_id=order.pk, actor=None, reason="", now=clock.now())
    age(HOUR)
    assert figures(run()[1]) == {"asked": 1, "healed": 1}
    assert (state_of(payment), ledger(payment)) == ("cancelled", [("cancelled", "20.00")])


def test_a_payment_that_settled_without_a_word_is_healed() -> None:
    order = make_order()
    pay(order, "pm_sim_settles_late")
    assert run_service(later=MINUTE) == Report(asked=1, healed=1)
    assert money_of(order) == ("confirmed", "paid")


def test_a_refund_nobody_was_told_of_is_carried_out() -> None:
    payment = pay(make_order())
    Refund.objects.create(payment=payment, amount=Decimal("5.00"), currency="USD", reason="late")
    age(HOUR)
    code, told = run()
    assert (code, figures(told)) == (0, {"asked": 1, "refunds_carried_out": 1})
    payment.refresh_from_db()
    assert (payment.refunded_amount, Refund.objects.get().state) == (Decimal("5.00"), "succeeded")


def test_a_refund_that_is_being_told_at_this_moment_is_left_alone() -> None:
    Refund.objects.create(payment=pay(make_order()), amount=Decimal("5.00"), currency="USD")
    assert run_service() == Report(asked=1)
    assert Refund.objects.get().state == "pending"


def test_a_failed_refund_stays_unexplained_until_a_person_has_decided() -> None:
    payment = pay(make_order())
    Refund.objects.create(payment=payment, amount=Decimal("5.00"), currency="USD")
    Payment.objects.filter(pk=payment.pk).update(transaction_id="forgotten")
    age(HOUR)
    code, told = run()
    assert (code, figures(told)) == (1, {"mismatches": 2})
    assert [case["kind"] for case in told["cases"]] == ["refund_failed", "payment_mismatch"]


def test_a_waiting_message_is_applied_before_its_time() -> None:
    order = make_order()
    payment = pay(order, "pm_sim_requires_action")
    body = message(payment, EntryKind.CAPTURED)
    WebhookEvent.objects.create(
        provider="simulated", event_id="evt_1", body=body, digest="d", state="received",
        received_at=clock.now(), due_at=clock.now() + HOUR,
    )  # fmt: skip
    code, told = run()
    assert (code, figures(told)) == (0, {"asked": 1, "messages_applied": 1})
    assert money_of(order) == ("confirmed", "paid")


def contradicted() -> Payment:
    """Return an open payment whose provider tells another amount than was asked for."""
    payment = pay(make_order(), "pm_sim_settles_late")
    lie = Transaction(attempt_id=payment.pk, scenario=Scenario.SUCCESS, amount=Decimal("999.00"), currency="USD")
    Payment.objects.filter(pk=payment.pk).update(transaction_id=write_name(lie))
    return payment


def test_a_contradiction_is_a_case_once_and_heals_nothing() -> None:
    payment = contradicted()
    assert run_service(later=MINUTE) == Report(mismatches=1)
    assert (state_of(payment), cases()) == ("processing", [("payment_mismatch", f"inquiry:{payment.pk}")])
    assert run_service(later=MINUTE) == Report(mismatches=1)
    assert len(cases()) == 1


def test_a_payment_no_provider_knows_is_a_case_and_stops_nobody_else() -> None:
    unknown, fine = pay(make_order(), "pm_sim_settles_late"), pay(make_order(), "pm_sim_settles_late")
    Payment.objects.filter(pk=unknown.pk).update(transaction_id="forgotten")
    assert run_service(later=MINUTE) == Report(asked=1, healed=1, mismatches=1)
    assert (state_of(unknown), state_of(fine)) == ("processing", "succeeded")
    assert cases() == [("payment_mismatch", f"inquiry:{unknown.pk}")]
    assert "no_such_transaction" in Escalation.objects.get().detail


def test_a_provider_that_was_removed_is_explained_once_and_stops_nobody_else(settings: Any) -> None:
    orphan = pay(make_order(), "pm_sim_requires_action")
    history = pay(make_order())
    refund = Refund.objects.create(payment=history, amount=Decimal("5.00"), currency="USD")
    other = unanswered(make_order(payment_method="cod"), "cod")
    age(HOUR)
    settings.PAYMENT_GATEWAYS = {"cod": settings.PAYMENT_GATEWAYS["cod"]}
    settings.PAYMENT_PROVIDERS = ["cod"]
    assert run_service() == Report(asked=1, healed=1, mismatches=2)
    assert run_service() == Report(mismatches=2)
    assert (state_of(orphan), state_of(other)) == ("requires_action", "pending")
    assert cases() == [("payment_mismatch", f"inquiry:{orphan.pk}"), ("payment_mismatch", f"untold:{refund.pk}")]


def test_only_the_provider_that_was_named_is_asked() -> None:
    late = pay(make_order(), "pm_sim_settles_late")
    assert run_service(later=MINUTE, provider="cod") == Report()
    assert state_of(late) == "processing"
    assert run_service(later=MINUTE, provider="simulated") == Report(asked=1, healed=1)


def test_a_name_that_is_no_provider_and_a_window_that_is_none_are_refused() -> None:
    for arguments in (("--provider", "nobody"), ("--hours", "0")):
        with pytest.raises(CommandError):
            call_command("reconcile_payments", *arguments)


def quarantined() -> tuple[Payment, WebhookEvent]:
    """Return a payment and a message about it that came before the shop knew the payment's transaction."""
    payment = pay(make_order(), "pm_sim_requires_action")
    body = message(payment, EntryKind.CAPTURED)
    event = WebhookEvent.objects.create(
        provider="simulated", event_id="evt_1", body=body, digest="d", state="quarantined", reason="unknown payment",
        received_at=clock.now(),
    )  # fmt: skip
    return payment, event


def test_a_message_in_quarantine_whose_case_was_never_opened_gets_it() -> None:
    quarantined()
    code, told = run()
    assert (code, told["clean"]) == (1, False)
    assert [case["reference"] for case in told["cases"]] == ["simulated:evt_1"]
    run()
    assert cases() == [("payment_mismatch", "simulated:evt_1")]


def test_applying_a_message_again_resolves_its_case() -> None:
    payment, event = quarantined()
    assert run()[0] == 1
    assert apply_again(event=event, now=clock.now()) == InboxState.PROCESSED
    assert (state_of(payment), Escalation.objects.get().status) == ("succeeded", "resolved")
    assert run()[0] == 0


def test_a_case_that_a_person_has_resolved_is_explained() -> None:
    payment = contradicted()
    age(HOUR)
    assert run()[0] == 1
    Escalation.objects.update(status="resolved", resolution="known", resolved_at=clock.now())
    code, told = run()
    assert (code, figures(told), state_of(payment)) == (0, {"mismatches": 1}, "processing")


def test_people_are_told_in_words() -> None:
    contradicted()
    age(HOUR)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("reconcile_payments", stdout=out, no_color=True)
    lines = out.getvalue().splitlines()
    assert lines[:4] == [
        "payments asked: 0, healed: 0",
        "messages applied: 0",
        "refunds carried out: 0",
        "without an answer: 0, contradictions: 1",
    ]
    assert lines[4].startswith("OPEN order ")
    assert lines[-1] == "Not all money is explained."
