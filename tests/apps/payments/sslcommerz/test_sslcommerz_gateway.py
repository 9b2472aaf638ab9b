"""What the gateway makes of what SSLCommerz says: against a stand-in with its own books."""

import dataclasses
import uuid
from decimal import Decimal

import pytest

from apps.payments.gateways.base import CaptureRequest, GatewayError
from apps.payments.gateways.sslcommerz_client import Client, Price, configured_client
from apps.payments.gateways.sslcommerz_names import id_of, name_of
from apps.payments.states import EntryKind
from core import clock
from core.ids import new_id
from tests.apps.payments.sslcommerz.provider import (
    GATEWAY,
    cancel,
    fetch,
    make_attempt,
    refund_request,
    start_request,
    words,
)

SESSION = "/gwprocess"
VALIDATOR = "/validator"


def started(attempt=None, **more):
    """Return the attempt as the shop knows it after its start."""
    attempt = attempt or make_attempt(**more)
    result = GATEWAY.start(start_request(attempt))
    return dataclasses.replace(
        attempt, transaction_id=result.transaction_id, session_reference=result.session_reference
    )


def paid(fake, risk_level=0, **more):
    attempt = started(**more)
    fake.pay(attempt.transaction_id, risk_level)
    return attempt


def refusal(act):
    with pytest.raises(GatewayError) as caught:
        act()
    return caught.value.code, caught.value.permanent


# Names


def test_a_name_has_26_characters_and_stands_for_one_id():
    ids = [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), *(new_id() for _ in range(1000))]
    names = [name_of(id_) for id_ in ids]

    assert {len(name) for name in names} == {26}
    assert len(set(names)) == len(ids)
    assert [id_of(name) for name in names] == ids
    assert (names[0], names[1]) == ("0" * 26, "7" + "Z" * 25)


@pytest.mark.parametrize(
    "name", ["", "5E121A0D01F92", "8" + "0" * 25, "0" * 25 + "o", "0" * 25 + "U", "0" * 27, "٠" * 26, "0" * 25 + "\n"]
)
def test_what_the_shop_has_not_named_has_no_id(name):
    assert id_of(name) is None


# Starting


def test_an_attempt_starts_with_a_page_for_the_payer(fake):
    attempt = make_attempt("1050.00")

    result = GATEWAY.start(start_request(attempt))

    session = fake.session_of(name_of(attempt.id))
    assert result.transaction_id == name_of(attempt.id) == session.tran_id
    assert result.session_reference == session.key
    assert result.redirect_url == f"{fake.url}/gwprocess/v4/gw/{session.key}"
    assert result.client_secret == ""
    assert words(result.facts) == [("requires_action", "1050.00", "BDT")]
    assert fake.ledger() == {}


def test_the_page_knows_the_sum_the_attempt_and_where_to_return_to(fake, settings):
    settings.PUBLIC_URL = "https://shop.example/"
    attempt = make_attempt("1050.00")

    GATEWAY.start(start_request(attempt))

    form = fake.session_of(name_of(attempt.id)).form
    assert (form["total_amount"], form["currency"]) == ("1050.00", "BDT")
    assert (form["value_a"], form["value_b"]) == (str(attempt.id), str(attempt.order_id))
    assert form["success_url"] == "https://shop.example/api/v1/payments/return/sslcommerz/success/"
    assert form["fail_url"] == "https://shop.example/api/v1/payments/return/sslcommerz/fail/"
    assert form["cancel_url"] == "https://shop.example/api/v1/payments/return/sslcommerz/cancel/"
    assert form["ipn_url"] == "https://shop.example/api/v1/payments/webhook/sslcommerz/"
    assert form["product_name"] == "Order ABCD-EFGH-JKLM"


def test_the_store_authenticates_in_the_form_and_never_in_the_address(fake):
    GATEWAY.start(start_request(make_attempt()))

    assert [(call.method, call.path) for call in fake.calls] == [("POST", "/gwprocess/v4/api.php")]
    assert fake.calls[0].params["store_passwd"] == fake.store_password


def test_what_is_mandatory_there_and_empty_here_is_filled(fake):
    attempt = make_attempt()
    empty = dict.fromkeys(("full_name", "phone_number", "address_line1", "city", "postal_code", "country"), "")

    GATEWAY.start(start_request(attempt, email="", **empty))

    form = fake.session_of(name_of(attempt.id)).form
    told = {name: form[name] for name in form if name.startswith("cus_") and name not in ("cus_add2", "cus_state")}
    assert told == {
        "cus_name": "Unknown",
        "cus_email": "unknown@example.com",
        "cus_add1": "Unknown",
        "cus_city": "Unknown",
        "cus_postcode": "Unknown",
        "cus_country": "Unknown",
        "cus_phone": "00000000000",
    }


