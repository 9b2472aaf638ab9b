"""Which events there are and what they hold: what is documented, and what a snapshot keeps from changing unnoticed."""

import dataclasses
import types
import typing
from typing import Any

from core.events.registry import Event, known_events

_OURS = ("apps.", "core.")
_JSON_TYPES: dict[Any, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
    Any: "any",
}
Schema = dict[str, Any]


class SchemaChanged(Exception):
    """An event's payload is not what was documented for its version."""


def shop_events() -> dict[str, type[Event]]:
    """Return the events of the shop by name; those of tests are left out."""
    return {name: kind for name, kind in known_events().items() if kind.__module__.startswith(_OURS)}


def describe_events() -> dict[str, Schema]:
    """Return version and fields (JSON types) of every event by name."""
    return {name: {"version": kind.version, "fields": _fields(kind)} for name, kind in shop_events().items()}


def require_new_versions(before: dict[str, Schema], after: dict[str, Schema]) -> None:
    """Raise SchemaChanged if a payload differs and its version does not, or if an event is gone."""
    for name, known in before.items():
        if name not in after:
            raise SchemaChanged(f"{name} is gone: those who read it must be told first")
        if after[name]["fields"] != known["fields"] and after[name]["version"] <= known["version"]:
            raise SchemaChanged(f"the payload of {name} has changed: give it a new version")


def as_markdown() -> str:
    """Return the description of every event, for docs/events.md."""
    return "\n".join(_section(name, kind) for name, kind in shop_events().items())


def _section(name: str, kind: type[Event]) -> str:
    words = " ".join((kind.__doc__ or "").split())
    rows = "\n".join(f"| `{field}` | {text.replace('|', 'or')} |" for field, text in _fields(kind).items())
    return f"### `{name}`, version {kind.version}\n\n{words}\n\n| Field | Type |\n| --- | --- |\n{rows}\n"


def _fields(kind: type[Event]) -> dict[str, str]:
    hints = typing.get_type_hints(kind)
    return {field.name: _type_of(hints[field.name]) for field in dataclasses.fields(kind)}


def _type_of(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " | ".join(_type_of(part) for part in inner)
    if origin is list or (origin is tuple and inner[-1] is Ellipsis):
        return f"array of {_type_of(inner[0])}"
    return _JSON_TYPES.get(origin or hint, "string")
