"""What a client may say."""

import json
import uuid

import pytest

from apps.live.messages import Authenticate, BadMessage, Pong, Resume, Watch, parse, token_of_subprotocols

PRODUCT = uuid.UUID("01a1f9de-a903-71f6-b93f-1342de134f12")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"type": "authenticate", "token": "abc"}, Authenticate(token="abc")),
        ({"type": "authenticate", "order_token": "o", "last_id": 7}, Authenticate(order_token="o", last_id=7)),
        ({"type": "resume", "last_id": 0}, Resume(last_id=0)),
        ({"type": "watch", "product_ids": [str(PRODUCT)] * 2}, Watch(product_ids=frozenset({PRODUCT}))),
        ({"type": "watch", "product_ids": []}, Watch(product_ids=frozenset())),
        ({"type": "pong"}, Pong()),
    ],
)
def test_a_message_is_read(said: dict[str, object], meant: object) -> None:
    assert parse(json.dumps(said)) == meant


@pytest.mark.parametrize(
    "said",
    [
        "", "{", "null", "[]", "7", '"authenticate"', "{}", '{"type": null}', '{"type": {}}', '{"type": "subscribe"}',
        '{"type": "authenticate"}',
        '{"type": "authenticate", "token": ""}',
        '{"type": "authenticate", "token": 5}',
        '{"type": "authenticate", "token": "a", "order_token": "b"}',
        '{"type": "authenticate", "token": "a", "last_id": "7"}',
        '{"type": "authenticate", "token": "a", "last_id": true}',
        '{"type": "authenticate", "token": "\\ud800"}',
        '{"type": "resume"}',
        '{"type": "resume", "last_id": -1}',
        '{"type": "resume", "last_id": 1.5}',
        '{"type": "resume", "last_id": 9223372036854775808}',
        '{"type": "watch"}',
        '{"type": "watch", "product_ids": "all"}',
        '{"type": "watch", "product_ids": [1]}',
        '{"type": "watch", "product_ids": ["no id"]}',
        json.dumps({"type": "watch", "product_ids": [str(PRODUCT)] * 51}),
        "[" * 5_000,
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(said: str) -> None:
    with pytest.raises(BadMessage):
        parse(said)


def test_a_token_does_not_show_when_a_message_is_printed() -> None:
    assert "canary" not in repr(Authenticate(token="canary")) + repr(Authenticate(order_token="canary"))


@pytest.mark.parametrize(
    ("offered", "token"),
    [(["bearer", "abc"], "abc"), (["bearer"], ""), ([], ""), (["graphql-ws", "abc"], ""), (["abc", "bearer"], "")],
)
def test_a_token_is_taken_from_the_subprotocols_in_one_form_only(offered: list[str], token: str) -> None:
    assert token_of_subprotocols(offered) == token
