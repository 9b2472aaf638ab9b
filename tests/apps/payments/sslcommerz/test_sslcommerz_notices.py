"""A notice of SSLCommerz points at what happened: what is read from it, and what becomes of it in the inbox."""

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.orders.models import Order
from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.sslcommerz_names import name_of
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services.attempts import describe
from apps.payments.services.inbox import apply_waiting_messages
from apps.payments.services.inquiries import inquire_open_payments
from apps.payments.services.refunds import refund_payment
from apps.payments.states import InboxState
from core import clock
from core.ids import new_id
from tests.apps.orders.making import make_order
from tests.apps.payments.paying import everything, ledger, money_of, pay
from tests.apps.payments.sslcommerz.messages import PASSWORD, RECORDED, encode, sign
from tests.apps.payments.sslcommerz.provider import GATEWAY, SECRET, STORE, fields_of, read, soon, start_request
from tests.fakes.sslcommerz_provider import SslcommerzFake

pytestmark = pytest.mark.django_db
IN_BOTH_CURRENCIES = pytest.mark.parametrize("order", ["USD", "BDT"], indirect=True)
PATH = "/api/v1/payments/webhook/sslcommerz/"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def order(request: pytest.FixtureRequest) -> Order:
    made = make_order()
    Order.objects.update(currency=getattr(request, "param", "USD"))
    made.refresh_from_db()
    return made


@pytest.fixture
def payment(fake: SslcommerzFake, order: Order) -> Payment:
    return pay(order, provider="sslcommerz")


def send(body: bytes, path: str = PATH) -> HttpResponse:
    return Client().post(path, body, content_type=FORM)  # type: ignore[return-value]


def state_of(body: bytes) -> str:
    response = send(body)
    assert response.status_code == 200, response.content
    return str(response.json()["status"])


def reasons() -> list[str]:
    return list(WebhookEvent.objects.filter(state=InboxState.QUARANTINED).values_list("reason", flat=True))


# What is read


def test_the_recorded_notice_names_the_try_and_proves_nothing_by_itself(settings):
    settings.SSLCOMMERZ_STORE_ID, settings.SSLCOMMERZ_STORE_PASSWORD = "test_testemi", PASSWORD

    message = read(encode(RECORDED))

    assert message.event_id == "5E121A0D01F92:VALID:200105225826116qFnATY9sHIwo"
    assert (message.transaction_id, message.attempt_id) == ("5E121A0D01F92", None)
    assert (message.facts, message.refusal) == (None, "")
    assert fields_of(message.hint.encode()) == {
        "val_id": "200105225826116qFnATY9sHIwo",
        "amount": "10.00",
        "currency": "BDT",
        "currency_amount": "10.00",
        "currency_type": "BDT",
    }


def test_an_attempt_of_ours_is_found_by_its_name_alone(settings):
    settings.SSLCOMMERZ_STORE_ID, settings.SSLCOMMERZ_STORE_PASSWORD = "test_testemi", PASSWORD
    attempt_id = new_id()

    message = read(encode(sign(RECORDED | {"tran_id": name_of(attempt_id), "value_a": str(new_id())})))

    assert message.attempt_id == attempt_id


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "EXPIRED", "UNATTEMPTED"])
def test_a_notice_without_money_names_no_try(status, settings):
    settings.SSLCOMMERZ_STORE_ID, settings.SSLCOMMERZ_STORE_PASSWORD = "test_testemi", PASSWORD

    message = read(encode(sign({**RECORDED, "status": status})))

    assert (message.hint, message.facts) == ("", None)


def test_repeats_share_a_digest_whatever_the_order_and_other_contents_do_not(settings):
    settings.SSLCOMMERZ_STORE_ID, settings.SSLCOMMERZ_STORE_PASSWORD = "test_testemi", PASSWORD
    digests = [
        read(encode(fields)).digest
        for fields in (
            RECORDED,
            dict(reversed(RECORDED.items())),
            RECORDED | {"unsigned": "extra"},
            sign(RECORDED | {"amount": "11.00"}),
        )
    ]

    assert len(digests[0]) == 64
    assert digests[0] == digests[1] == digests[2] != digests[3]