def test_what_is_too_long_there_is_cut_but_an_email_is_left_out(fake):
    attempt = make_attempt()
    long = dict.fromkeys(("full_name", "phone_number", "address_line1", "city", "state", "postal_code"), "ঢ\n" * 200)

    GATEWAY.start(start_request(attempt, email="a" * 50 + "@example.com", **long))

    form = fake.session_of(name_of(attempt.id)).form
    assert {name: len(form[name]) for name in ("cus_name", "cus_phone", "cus_postcode")} == {
        "cus_name": 49,
        "cus_phone": 19,
        "cus_postcode": 29,
    }
    assert form["cus_email"] == "unknown@example.com"


@pytest.mark.parametrize("amount", ["0.00", "9.99", "500000.01", "99999999999.99"])
def test_an_amount_out_of_range_is_refused_for_good_and_nobody_is_asked(amount, fake):
    assert refusal(lambda: started(amount=amount)) == ("amount_out_of_range", True)
    assert fake.calls == []


@pytest.mark.parametrize("amount", ["10.00", "500000.00"])
def test_the_limits_themselves_can_be_paid(amount, fake):
    attempt = paid(fake, amount=amount)

    assert words(fetch(attempt)) == [("captured", amount, "BDT")]


def test_a_currency_with_three_decimals_is_refused_for_good(fake):
    assert refusal(lambda: started(amount="30.125", currency="KWD")) == ("currency_not_supported", True)
    assert fake.calls == []


def test_what_the_provider_declines_is_over_for_good_and_its_reason_is_logged(fake, caplog):
    assert refusal(lambda: started(amount="0.05", currency="USD")) == ("session_refused", True)
    assert [record.reason for record in caplog.records] == [
        "Invalid Information! 'total_amount' must be from 10.00 to 500000.00 BDT."
    ]


def test_a_wrong_password_is_declined_and_told_to_nobody(fake, settings, caplog):
    settings.SSLCOMMERZ_STORE_PASSWORD = "wrong-canary"

    assert refusal(started) == ("session_refused", True)
    assert "wrong-canary" not in caplog.text + str([vars(record) for record in caplog.records])


def test_without_a_store_nothing_is_sent_and_nothing_is_over(fake, settings):
    settings.SSLCOMMERZ_STORE_PASSWORD = ""

    assert refusal(started) == ("provider_not_configured", False)
    assert fake.calls == []


def test_a_start_that_was_cut_off_is_told_again_and_is_the_same_transaction(fake):
    attempt = make_attempt()
    fake.cut_after_accepting(path=SESSION)

    assert refusal(lambda: started(attempt)) == ("provider_unreachable", False)
    again = started(attempt)

    assert again.transaction_id == name_of(attempt.id)
    assert len(fake.payments.of_tran(again.transaction_id)) == 2


@pytest.mark.parametrize("page", ["", "javascript:alert(1)", "//evil.example/", "/relative", "https://", "http://[",
                                  "https://x/" + "y" * 1000, "https://x/\n"])  # fmt: skip
def test_a_page_no_payer_should_be_sent_to_is_not_believed(page, fake, settings):
    assert not configured_client()._is_page(page)


def test_a_page_without_tls_is_believed_only_of_a_stand_in(settings, fake):
    assert configured_client()._is_page("http://127.0.0.1/page")
    settings.SSLCOMMERZ_API_URL = ""
    assert not configured_client()._is_page("http://127.0.0.1/page")
    assert configured_client()._is_page("https://sandbox.sslcommerz.com/page")


@pytest.mark.parametrize(
    ("sandbox", "host"), [(True, "https://sandbox.sslcommerz.com"), (False, "https://securepay.sslcommerz.com")]
)
def test_the_sandbox_or_the_real_one_is_asked(sandbox, host, settings, fake):
    settings.SSLCOMMERZ_API_URL, settings.SSLCOMMERZ_SANDBOX = "", sandbox

    assert configured_client().base_url == host


# Asking


def test_a_paid_attempt_is_captured_under_the_banks_name(fake):
    attempt = paid(fake)

    (fact,) = fetch(attempt)

    assert words((fact,)) == [("captured", "1050.00", "BDT")]
    assert fact.reference == fake.session_of(attempt.transaction_id).bank_tran_id
    assert abs((clock.now() - fact.occurred_at).total_seconds()) < 5
    assert (fact.is_risky, fact.detail) == (False, {"method": "VISA-Dutch Bangla"})
    assert fetch(attempt)[0].reference == fact.reference


