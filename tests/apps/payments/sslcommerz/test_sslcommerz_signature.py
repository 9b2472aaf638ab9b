"""Only who knows the store's password can sign, and a signature counts only for the fields that the shop acts on."""

import hashlib
import random
import string

import pytest
import sslcommerz_lib
import sslcommerz_sdk.services as sdk

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.sslcommerz_signature import read_form, verify
from tests.apps.payments.sslcommerz.messages import PASSWORD, RECORDED, encode, sign

REQUIRED = ["amount", "currency", "status", "store_id", "tran_id", "val_id"]


def is_signed(fields: dict[str, str], password: str = PASSWORD) -> bool:
    try:
        verify(fields, store_password=password)
    except GatewayError as error:
        if (error.code, error.permanent) != ("bad_signature", True):
            raise
        return False
    return True


def lib_accepts(fields: dict[str, str], password: str = PASSWORD) -> bool:
    store = sslcommerz_lib.SSLCOMMERZ({"store_id": "x", "store_pass": password, "issandbox": True})
    return bool(store.hash_validate_ipn(dict(fields)))


def sdk_accepts(fields: dict[str, str], password: str = PASSWORD) -> bool:
    return bool(sdk.is_verify_sign_valid(password, dict(fields)))


def without(fields: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in names}


def test_the_recorded_message_is_signed():
    assert is_signed(RECORDED)


def test_the_recorded_message_is_signed_by_each_of_its_two_hashes():
    assert is_signed(without(RECORDED, "verify_sign_sha2"))
    assert not is_signed(without(RECORDED, "verify_sign"))


def test_the_order_of_the_fields_does_not_matter():
    assert is_signed(dict(reversed(RECORDED.items())))


@pytest.mark.parametrize("name", sorted(without(RECORDED, "verify_key")))
def test_no_field_can_be_changed(name):
    changed = RECORDED | {name: RECORDED[name][:-1] + ("0" if RECORDED[name][-1:] != "0" else "1")}

    assert not is_signed(changed)


@pytest.mark.parametrize("name", sorted(RECORDED["verify_key"].split(",")))
def test_no_signed_field_can_be_left_out_or_emptied(name):
    assert not is_signed(without(RECORDED, name))
    assert RECORDED[name] == "" or not is_signed(RECORDED | {name: ""})


@pytest.mark.parametrize("name", REQUIRED)
def test_a_signature_that_does_not_cover_what_the_shop_acts_on_proves_nothing(name):
    keys = ",".join(sorted(set(RECORDED["verify_key"].split(",")) - {name}))
    resigned = sign(RECORDED, keys=keys)

    assert not is_signed(resigned)
    assert lib_accepts(resigned), "the control: the signature itself is right"
    assert sdk_accepts(resigned)


def test_a_try_that_failed_has_no_name_and_one_that_succeeded_must_have_one():
    nameless = without(RECORDED, "val_id")

    assert is_signed(sign(nameless | {"status": "FAILED"}))
    assert is_signed(sign(nameless | {"status": "CANCELLED"}))
    assert not is_signed(sign(nameless))
    assert not is_signed(sign(nameless | {"status": "VALIDATED"}))


def test_a_failed_try_whose_name_came_but_is_not_signed_is_refused():
    keys = ",".join(sorted(set(RECORDED["verify_key"].split(",")) - {"val_id"}))

    assert not is_signed(sign(RECORDED | {"status": "FAILED"}, keys=keys))


@pytest.mark.parametrize("sign_name", ["verify_sign", "verify_sign_sha2"])
@pytest.mark.parametrize("value", ["", "0", "d42fab70ae0bcbda5280e7baffef60b", "ü" * 32, "\udcff", "0" * 100_000])
def test_any_other_hash_is_refused(sign_name, value):
    assert not is_signed(RECORDED | {sign_name: value})


def test_a_hash_in_capitals_is_another_hash():
    assert not is_signed(RECORDED | {"verify_sign": RECORDED["verify_sign"].upper()})