@pytest.mark.parametrize("change", [{"tran_id": ""}, {"tran_id": "a b"}, {"tran_id": "x" * 61}, {"tran_id": "a\x00b"},
                                    {"status": ""}, {"status": "valid"}, {"val_id": "x y"},
                                    {"val_id": "v" * 61}])  # fmt: skip
def test_a_signed_notice_with_impossible_names_is_refused(change, settings):
    settings.SSLCOMMERZ_STORE_ID, settings.SSLCOMMERZ_STORE_PASSWORD = "test_testemi", PASSWORD

    with pytest.raises(GatewayError) as refused:
        read(encode(sign(RECORDED | change)))

    assert (refused.value.code, refused.value.permanent) == ("malformed", True)


# What becomes of it


@IN_BOTH_CURRENCIES
def test_a_notice_of_a_payment_pays_the_order(fake, order, payment):
    fake.pay(payment.transaction_id)

    assert fake.deliver_ipn(payment.transaction_id, url="http://127.0.0.1:1/") == 0, "nobody listens there"
    assert state_of(fake.ipn(payment.transaction_id)[0]) == "processed"

    assert money_of(order) == ("confirmed", "paid")
    assert ledger(payment) == [("requires_action", f"{payment.amount:.2f}"), ("captured", f"{payment.amount:.2f}")]
    event = WebhookEvent.objects.get()
    session = fake.session_of(payment.transaction_id)
    assert event.event_id == f"{payment.transaction_id}:VALID:{session.val_id}"
    assert bytes(event.body) == fake.ipn(payment.transaction_id)[0]


@pytest.mark.parametrize("path", ["/api/payments/webhook/sslcommerz/", "/api/v2/payments/webhook/sslcommerz/"])
def test_the_other_doors_take_it_too(path, fake, order, payment):
    fake.pay(payment.transaction_id)

    assert send(fake.ipn(payment.transaction_id)[0], path).status_code == 200
    assert money_of(order) == ("confirmed", "paid")


def test_a_hundred_repeats_have_one_effect(fake, payment):
    fake.pay(payment.transaction_id)
    body = fake.ipn(payment.transaction_id)[0]
    send(body)
    before = everything()

    assert {state_of(body) for _ in range(100)} == {"processed"}
    assert everything() == before


@pytest.mark.parametrize(("end", "status"), [("fail", "failed"), ("cancel", "cancelled"), ("expire", "cancelled")])
def test_a_notice_without_money_ends_the_attempt_and_the_order_stays_payable(end, status, fake, order, payment):
    getattr(fake, end)(payment.transaction_id)

    assert state_of(fake.ipn(payment.transaction_id)[0]) == "processed"

    payment.refresh_from_db()
    assert payment.status == status
    assert money_of(order)[0] == "pending"
    assert pay(order, provider="sslcommerz").pk != payment.pk


def test_a_failed_try_and_then_a_paid_one_is_a_payment_in_either_order(fake, order, payment):
    fake.fail(payment.transaction_id)
    failed = fake.ipn(payment.transaction_id)[0]
    GATEWAY.start(start_request(describe(payment)))
    fake.pay(payment.transaction_id)
    paid = fake.ipn(payment.transaction_id)[0]

    assert [state_of(paid), state_of(failed)] == ["processed", "processed"]
    assert money_of(order) == ("confirmed", "paid")


def test_a_notice_that_outruns_the_answer_to_the_start_finds_its_attempt(fake, order):
    fake.cut_after_accepting(path="/gwprocess")
    with pytest.raises(Exception, match="provider"):
        pay(order, provider="sslcommerz")
    payment = Payment.objects.get()
    assert payment.transaction_id == ""
    fake.pay(name_of(payment.pk))

    assert state_of(fake.ipn(name_of(payment.pk))[0]) == "processed"

    assert money_of(order) == ("confirmed", "paid")
    payment.refresh_from_db()
    assert payment.transaction_id == name_of(payment.pk)


