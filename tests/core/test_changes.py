"""Change counters: one machine's processes see each other's commits without SQL."""

from pathlib import Path

import pytest
from django.db import transaction

from core.changes import SLOTS, ChangeCounters, counters, slot


def test_two_processes_views_of_one_file_see_each_others_bumps(tmp_path: Path) -> None:
    mine, theirs = ChangeCounters(tmp_path / "changes.bin"), ChangeCounters(tmp_path / "changes.bin")
    before = mine.read([3, 4])
    theirs.bump([4])
    assert mine.read([3, 4]) == (before[0], before[1] + 1)


def test_a_slot_is_stable_and_within_the_table() -> None:
    assert slot("product", "a") == slot("product", "a")
    assert all(0 <= slot("product", number) < SLOTS for number in range(1000))


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_change_bumps_nothing_and_a_committed_one_does() -> None:
    chosen = slot("test", "rollback")
    before = counters().read([chosen])
    with pytest.raises(RuntimeError), transaction.atomic():
        counters().bump_on_commit([chosen])
        raise RuntimeError
    assert counters().read([chosen]) == before
    with transaction.atomic():
        counters().bump_on_commit([chosen])
        assert counters().read([chosen]) == before
    assert counters().read([chosen]) == (before[0] + 1,)
