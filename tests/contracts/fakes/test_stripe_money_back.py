"""Refunds and disputes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.contracts.fakes.kit import an_intent, types_of


def test_refunds_stop_at_what_was_captured(fake, client):
    intent = an_intent(client)
    fake.pay(intent.id)
    first = client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000, "metadata": {"refund_id": "r1"}})

    assert (first.status, first.amount, first.metadata["refund_id"]) == ("succeeded", 1000, "r1")
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})
    assert too_much.value.code == "amount_too_large"
    assert client.v1.refunds.create({"charge": first.charge}).amount == 999
    with pytest.raises(stripe.InvalidRequestError) as nothing_left:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert nothing_left.value.code == "charge_already_refunded"

    charge = client.v1.charges.retrieve(first.charge)
    assert (charge.amount_refunded, charge.refunded) == (1999, True)
    assert fake.ledger()["a1"] == {"captured": 1999, "refunded": 1999, "charges": 1, "currency": "usd"}
    listed = client.v1.refunds.list({"payment_intent": intent.id})
    assert [refund.amount for refund in listed.data] == [999, 1000]


def test_many_refunds_at_once_never_send_back_more_than_came(fake, client):
    intent = an_intent(client, amount=1000)
    fake.pay(intent.id)

    def refund(_: int) -> bool:
        try:
            client.v1.refunds.create({"payment_intent": intent.id, "amount": 300})
        except stripe.InvalidRequestError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(refund, range(16))) == 3
    assert fake.ledger()["a1"]["refunded"] == 900


def test_a_refund_can_wait_and_can_fail(fake, client):
    intent = an_intent(client)
    fake.pay(intent.id)
    fake.hold_refunds()
    refund = client.v1.refunds.create({"payment_intent": intent.id})

    assert (refund.status, fake.ledger()["a1"]["refunded"]) == ("pending", 0)
    assert fake.finish_refund(refund.id)["status"] == "succeeded"
    assert fake.ledger()["a1"]["refunded"] == 1999
    assert fake.fail_refund(refund.id)["failure_reason"] == "expired_or_canceled_card"
    assert fake.ledger()["a1"]["refunded"] == 0
    assert types_of(fake)[-5:] == [
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "refund.updated",
        "refund.failed",
    ]


def test_a_refund_at_the_dashboard_has_none_of_our_metadata(fake, client):
    intent = an_intent(client)
    fake.pay(intent.id)

    fake.refund_at_dashboard(intent.id, 500)

    found = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge.refunds"]})
    (refund,) = found.latest_charge.refunds.data
    assert (refund.amount, refund.metadata.to_dict()) == (500, {})
    assert fake.ledger()["a1"]["refunded"] == 500


@pytest.mark.parametrize(
    ("won", "last"), [(True, "charge.dispute.funds_reinstated"), (False, "charge.dispute.updated")]
)
def test_a_dispute_opens_and_closes(fake, client, won, last):
    intent = an_intent(client)
    fake.pay(intent.id)
    dispute = fake.open_dispute(intent.id)

    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert raised.value.code == "charge_disputed"
    fake.answer_dispute(dispute["id"])
    fake.close_dispute(dispute["id"], won=won)

    (listed,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (listed.id, listed.amount, listed.status) == (dispute["id"], 1999, "won" if won else "lost")
    assert types_of(fake)[3:5] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert types_of(fake)[-2:] == [last, "charge.dispute.closed"]