def test_asking_by_the_name_of_the_try_tells_the_same(fake):
    attempt = paid(fake)
    val_id = fake.session_of(attempt.transaction_id).val_id

    first, again, searched = fetch(attempt, val_id), fetch(attempt, val_id), fetch(attempt)

    assert first == again == searched
    assert fake.session_of(attempt.transaction_id).status == "VALIDATED"


def test_a_risky_payment_is_taken_and_marked(fake):
    attempt = paid(fake, risk_level=1)

    assert [(fact.kind, fact.is_risky) for fact in fetch(attempt)] == [(EntryKind.CAPTURED, True)]


def test_money_in_another_currency_is_compared_in_the_currency_charged(fake):
    attempt = paid(fake, amount="19.99", currency="USD")
    val_id = fake.session_of(attempt.transaction_id).val_id

    assert words(fetch(attempt)) == words(fetch(attempt, val_id)) == [("captured", "19.99", "USD")]


def test_a_list_without_the_currency_charged_is_completed_by_asking_for_the_try(fake, monkeypatch):
    attempt = paid(fake, amount="19.99", currency="USD")
    genuine = Client.find_by_tran_id

    def shortened(self, tran_id):
        bare = Price(amount=Decimal("2398.80"), currency="BDT", charged_amount=None, charged_currency="")
        return [dataclasses.replace(found, price=bare) for found in genuine(self, tran_id)]

    monkeypatch.setattr(Client, "find_by_tran_id", shortened)

    assert words(fetch(attempt)) == [("captured", "19.99", "USD")]


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ({"amount": "1.00"}, ("captured", "1.00", "BDT")),
        ({"amount": "1050.01"}, ("captured", "1050.01", "BDT")),
        ({"currency": "USD"}, ("captured", "1050.00", "USD")),
        ({"currency_type": "USD"}, ("captured", "1050.00", "USD")),
        ({"currency_type": "USD", "currency_amount": "8.75"}, ("captured", "8.75", "USD")),
    ],
)
def test_another_sum_is_told_as_it_is_for_the_ledger_to_refuse(lie, told, fake):
    attempt = paid(fake)
    val_id = fake.session_of(attempt.transaction_id).val_id
    fake.lie_about(attempt.transaction_id, **lie)

    assert words(fetch(attempt)) == words(fetch(attempt, val_id)) == [told]


@pytest.mark.parametrize("lie", [{"amount": "1e3"}, {"amount": ""}, {"amount": "-5"}, {"amount": "NaN"},
                                 {"amount": "1,050.00"}, {"bank_tran_id": ""}, {"status": ""}])  # fmt: skip
def test_an_answer_without_a_sum_or_a_name_is_no_answer(lie, fake):
    attempt = paid(fake)
    fake.lie_about(attempt.transaction_id, **lie)

    assert refusal(lambda: fetch(attempt)) == ("provider_answer_malformed", False)


def test_the_money_of_another_attempt_is_not_taken(fake):
    ours, other = started(), paid(fake)
    val_id = fake.session_of(other.transaction_id).val_id

    assert refusal(lambda: fetch(ours, val_id)) == ("other_transaction", True)


def test_a_try_nobody_knows_is_refused_for_good(fake):
    assert refusal(lambda: fetch(started(), "no-such-try")) == ("unknown_to_provider", True)


def test_a_try_that_is_not_validated_yet_is_asked_about_again(fake):
    attempt = paid(fake)
    fake.lie_about(attempt.transaction_id, status="PENDING")
    val_id = fake.session_of(attempt.transaction_id).val_id

    assert refusal(lambda: fetch(attempt, val_id)) == ("not_validated_yet", False)
    assert fetch(attempt) == ()


def test_while_the_payer_is_on_the_page_there_is_nothing_to_tell(fake):
    assert fetch(started()) == ()


def test_an_attempt_nobody_has_heard_of_has_nothing_to_tell(fake):
    assert fetch(make_attempt()) == ()
    assert fetch(make_attempt(session_reference="F" * 32)) == ()


