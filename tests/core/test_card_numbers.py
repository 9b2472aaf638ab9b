"""What may be a card's number is found, and masked in every line of the log; what is none is left alone."""

import json
import logging
import sys
import uuid

import pytest
from django.test import RequestFactory

from core import context
from core.card_numbers import MASK, holds_card_number, mask_card_numbers
from core.logs import ContextFilter, JsonFormatter

FOUND = [
    ("4242424242424242", MASK),
    ("4242 4242 4242 4242", MASK),
    ("4242-4242-4242-4242", MASK),
    ("4242.4242.4242.4242", MASK),
    ("4242  4242  4242  4242", MASK),
    ("4242\u20134242\u20134242\u20134242", MASK),
    ("4242%204242%204242%204242", MASK),
    ("378282246310005", MASK),
    ("3782 822463 10005", MASK),
    ("4222222222222", MASK),
    ("6304000000000000000", MASK),
    ("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", MASK),
    ("৪২৪২৪২৪২৪২৪২৪২৪২", MASK),
    ("my card is 4242 4242 4242 4242, thanks", f"my card is {MASK}, thanks"),
    ("pan=4242424242424242&x=1", f"pan={MASK}&x=1"),
    ("/pay/4242424242424242/", f"/pay/{MASK}/"),
    ("a -4242424242424242", f"a -{MASK}"),
    ("line\n4242424242424242\nline", f"line\n{MASK}\nline"),
    (repr("line\n4242424242424242"), rf"'line\n{MASK}'"),
    ("4242 4242 4242 4242 12/30", f"{MASK}/30"),
    ("2026-11-20 4242424242424242", MASK),
]
LEFT_ALONE = [
    "",
    "4242",
    "4242424242424241",
    "1234567890123",
    "0000000000000000",
    "42424242424242424242",
    "pm_4242424242424242",
    "tok-4242424242424242",
    "x4242424242424242",
    "4242424242424242x",
    "+880 1712-345678",
    "2026-11-20T15:43:17.123456Z",
    "1763653397123",
    "²²²²²²²²²²²²²²²²",
    "0199d3f0-1111-7222-8333-444455556666",
]


@pytest.mark.parametrize(("text", "masked"), FOUND)
def test_a_cards_number_is_found_and_masked(text: str, masked: str) -> None:
    assert holds_card_number(text) is True
    assert mask_card_numbers(text) == masked
    assert holds_card_number(masked) is False


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert holds_card_number(text) is False
    assert mask_card_numbers(text) == text


def test_no_id_is_taken_for_a_card() -> None:
    ids = [uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128) for number in range(1, 20_000)]
    assert [found for found in ids if holds_card_number(str(found)) or holds_card_number(found.hex)] == []


def line_of(message: str, *args: object, **extra: object) -> str:
    """Return what the shop's log would hold."""
    record = logging.LogRecord("shop.test", logging.INFO, __file__, 1, message, args, None)
    vars(record).update(extra)
    ContextFilter().filter(record)
    return JsonFormatter().format(record)


def test_no_line_of_the_log_holds_one_wherever_it_came_from() -> None:
    number = "4242 4242 4242 4242"
    token = context.request_id.set(number)
    try:
        line = line_of(
            "paid with %s", number, path=f"/pay/{number}/", deep={"list": [number, ("4242424242424242",)]},
            number=4242424242424242, **{"4242424242424242": 1},
        )  # fmt: skip
    finally:
        context.request_id.reset(token)
    assert "4242" not in line
    fields = json.loads(line)
    assert (fields["message"], fields["path"], fields["request_id"]) == (f"paid with {MASK}", f"/pay/{MASK}/", MASK)
    assert fields["deep"] == {"list": [MASK, [MASK]]}


def test_of_a_request_neither_a_number_nor_the_query_string_is_logged() -> None:
    request = RequestFactory().post("/pay/4242424242424242/?token=canary")
    fields = json.loads(line_of("failed", request=request, error=ValueError("4242 4242 4242 4242")))
    assert fields["request"] == f"POST /pay/{MASK}/"
    assert fields["error"] == f"ValueError: {MASK}"


def test_no_traceback_holds_one() -> None:
    try:
        raise ValueError("cannot read\n4242-4242-4242-4242")
    except ValueError:
        record = logging.LogRecord("shop.test", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "4242" not in line
    assert "cannot read" in line


def test_other_lines_are_written_as_they_were() -> None:
    fields = json.loads(line_of("%s %s", "GET", "/", status=200, milliseconds=1.5, user="", is_new=True, size=None))
    assert {name: fields[name] for name in ("message", "status", "milliseconds", "user", "is_new", "size")} == {
        "message": "GET /", "status": 200, "milliseconds": 1.5, "user": "", "is_new": True, "size": None,
    }  # fmt: skip
