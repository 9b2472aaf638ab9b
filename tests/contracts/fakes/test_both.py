"""What both providers have in common."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import fakes
from tests.fakes.__main__ import environment
from tests.fakes.posting import post
from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake


def test_both_stop_and_leave_their_ports() -> None:
    makers: tuple[Callable[[], StripeFake | SslcommerzFake], ...] = (StripeFake, SslcommerzFake)
    for make in makers:
        fake = make()
        fake.stop()
        with pytest.raises(OSError):
            post(fake.url + "/", b"", {})


def test_the_command_line_says_how_to_start_the_shop():
    with StripeFake() as stripe_fake, SslcommerzFake() as bank:
        told = environment(stripe_fake, bank)

    assert (told["STRIPE_API_URL"], told["SSLCOMMERZ_API_URL"]) == (stripe_fake.url, bank.url)
    assert told["PAYMENT_PROVIDERS"] == "cod,simulated,stripe,sslcommerz"


@pytest.mark.parametrize("path", sorted(Path(fakes.__file__).parent.rglob("*.py")), ids=lambda path: path.stem)
def test_the_fakes_know_nothing_of_the_shop(path):
    """They must be able to contradict it."""
    imported = re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
    assert [name for name in imported if name.split(".")[0] in ("apps", "core", "config", "django")] == []