@pytest.mark.parametrize(
    ("end", "kind", "code"),
    [
        ("fail", "failed", "failed"),
        ("cancel", "cancelled", "cancelled"),
        ("expire", "cancelled", "expired"),
        ("abandon", "cancelled", "unattempted"),
    ],
)
def test_a_try_that_ended_without_money_ends_the_attempt(end, kind, code, fake):
    attempt = started()
    getattr(fake, end)(attempt.transaction_id)

    (fact,) = fetch(attempt)

    assert words((fact,)) == [(kind, "1050.00", "BDT")]
    assert fact.detail == {"code": code}
    assert fact.reference == f"{attempt.transaction_id}:{kind}"
    assert fetch(attempt)[0].reference == fact.reference


def test_of_several_tries_the_one_that_was_paid_counts(fake):
    attempt = started()
    fake.fail(attempt.transaction_id)
    GATEWAY.start(start_request(attempt))
    fake.pay(attempt.transaction_id)

    assert words(fetch(attempt)) == [("captured", "1050.00", "BDT")]


def test_while_one_of_several_tries_is_open_the_attempt_is(fake):
    attempt = started()
    fake.fail(attempt.transaction_id)
    GATEWAY.start(start_request(attempt))

    assert fetch(attempt) == ()
    fake.cancel(attempt.transaction_id)
    assert [fact.kind for fact in fetch(attempt)] == [EntryKind.FAILED]


def test_an_attempt_paid_twice_is_two_captures(fake):
    attempt = started()
    first = fake.session_of(attempt.transaction_id)
    GATEWAY.start(start_request(attempt))
    fake.pay(attempt.transaction_id)
    fake.pay(attempt.transaction_id, session=first.key)

    facts = fetch(attempt)

    assert words(facts) == [("captured", "1050.00", "BDT")] * 2
    assert len({fact.reference for fact in facts}) == 2


@pytest.mark.parametrize(
    "misbehave",
    [lambda fake: fake.dead(), lambda fake: fake.answer_500(1, VALIDATOR), lambda fake: fake.cut_after_accepting(),
     lambda fake: fake.answer_500(1, VALIDATOR, status=403)],
    ids=["dead", "500", "cut", "403"],
)  # fmt: skip
def test_a_provider_that_is_away_leaves_everything_open(misbehave, fake):
    attempt = paid(fake)
    misbehave(fake)

    assert refusal(lambda: fetch(attempt)) == ("provider_unreachable", False)


def test_a_provider_that_is_slow_is_waited_for_no_longer_than_the_settings_say(fake, settings):
    settings.SSLCOMMERZ_TIMEOUT_SECONDS = 0.3
    attempt = paid(fake)
    fake.slow(5, path=VALIDATOR)

    assert refusal(lambda: fetch(attempt)) == ("provider_unreachable", False)


def test_a_wrong_password_leaves_everything_open(fake, settings):
    attempt = paid(fake)
    settings.SSLCOMMERZ_STORE_PASSWORD = "wrong"

    assert refusal(lambda: fetch(attempt)) == ("provider_refused_the_store", False)
    assert refusal(lambda: fetch(attempt, "x")) == ("provider_refused_the_store", False)


@pytest.mark.parametrize("network", [[], ["10.0.0.0/8"]])
def test_a_private_address_is_not_called_unless_it_is_allowed(network, fake, settings):
    settings.PAYMENT_ALLOWED_NETWORKS = network

    assert refusal(started) == ("provider_unreachable", False)
    assert fake.calls == []


# Capturing, giving up


def test_capturing_tells_the_capture_the_payer_made(fake):
    attempt = paid(fake)

    facts = GATEWAY.capture(CaptureRequest(attempt=attempt, now=clock.now()))

    assert words(facts) == [("captured", "1050.00", "BDT")]
    assert refusal(lambda: GATEWAY.capture(CaptureRequest(attempt=started(), now=clock.now()))) == (
        "nothing_to_capture",
        True,
    )


def test_an_unpaid_attempt_can_be_given_up_and_twice_is_once(fake):
    attempt = started()

    first, again = cancel(attempt), cancel(attempt)

    assert words(first) == [("cancelled", "1050.00", "BDT")]
    assert first[0].reference == again[0].reference == f"{attempt.transaction_id}:cancelled"


def test_an_attempt_that_was_never_started_can_be_given_up(fake):
    assert words(cancel(make_attempt())) == [("cancelled", "1050.00", "BDT")]


def test_a_paid_attempt_cannot_be_given_up(fake):
    attempt = paid(fake)

    assert refusal(lambda: cancel(attempt)) == ("cannot_cancel", True)
    assert fake.charge_count(str(attempt.id)) == 1


def test_while_the_provider_is_away_nothing_is_given_up(fake):
    attempt = started()
    fake.dead()

    assert refusal(lambda: cancel(attempt)) == ("provider_unreachable", False)


