"""How a parcel is followed on its way: what an order says of it, and what the texts may be."""

import dataclasses
import unicodedata
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

CARRIER_LENGTH = 100
NUMBER_LENGTH = 100
URL_LENGTH = 500
SCHEMES = ("http", "https")
_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_is_url = URLValidator(schemes=SCHEMES)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """What shall be said of an order's parcel, by the names of the order's fields.

    None leaves what the order says; "" says that it is not known.
    """

    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None

    def given(self) -> dict[str, str]:
        """Return the fields that say something."""
        return {name: text for name, text in dataclasses.asdict(self).items() if text is not None}


TRACKING_FIELDS = tuple(field.name for field in dataclasses.fields(Tracking))


def require_one_line(text: str) -> None:
    """Raise ValidationError for a text with control characters, line breaks among them."""
    if any(unicodedata.category(sign) in _BREAKS for sign in text):
        raise ValidationError("Control characters are not allowed.", code="control")


def require_web_address(text: str) -> None:
    """Raise ValidationError unless the text begins with http:// or https:// and names a host, and no user."""
    if not text.startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
        raise ValidationError("Use an address that begins with http:// or https://.", code="invalid_url")
    try:
        _is_url(text)
        names_a_user = "@" in urlsplit(text).netloc
    except (ValidationError, ValueError):
        names_a_user = True
    if names_a_user:
        raise ValidationError("This is not the address of a web page.", code="invalid_url")