def test_while_the_provider_is_away_the_notice_is_kept_and_applied_later(fake, order, payment):
    fake.pay(payment.transaction_id)
    body = fake.ipn(payment.transaction_id)[0]
    fake.dead()

    assert state_of(body) == "received"
    assert money_of(order) == ("pending", "pending")
    fake.alive()
    assert apply_waiting_messages(now=soon()) == 1

    assert money_of(order) == ("confirmed", "paid")


FORGED = {
    "unsigned amount": lambda fake, name: fake.ipn(name, signed=False, amount="1.00"),
    "unsigned status": lambda fake, name: fake.ipn(name, signed=False, status="VALIDATED"),
    "unsigned attempt": lambda fake, name: (encode(fake.ipn_fields(name) | {"tran_id": "0" * 26}), {}),
    "no hash": lambda fake, name: (encode({**fake.ipn_fields(name), "verify_sign": ""}), {}),
    "no second hash": lambda fake, name: (encode({**fake.ipn_fields(name), "verify_sign_sha2": ""}), {}),
    "another password": lambda fake, name: (encode(sign(fake.ipn_fields(name), password="guess")), {}),
    "an empty password": lambda fake, name: (encode(sign(fake.ipn_fields(name), password="")), {}),
    "nothing signed": lambda fake, name: (encode({**fake.ipn_fields(name), "verify_key": ""}), {}),
    "little signed": lambda fake, name: (
        encode(sign(fake.ipn_fields(name), password=SECRET, keys="store_id,tran_id,status,val_id,currency")),
        {},
    ),
    "an amount twice": lambda fake, name: (fake.ipn(name)[0] + b"&amount=1.00", {}),
    "JSON": lambda fake, name: (b'{"status": "VALID"}', {}),
    "nothing": lambda fake, name: (b"", {}),
    "bytes": lambda fake, name: (bytes(range(256)), {}),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_notice_is_refused_and_not_kept(forge, fake, payment):
    fake.pay(payment.transaction_id)
    body, _ = forge(fake, payment.transaction_id)
    before, calls = everything(), len(fake.calls)

    response = send(body)

    assert (response.status_code, response.json()["code"]) == (400, "webhook_refused")
    assert everything() == before
    assert len(fake.calls) == calls, "and nobody is asked about it"


def test_a_notice_of_another_store_is_kept_and_has_no_effect(fake, order, payment):
    fake.pay(payment.transaction_id)

    assert state_of(fake.ipn(payment.transaction_id, store_id="another")[0]) == "quarantined"

    assert reasons() == ["a message about another store"]
    assert money_of(order) == ("pending", "pending")


@pytest.mark.parametrize("name", ["5E121A0D01F92", "0" * 26])
def test_a_notice_about_a_foreign_payment_is_kept_and_has_no_effect(name, fake, order, payment):
    fake.pay(payment.transaction_id)

    fields = fake.ipn_fields(payment.transaction_id) | {"tran_id": name}
    assert state_of(encode(sign(fields, password=SECRET))) == "quarantined"

    assert reasons() == ["unknown payment"]
    assert money_of(order) == ("pending", "pending")


LIES = [
    {"amount": "1.00", "currency_amount": "1.00"},
    {"currency_type": "EUR"},
    {"val_id": "nobody-knows-this"},
]


@IN_BOTH_CURRENCIES
@pytest.mark.parametrize("lie", LIES)
def test_a_signed_notice_that_the_provider_does_not_confirm_has_no_effect(lie, fake, order, payment):
    fake.pay(payment.transaction_id)

    assert state_of(fake.ipn(payment.transaction_id, **lie)[0]) == "quarantined"

    assert reasons() == [
        "unknown_to_provider" if "val_id" in lie else "notice_contradicts_provider",
    ]
    assert money_of(order) == ("pending", "pending")


def test_a_signed_notice_of_a_payment_that_was_not_made_has_no_effect(fake, order, payment):
    assert state_of(fake.ipn(payment.transaction_id, status="VALID", val_id="made-up")[0]) == "quarantined"

    assert money_of(order) == ("pending", "pending")
    assert ledger(payment) == [("requires_action", f"{payment.amount:.2f}")]


def test_the_try_of_another_order_pays_nothing_of_this_one(fake, order, payment):
    other = pay(make_order(), provider="sslcommerz")
    fake.pay(other.transaction_id)
    val_id = fake.session_of(other.transaction_id).val_id

    assert state_of(fake.ipn(payment.transaction_id, status="VALID", val_id=val_id)[0]) == "quarantined"

    assert reasons() == ["other_transaction"]
    assert money_of(order) == ("pending", "pending")


@IN_BOTH_CURRENCIES
@pytest.mark.parametrize("lie", [{"amount": "1.00", "currency_amount": "1.00"}, {"currency_type": "GBP"}])
def test_a_provider_that_tells_another_sum_is_not_believed(lie, fake, order, payment):
    fake.pay(payment.transaction_id)
    fake.lie_about(payment.transaction_id, **lie)

    assert state_of(fake.ipn(payment.transaction_id, **lie)[0]) == "quarantined"

    assert reasons()[0].startswith("The provider ")
    assert money_of(order) == ("pending", "pending")
    assert ledger(payment) == [("requires_action", f"{payment.amount:.2f}")]


def test_the_same_event_with_another_content_is_kept_beside_the_first(fake, order, payment):
    fake.pay(payment.transaction_id)
    state_of(fake.ipn(payment.transaction_id)[0])
    before = (money_of(order), ledger(payment))

    assert state_of(fake.ipn(payment.transaction_id, amount="1.00")[0]) == "quarantined"

    assert reasons() == ["known event id with another body"]
    assert (money_of(order), ledger(payment)) == before


@IN_BOTH_CURRENCIES
def test_a_lost_notice_is_made_good_by_asking(fake, order, payment):
    fake.pay(payment.transaction_id)

    assert inquire_open_payments(now=soon()) == 1

    assert money_of(order) == ("confirmed", "paid")


def test_a_risky_payment_is_taken_and_held(fake, order, payment):
    fake.pay(payment.transaction_id, risk_level=1)

    state_of(fake.ipn(payment.transaction_id)[0])

    assert money_of(order)[1] == "paid"
    order.refresh_from_db()
    assert order.is_on_hold is True


@IN_BOTH_CURRENCIES
def test_a_refund_under_way_is_asked_about_until_it_has_arrived(fake, order, payment):
    fake.pay(payment.transaction_id)
    state_of(fake.ipn(payment.transaction_id)[0])
    fake.hold_refunds()

    refund_payment(payment_id=payment.pk, reason="goodwill", actor=None, now=clock.now())
    refund = Refund.objects.get()
    assert (refund.state, money_of(order)[1]) == ("pending", "paid")
    fake.finish_refund(refund.provider_reference)
    assert inquire_open_payments(now=clock.now() + (soon() - clock.now()) * 2) == 1

    refund.refresh_from_db()
    assert (refund.state, money_of(order)[1]) == ("succeeded", "refunded")
    assert ledger(payment)[-1] == ("refunded", f"{payment.amount:.2f}")
    assert fake.ledger()[str(payment.pk)]["refunded"] == fake.ledger()[str(payment.pk)]["captured"]


def test_money_for_an_attempt_that_was_given_up_is_found_by_asking(fake, order, payment):
    """The page stays open after another provider was chosen: what is paid there is known, and is surplus."""
    pay(order, "pm_sim_success")
    assert money_of(order) == ("confirmed", "paid")
    fake.pay(payment.transaction_id)

    assert inquire_open_payments(now=clock.now() + (soon() - clock.now()) * 20) == 1

    assert ledger(payment)[-1] == ("captured", f"{payment.amount:.2f}")


def test_the_store_password_is_in_no_log_and_no_table(fake, order, payment, caplog):
    caplog.set_level("DEBUG")
    fake.pay(payment.transaction_id)
    state_of(fake.ipn(payment.transaction_id)[0])
    fake.dead()
    state_of(fake.ipn(payment.transaction_id, val_id="other")[0])
    inquire_open_payments(now=soon())

    written = caplog.text + str([vars(record) for record in caplog.records])
    kept = str(list(Payment.objects.values())) + str([bytes(event.body) for event in WebhookEvent.objects.all()])
    assert caplog.records
    assert SECRET not in written + kept
    assert STORE in kept
