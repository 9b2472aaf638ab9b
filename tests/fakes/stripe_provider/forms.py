"""Nested form parameters: `metadata[a]=1&expand[]=x&types[0]=y` become dicts and lists of texts."""

import re
from collections.abc import Iterable
from typing import Any

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the parameters as a tree."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        _put(tree, _path(key), value)
    return {name: value if name == "metadata" else _as_lists(value) for name, value in tree.items()}


def _path(key: str) -> list[str]:
    found = _KEY.match(key)
    if found is None:
        return [key]
    return [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    node = tree
    for name in path[:-1]:
        step = node.setdefault(name or str(len(node)), {})
        if not isinstance(step, dict):
            return
        node = step
    node[path[-1] or str(len(node))] = value


def _as_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _as_lists(item) for name, item in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return list(inner.values())
    return inner
