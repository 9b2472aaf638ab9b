"""Sessions, payments, queries, refunds, messages and the page of SSLCommerz."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

import pytest
import sslcommerz_lib
import sslcommerz_sdk.services as sdk

from tests.contracts.fakes.kit import FORM, MERCHANT, SESSION, VALIDATION, ask, begin, browse
from tests.fakes.sslcommerz_provider import Refused, SslcommerzFake
from tests.fakes.sslcommerz_provider.signing import sign

RECORDED = {
    "amount": "10.00",
    "bank_tran_id": "200105225825DBgSoRGLvczhFjj",
    "base_fair": "0.00",
    "card_brand": "VISA",
    "card_issuer": "TRUST BANK, LTD.",
    "card_issuer_country": "Bangladesh",
    "card_issuer_country_code": "BD",
    "card_no": "418117XXXXXX6675",
    "card_type": "VISA-Dutch Bangla",
    "currency": "BDT",
    "currency_amount": "10.00",
    "currency_rate": "1.0000",
    "currency_type": "BDT",
    "risk_level": "0",
    "risk_title": "Safe",
    "status": "VALID",
    "store_amount": "9.75",
    "store_id": "test_testemi",
    "tran_date": "2020-01-05 22:58:21",
    "tran_id": "5E121A0D01F92",
    "val_id": "200105225826116qFnATY9sHIwo",
    "value_a": "",
    "value_b": "",
    "value_c": "",
    "value_d": "",
}


def test_the_hashes_are_those_of_a_recorded_message():
    signed = sign(RECORDED, "test_testemi@ssl")

    assert signed["verify_key"] == ",".join(sorted(RECORDED))
    assert signed["verify_sign"] == "d42fab70ae0bcbda5280e7baffef60b0"
    assert signed["verify_sign_sha2"] == "02c0417ff467c109006382d56eedccecd68382e47245266e7b47abbb3d43976e"


@pytest.mark.parametrize("verb", ["pay", "fail", "cancel", "expire", "abandon"])
def test_two_independent_libraries_accept_our_messages_and_no_changed_ones(bank, verb):
    begin(bank)
    getattr(bank, verb)("T1")
    store = sslcommerz_lib.SSLCOMMERZ({"store_id": "x", "store_pass": bank.store_password, "issandbox": True})

    for fields, is_honest in (
        (bank.ipn_fields("T1"), True),
        (bank.ipn_fields("T1", signed=False, amount="1.00"), False),
    ):
        assert bool(store.hash_validate_ipn(dict(fields))) is is_honest
        assert bool(sdk.is_verify_sign_valid(bank.store_password, dict(fields))) is is_honest


def test_an_independent_library_gets_a_session(bank):
    store = sslcommerz_lib.SSLCOMMERZ({"store_id": bank.store_id, "store_pass": bank.store_password, "issandbox": True})
    store.createSessionUrl = bank.url + SESSION

    answer = store.createSession({**FORM, "tran_id": "T2"})

    assert (answer["status"], answer["sessionkey"]) == ("SUCCESS", bank.session_of("T2").key)


def test_a_session_is_paid_validated_and_found(bank):
    session = begin(bank)
    assert (session["status"], session["GatewayPageURL"].startswith(bank.url)) == ("SUCCESS", True)
    assert ask(bank, MERCHANT, sessionkey=session["sessionkey"])["status"] == "PENDING"

    paid = bank.pay("T1")

    assert [ask(bank, VALIDATION, val_id=paid.val_id)["status"] for _ in range(2)] == ["VALID", "VALIDATED"]
    told = ask(bank, VALIDATION, val_id=paid.val_id)
    assert (told["APIConnect"], told["tran_id"], told["amount"], told["currency_type"], told["value_a"]) == (
        "DONE",
        "T1",
        "250.50",
        "BDT",
        "a1",
    )
    found = ask(bank, MERCHANT, tran_id="T1")
    assert (found["no_of_trans_found"], found["element"][0]["bank_tran_id"]) == (1, paid.bank_tran_id)
    assert bank.ledger() == {"a1": {"captured": 25050, "refunded": 0, "charges": 1, "currency": "BDT"}}
    with pytest.raises(Refused):
        bank.pay("T1")


def test_another_currency_is_settled_in_taka(bank):
    begin(bank, currency="USD", total_amount="10.00")
    paid = bank.pay("T1")

    told = ask(bank, VALIDATION, val_id=paid.val_id)
    assert (told["amount"], told["currency_amount"], told["currency_type"]) == ("1200.00", "10.00", "USD")
    assert bank.ledger()["a1"] == {"captured": 1000, "refunded": 0, "charges": 1, "currency": "USD"}


@pytest.mark.parametrize(
    "changed",
    [
        {"store_passwd": "wrong"},
        {"store_id": "wrong"},
        {"total_amount": "9.99"},
        {"total_amount": "500000.01"},
        {"total_amount": "10.001"},
        {"total_amount": "1e3"},
        {"currency": "XXX"},
        {"tran_id": "T" * 31},
        {"tran_id": ""},
        {"cus_phone": ""},
        {"cus_name": "x" * 51},
        {"success_url": "javascript:alert(1)"},
        {"shipping_method": "YES"},
        {"product_profile": "airline-tickets"},
        {"num_of_item": "one"},
    ],
)
def test_a_wrong_session_is_refused_with_200(bank, changed):
    answer = begin(bank, **changed)

    assert (answer["status"], answer["sessionkey"], answer["GatewayPageURL"]) == ("FAILED", "", "")
    assert answer["failedreason"]
    assert bank.payments.sessions == {}


def test_a_wrong_password_learns_nothing(bank):
    begin(bank)
    paid = bank.pay("T1")

    for path, query in ((VALIDATION, {"val_id": paid.val_id}), (MERCHANT, {"tran_id": "T1"})):
        assert ask(bank, path, store_passwd="wrong", **query) == {"APIConnect": "FAILED", "status": "FAILED"}


@pytest.mark.parametrize(
    ("verb", "status", "has_card"),
    [
        ("fail", "FAILED", True),
        ("cancel", "CANCELLED", False),
        ("expire", "EXPIRED", False),
        ("abandon", "UNATTEMPTED", False),
    ],
)
def test_what_was_not_paid_is_told_without_a_val_id(bank, verb, status, has_card):
    begin(bank)
    getattr(bank, verb)("T1")

    fields = bank.ipn_fields("T1")
    assert (fields["status"], "val_id" in fields, "card_no" in fields) == (status, False, has_card)
    assert ask(bank, MERCHANT, tran_id="T1")["element"][0]["status"] == status
    assert bank.ledger() == {}


def test_a_second_try_of_a_tran_id_is_another_charge(bank):
    begin(bank)
    bank.fail("T1")
    begin(bank)
    bank.pay("T1")
    begin(bank)
    bank.pay("T1")

    found = ask(bank, MERCHANT, tran_id="T1")
    assert [each["status"] for each in found["element"]] == ["VALID", "VALID", "FAILED"]
    assert bank.charge_count("a1") == 2


def refund(bank: SslcommerzFake, bank_tran_id: str, trans_id: str, amount: str) -> Any:
    return ask(
        bank,
        MERCHANT,
        bank_tran_id=bank_tran_id,
        refund_trans_id=trans_id,
        refund_amount=amount,
        refund_remarks="returned",
    )


def test_a_refund_is_made_once_and_never_beyond_the_payment(bank):
    begin(bank)
    paid = bank.pay("T1")

    first, again = (refund(bank, paid.bank_tran_id, "R1", "200.00") for _ in range(2))
    assert (first["status"], again["refund_ref_id"]) == ("success", first["refund_ref_id"])
    assert refund(bank, paid.bank_tran_id, "R1", "100.00")["status"] == "failed"
    assert refund(bank, paid.bank_tran_id, "R2", "50.51")["status"] == "failed"
    assert refund(bank, "nowhere", "R3", "1.00")["status"] == "failed"
    assert refund(bank, paid.bank_tran_id, "R" * 31, "1.00") == {"APIConnect": "INVALID_REQUEST"}
    assert refund(bank, paid.bank_tran_id, "R4", "50.50")["status"] == "success"
    assert bank.ledger()["a1"] == {"captured": 25050, "refunded": 25050, "charges": 1, "currency": "BDT"}


@pytest.mark.parametrize(
    ("verb", "status", "refunded"), [("finish_refund", "refunded", 10000), ("cancel_refund", "cancelled", 0)]
)
def test_a_refund_can_take_its_time(bank, verb, status, refunded):
    begin(bank)
    paid = bank.pay("T1")
    bank.hold_refunds()
    made = refund(bank, paid.bank_tran_id, "R1", "100.00")
    assert (made["status"], bank.ledger()["a1"]["refunded"]) == ("processing", 0)
    assert ask(bank, MERCHANT, refund_ref_id=made["refund_ref_id"])["status"] == "processing"

    getattr(bank, verb)(made["refund_ref_id"])

    assert ask(bank, MERCHANT, refund_ref_id=made["refund_ref_id"])["status"] == status
    assert bank.ledger()["a1"]["refunded"] == refunded


def test_messages_lie_signed_or_tampered(bank):
    begin(bank)
    bank.pay("T1")
    honest = bank.ipn_fields("T1")
    lie = bank.ipn_fields("T1", amount="1.00", val_id=None)
    tampered = bank.ipn_fields("T1", signed=False, amount="1.00")

    body, headers = bank.ipn("T1")
    assert dict(parse_qsl(body.decode(), keep_blank_values=True)) == honest
    assert headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert (lie["amount"], "val_id" in lie, lie["verify_sign"] == honest["verify_sign"]) == ("1.00", False, False)
    assert (tampered["amount"], tampered["verify_sign"]) == ("1.00", honest["verify_sign"])


def test_lies_of_the_api_are_not_booked(bank):
    begin(bank)
    bank.lie_about("T1", amount="1.00", currency_type="USD")
    paid = bank.pay("T1")

    assert ask(bank, VALIDATION, val_id=paid.val_id)["amount"] == "1.00"
    assert ask(bank, MERCHANT, tran_id="T1")["element"][0]["currency_type"] == "USD"
    assert bank.ledger()["a1"]["captured"] == 25050


def test_the_page_tells_the_shop_and_sends_the_browser_back(bank, shop):
    session = begin(bank, ipn_url=shop.url)

    assert b"250.50 BDT" in browse("GET", session["GatewayPageURL"])
    returned = browse("POST", session["GatewayPageURL"], do="pay")

    assert b'action="http://shop.test/success"' in returned
    (body,) = shop.bodies
    assert dict(parse_qsl(body.decode(), keep_blank_values=True)) == bank.ipn_fields("T1")
    assert bank.browser_return("T1")[0] == "http://shop.test/success"
    browse("POST", session["GatewayPageURL"], do="pay")
    assert bank.charge_count("a1") == 1


def test_the_line_is_cut_after_a_refund_was_made(bank):
    begin(bank)
    paid = bank.pay("T1")
    bank.cut_after_accepting(path=MERCHANT)

    with pytest.raises((http.client.HTTPException, OSError)):
        refund(bank, paid.bank_tran_id, "R1", "100.00")
    assert bank.ledger()["a1"]["refunded"] == 10000
    assert refund(bank, paid.bank_tran_id, "R1", "100.00")["status"] == "success"
    assert bank.ledger()["a1"]["refunded"] == 10000


def test_the_payer_can_be_overtaken_by_a_gate_after_the_work(bank):
    gate = bank.hold(path=SESSION, after_work=True)
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(begin, bank)
        gate.wait_until_reached()
        bank.pay("T1")
        assert not begun.done()
        gate.open()
        assert begun.result()["status"] == "SUCCESS"
    assert bank.charge_count("a1") == 1


def test_a_dead_or_broken_provider_begins_nothing(bank):
    bank.answer_500(path=SESSION)
    assert b"broken" in browse("POST", bank.url + SESSION, store_id="teststore")
    bank.dead()
    with pytest.raises((http.client.HTTPException, OSError)):
        begin(bank)
    assert bank.payments.sessions == {}

    bank.alive()
    assert begin(bank)["status"] == "SUCCESS"