def test_each_hash_has_to_be_right_for_itself():
    other = sign(RECORDED, password="another password")

    assert not is_signed(RECORDED | {"verify_sign_sha2": other["verify_sign_sha2"]})
    assert not is_signed(RECORDED | {"verify_sign": other["verify_sign"]})


@pytest.mark.parametrize("password", ["", "test_testemi@ss", "TEST_TESTEMI@SSL", "passwörd"])
def test_another_password_proves_nothing(password):
    assert not is_signed(RECORDED, password)
    assert not is_signed(sign(RECORDED, password=password))


def test_an_empty_password_proves_nothing_even_if_the_hashes_are_right():
    assert not is_signed(sign(RECORDED, password=""), password="")


def test_a_password_that_leaves_its_hash_out_is_refused():
    """The mistake of a popular client: it would accept a text without the password."""
    content = without(RECORDED, "verify_key", "verify_sign", "verify_sign_sha2")
    text = "&".join(f"{name}={content[name]}" for name in sorted(content))

    assert not is_signed(RECORDED | {"verify_sign": hashlib.md5(text.encode()).hexdigest()})


@pytest.mark.parametrize("listed", ["", ",", "amount", "nothing,of,this", "verify_sign", "store_passwd"])
def test_a_strange_list_of_signed_fields_is_refused(listed):
    assert not is_signed(RECORDED | {"verify_key": listed})
    assert not is_signed(without(RECORDED, "verify_key"))


def test_a_password_field_that_was_posted_does_not_replace_the_shops():
    posted = RECORDED | {"store_passwd": "known", "verify_key": RECORDED["verify_key"] + ",store_passwd"}

    assert is_signed(posted), "it is overwritten by the shop's own, so that the hash stays what it was"


def test_no_fields_prove_nothing():
    assert not is_signed({})


def random_message(dice: random.Random) -> dict[str, str]:
    # Without "&": one of the two cuts it off at the end of the last value, which is nothing to follow.
    letters = string.ascii_letters + string.digits + " =,%+/ঢাকাüé€"
    names = [*REQUIRED, *("".join(dice.choices(string.ascii_lowercase + "_", k=8)) for _ in range(dice.randrange(20)))]
    return {name: "".join(dice.choices(letters, k=dice.randrange(30))) for name in dict.fromkeys(names)}


def test_two_independent_sdks_agree_on_a_thousand_messages():
    """Right and wrong ones. Both SDKs know only MD5; where they accept, so do we, and where they refuse."""
    dice, accepted = random.Random(20261120), 0
    for _ in range(1000):
        fields = sign(random_message(dice))
        if dice.random() < 0.5:
            name = dice.choice(REQUIRED)
            fields[name] += "x"
        answers = {
            lib_accepts(fields),
            sdk_accepts(fields),
            is_signed(without(fields, "verify_sign_sha2")),
            is_signed(fields),
        }
        assert len(answers) == 1
        accepted += answers.pop()

    assert 400 < accepted < 600


def test_the_sdks_accept_the_recorded_message_too():
    assert lib_accepts(RECORDED)
    assert sdk_accepts(RECORDED)


def test_a_body_is_read_as_it_was_written():
    fields = {"card_issuer": "TRUST BANK, LTD.", "value_a": "", "risk_title": "a&b=c+d ঢাকা"}

    assert read_form(encode(fields)) == fields


def test_bytes_that_are_no_utf8_are_hashed_as_they_came():
    signed = sign({name: RECORDED[name] for name in REQUIRED} | {"card_issuer": "BANK"})
    body = encode(signed).replace(b"BANK", b"B%FCNK")

    assert not is_signed(read_form(body))
    assert read_form(body)["card_issuer"].encode(errors="surrogateescape") == b"B\xfcNK"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"amount", b"amount=1&amount=2", b"amount=1&amount=1", b"a=1&&b=2", b"\xff=1", "ü=1".encode(),
     b"&".join(b"f%d=1" % n for n in range(101))],
)  # fmt: skip
def test_a_body_that_is_no_plain_form_is_refused(body):
    with pytest.raises(GatewayError) as refusal:
        read_form(body)

    assert (refusal.value.code, refusal.value.permanent) == ("malformed", True)
