"""One running shop for all journeys of a test process."""

from collections.abc import Iterator

import pytest

from tests.running_shop import RunningShop, running_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(tmp_path_factory.mktemp("journeys")) as started:
        yield started
