"""The words of the socket: what a client may say, what it is told, and why it is closed."""

import dataclasses
import enum
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import orjson

MESSAGE_MAX_BYTES = 8 * 1024
WATCHED_PRODUCTS_MAX = 50
SUBPROTOCOL = "bearer"
_ID_MAX = 2**63 - 1  # what the database's column holds


class Close(enum.IntEnum):
    """Why a connection is closed. Those of 4000 and more are ours."""

    NOT_TEXT = 1003
    TOO_LARGE = 1009
    TRY_LATER = 1013
    BAD_MESSAGE = 4400
    NOT_AUTHENTICATED = 4401
    TOO_SLOW = 4408
    TOO_MANY = 4429


class BadMessage(ValueError):
    """A client said something that is no message."""


@dataclasses.dataclass(frozen=True, slots=True)
class Authenticate:
    """Who the client is: an access token, or the token of a guest's order. With `last_id` it wants what it missed."""

    token: str = dataclasses.field(default="", repr=False)
    order_token: str = dataclasses.field(default="", repr=False)
    last_id: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Resume:
    """The client wants what it missed since the event `last_id`."""

    last_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class Watch:
    """The client wants to know the stock of these products, and of no others any more."""

    product_ids: frozenset[uuid.UUID]


@dataclasses.dataclass(frozen=True, slots=True)
class Pong:
    """The client is there."""


ClientMessage = Authenticate | Resume | Watch | Pong


def parse(text: str) -> ClientMessage:
    """Return what a client said. Raises BadMessage."""
    try:
        data = orjson.loads(text)
        return _READERS[data["type"]](data)
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError, UnicodeEncodeError):
        raise BadMessage("this is no message of the protocol") from None


def compose(kind: str, **fields: Any) -> str:
    """Return a message to a client as text."""
    return orjson.dumps({"type": kind, **fields}).decode()


def token_of_subprotocols(offered: Iterable[str]) -> str:
    """Return the token of ["bearer", "<token>"], "" when none is offered so."""
    name, token = [*offered, "", ""][:2]
    return token if name == SUBPROTOCOL else ""


def _read_authenticate(data: dict[str, Any]) -> Authenticate:
    token, order_token = _text(data, "token"), _text(data, "order_token")
    if bool(token) == bool(order_token):
        raise BadMessage("either a token or an order_token is needed")
    last_id = None if data.get("last_id") is None else _position(data["last_id"])
    return Authenticate(token=token, order_token=order_token, last_id=last_id)


def _read_resume(data: dict[str, Any]) -> Resume:
    return Resume(last_id=_position(data["last_id"]))


def _read_watch(data: dict[str, Any]) -> Watch:
    ids = data["product_ids"]
    if not isinstance(ids, list) or len(ids) > WATCHED_PRODUCTS_MAX:
        raise BadMessage(f"product_ids is a list of at most {WATCHED_PRODUCTS_MAX} ids")
    try:
        return Watch(product_ids=frozenset(uuid.UUID(entry) for entry in ids))
    except ValueError:
        raise BadMessage("product_ids holds something that is no id") from None


def _read_pong(data: dict[str, Any]) -> Pong:
    return Pong()


_READERS: dict[str, Callable[[dict[str, Any]], ClientMessage]] = {
    "authenticate": _read_authenticate,
    "resume": _read_resume,
    "watch": _read_watch,
    "pong": _read_pong,
}


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise BadMessage(f"{name} is text")
    return value


def _position(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _ID_MAX:  # `True` is an int to isinstance
        raise BadMessage("last_id is the id of an event")
    return value
