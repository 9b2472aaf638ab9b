"""What events hold is a promise to whoever reads the feed: a payload changes only together with its version."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.webhooks.catalogue import SchemaChanged, describe_events, require_new_versions, shop_events
from apps.webhooks.management.commands.describe_events import BEGIN, END, PAGE, SNAPSHOT, page_of

ROOT = Path(settings.BASE_DIR)
UPDATE = "manage.py describe_events --write"
SECRETIVE = {"token", "secret", "password", "key", "hash", "signature", "card", "cvc", "otp", "link", "url"}


def snapshot() -> dict[str, Any]:
    known: dict[str, Any] = json.loads((ROOT / SNAPSHOT).read_text())
    return known


def test_no_payload_has_changed_under_its_version() -> None:
    require_new_versions(snapshot(), describe_events())


def test_the_snapshot_is_up_to_date() -> None:
    assert describe_events() == snapshot(), UPDATE


def test_the_page_describes_the_events_that_there_are() -> None:
    text = (ROOT / PAGE).read_text()
    before, behind = text.partition(BEGIN)[0], text.partition(END)[2]
    assert text == page_of(before, behind), UPDATE


@pytest.mark.parametrize("version", [1, 2])
def test_a_changed_payload_needs_a_new_version(version: int) -> None:
    changed = copy.deepcopy(snapshot())
    changed["orders.placed"]["fields"]["gift"] = "boolean"
    changed["orders.placed"]["version"] = version
    if version == 1:
        with pytest.raises(SchemaChanged, match=r"orders\.placed"):
            require_new_versions(snapshot(), changed)
    else:
        require_new_versions(snapshot(), changed)


def test_an_event_does_not_disappear_unnoticed() -> None:
    fewer = {name: schema for name, schema in snapshot().items() if name != "orders.placed"}
    with pytest.raises(SchemaChanged, match=r"orders\.placed is gone"):
        require_new_versions(snapshot(), fewer)


def test_no_payload_has_a_field_for_a_secret() -> None:
    named = [
        f"{name}.{field}"
        for name, schema in describe_events().items()
        for field in schema["fields"]
        if SECRETIVE & set(field.split("_"))
    ]
    assert named == []


def test_every_event_says_what_it_is_about() -> None:
    assert [name for name, kind in shop_events().items() if not (kind.__doc__ or "").strip()] == []
