"""Country codes."""

import pytest
from django.core.exceptions import ValidationError

from core import countries


def test_only_assigned_codes_in_capitals_are_countries() -> None:
    assert len(countries.COUNTRIES) == 249
    assert all(map(countries.is_country, ["US", "BD", "DE", "GB", "SA", "AX"]))
    assert not any(map(countries.is_country, ["us", "USA", "UK", "XK", "EU", "", "U", "Ｕ"]))


def test_the_validator_refuses_what_is_no_country() -> None:
    countries.validate("BD")
    with pytest.raises(ValidationError):
        countries.validate("ZZ")
