"""Pages of lists, filters by time, and members expanded from ids to objects."""

from typing import Any

from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import invalid
from tests.fakes.stripe_provider.parameters import Params, choice, integer, text, texts

PAGING = {"limit", "starting_after", "ending_before", "created"}
_BOUNDS = {"gt": 1, "gte": 0, "lt": -1, "lte": 0}


def page(items: list[Json], params: Params, *, url: str) -> Json:
    """Return one page of `items`, which come newest first. `ending_before` pages towards the newer ones."""
    limit = _limit(params)
    after, before = text(params, "starting_after"), text(params, "ending_before")
    if after and before:
        raise invalid("Give one of starting_after and ending_before.", param="ending_before")
    found = [item for item in items if _is_in_time(item, params)]
    if before:
        newer = found[: _position(items, found, before, "ending_before")]
        return _list(newer[-limit:], has_more=len(newer) > limit, url=url)
    rest = found[_position(items, found, after, "starting_after") + 1 :] if after else found
    return _list(rest[:limit], has_more=len(rest) > limit, url=url)


def search_page(items: list[Json], params: Params, *, url: str) -> Json:
    """Return one page of search results; `page` is the position to go on from."""
    start, limit = integer(params, "page") or 0, _limit(params)
    more = start + limit < len(items)
    found = _list(items[start : start + limit], has_more=more, url=url)
    return {**found, "object": "search_result", "next_page": str(start + limit) if more else None}


def _limit(params: Params) -> int:
    limit = integer(params, "limit")
    limit = 10 if limit is None else limit
    if not 1 <= limit <= 100:
        raise invalid("limit is from 1 to 100.", param="limit", code="parameter_invalid_integer")
    return limit


def _list(items: list[Json], *, has_more: bool, url: str) -> Json:
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


def _position(items: list[Json], found: list[Json], name: str, param: str) -> int:
    """Return where the named item stands among those found, or would stand."""
    order = [item["id"] for item in items]
    if name not in order:
        raise invalid(f"No such object: '{name}'", param=param, code="resource_missing")
    place = order.index(name)
    kept = {item["id"] for item in found}
    earlier = sum(1 for other in order[:place] if other in kept)
    return earlier if name in kept or param == "ending_before" else earlier - 1


def _is_in_time(item: Json, params: Params) -> bool:
    bounds = params.get("created", {})
    if isinstance(bounds, str):
        bounds = {"gte": bounds, "lte": bounds}
    for name in bounds:
        limit = integer(bounds, name)
        if name not in _BOUNDS or limit is None:
            raise invalid("Invalid created", param="created")
        distance = item["created"] - limit
        if (distance < _BOUNDS[name]) if name in ("gt", "gte") else (distance > _BOUNDS[name]):
            return False
    return True


def events(books: Books, params: Params) -> list[Json]:
    """Return the events newest first, of the wanted types and fate."""
    wanted = {*texts(params, "types"), *([text(params, "type")] if "type" in params else [])}
    delivered = choice(params, "delivery_success", ("true", "false"))
    return [
        event
        for event in reversed(books.events)
        if (not wanted or event["type"] in wanted or _is_covered(event["type"], wanted))
        and (not delivered or event["_is_delivered"] == (delivered == "true"))
    ]


def _is_covered(kind: str, wanted: set[str]) -> bool:
    return any(name.endswith(".*") and kind.startswith(name[:-1]) for name in wanted)


def render(books: Books, found: Json, params: Params) -> Json:
    """Return the answer for an object or a page of objects, with what `expand` asks for."""
    paths = [path.split(".") for path in texts(params, "expand")]
    if found["object"] not in ("list", "search_result"):
        return _expand_all(books, books.view(found), paths)
    if any(path[0] != "data" for path in paths):
        raise invalid("In lists only data can be expanded.", param="expand")
    inner = [path[1:] for path in paths]
    return {**found, "data": [_expand_all(books, books.view(item), inner) for item in found["data"]]}


def _expand_all(books: Books, shown: Json, paths: list[list[str]]) -> Json:
    for path in paths:
        if path:
            _expand(books, shown, path)
    return shown


def _expand(books: Books, shown: Json, path: list[str]) -> None:
    name, rest = path[0], path[1:]
    if shown["object"] == "charge" and name == "refunds" and "refunds" not in shown:
        items = [books.view(item) for item in books.find("refund", charge=shown["id"])]
        shown["refunds"] = _list(items[:10], has_more=len(items) > 10, url=f"/v1/charges/{shown['id']}/refunds")
    value: Any = shown.get(name)
    if isinstance(value, str):
        value = shown[name] = _opened(books, value, name)
    elif value is None and name not in shown:
        raise invalid(f"This property cannot be expanded ({name}).", param="expand")
    if rest and isinstance(value, dict):
        for item in value["data"] if value["object"] == "list" else [value]:
            _expand(books, item, rest[1:] if rest[0] == "data" else rest)


def _opened(books: Books, name: str, member: str) -> Json:
    found = books.look_up(name)
    if found is None:
        raise invalid(f"This property cannot be expanded ({member}).", param="expand")
    return books.view(found)