# Sending money back


def test_a_refund_goes_back_once_however_often_it_is_asked_for(fake):
    attempt = paid(fake)
    request = refund_request(attempt, fetch(attempt)[0], "50.00")

    first, again = GATEWAY.refund(request), GATEWAY.refund(request)

    assert first.reference == again.reference
    assert words(first.facts) == words(again.facts) == [("refunded", "50.00", "BDT")]
    assert [(fact.reference, fact.refund_id) for fact in first.facts] == [(first.reference, request.refund_id)]
    assert fake.ledger()[str(attempt.id)] == {"captured": 105000, "refunded": 5000, "charges": 1, "currency": "BDT"}


def test_a_refund_that_was_cut_off_is_asked_for_again_and_goes_back_once(fake):
    attempt = paid(fake)
    request = refund_request(attempt, fetch(attempt)[0], "1050.00")
    fake.cut_after_accepting(path=VALIDATOR)

    assert refusal(lambda: GATEWAY.refund(request)) == ("provider_unreachable", False)
    assert words(GATEWAY.refund(request).facts) == [("refunded", "1050.00", "BDT")]

    assert fake.ledger()[str(attempt.id)]["refunded"] == 105000


def test_a_refund_on_its_way_is_asked_about_until_it_has_arrived(fake):
    attempt = paid(fake)
    request = refund_request(attempt, fetch(attempt)[0], "50.00")
    fake.hold_refunds()

    result = GATEWAY.refund(request)
    question = {
        "open_refunds": {request.refund_id: result.reference},
        "refund_amounts": {request.refund_id: request.amount},
    }

    assert result.facts == ()
    assert [fact.kind for fact in fetch(attempt, **question)] == [EntryKind.CAPTURED]
    fake.finish_refund(result.reference)
    assert words(fetch(attempt, **question)) == [("captured", "1050.00", "BDT"), ("refunded", "50.00", "BDT")]


def test_a_refund_that_is_given_up_has_failed(fake):
    attempt = paid(fake)
    request = refund_request(attempt, fetch(attempt)[0], "50.00")
    fake.hold_refunds()
    result = GATEWAY.refund(request)
    fake.cancel_refund(result.reference)

    (_, failed) = fetch(
        attempt,
        open_refunds={request.refund_id: result.reference},
        refund_amounts={request.refund_id: request.amount},
    )

    assert words((failed,)) == [("refund_failed", "50.00", "BDT")]
    assert (failed.reference, failed.refund_id) == (result.reference, request.refund_id)
    assert failed.detail == {"code": "refund_cancelled"}


def test_a_refund_nobody_can_find_now_is_neither_here_nor_failed(fake):
    attempt, refund_id = paid(fake), new_id()

    facts = fetch(attempt, open_refunds={refund_id: "gone"}, refund_amounts={refund_id: Decimal(5)})

    assert [fact.kind for fact in facts] == [EntryKind.CAPTURED]


def test_a_refund_that_was_taken_on_but_cannot_be_read_now_is_on_its_way(fake):
    attempt = paid(fake)
    request = refund_request(attempt, fetch(attempt)[0], "50.00")
    answered = []

    def die_at_the_question(call):
        if "refund_ref_id" in dict(call.pairs):
            answered.append(1)
            fake.dead()

    fake.during_calls(die_at_the_question)
    result = GATEWAY.refund(request)

    assert (answered, result.facts) == ([1], ())
    assert len(result.reference) == 20


def test_more_than_was_paid_does_not_go_back(fake):
    attempt = paid(fake)
    request = refund_request(attempt, fetch(attempt)[0], "1050.01")

    assert refusal(lambda: GATEWAY.refund(request)) == ("refund_refused", True)
    assert fake.ledger()[str(attempt.id)]["refunded"] == 0


def test_a_foreign_payment_goes_back_as_its_share_of_what_was_settled(fake):
    attempt = paid(fake, amount="19.99", currency="USD")
    capture = fetch(attempt)[0]

    for amount in ("10.00", "9.99"):
        assert words(GATEWAY.refund(refund_request(attempt, capture, amount)).facts) == [("refunded", amount, "USD")]

    assert fake.ledger()[str(attempt.id)] == {"captured": 1999, "refunded": 1999, "charges": 1, "currency": "USD"}


def test_without_webhooks_about_them_no_messages_are_missed(fake):
    assert list(GATEWAY.missed_messages(since=clock.now(), now=clock.now())) == []
