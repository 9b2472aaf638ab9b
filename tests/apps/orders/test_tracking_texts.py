"""What carrier, number and address of a parcel may be."""

import pytest
from django.core.exceptions import ValidationError

from apps.orders.tracking import require_one_line, require_web_address

URL = "https://parcels.example.com/track?number=1Z999&lang=en"


@pytest.mark.parametrize("text", ["DHL", "Pošta & Söhne <b>", "কুরিয়ার", "1Z 999", "", "🚚"])
def test_one_line_may_hold_any_script(text: str) -> None:
    require_one_line(text)


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\rb", "a\tb", "a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b", "a\u2029b"],
    ids=["line feed", "return", "tab", "nul", "escape", "delete", "next line", "line separator", "paragraph"],
)
def test_one_line_holds_no_control_characters(text: str) -> None:
    with pytest.raises(ValidationError):
        require_one_line(text)


@pytest.mark.parametrize(
    "text", ["https://a.example/", "http://a.example", URL, "https://[2001:db8::1]/x", "https://a.example:8443/#1Z"]
)
def test_web_addresses(text: str) -> None:
    require_web_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)", "JAVASCRIPT:alert(1)//https://a.example", "data:text/html,x", "ftp://a.example/",
        "//a.example/", "a.example", "https://", "https:///x", "https:a.example", "https://a b.example/",
        "https://a.example/a b", "https://a.example/\nX", "https://bank.example@a.example/", "https://u:p@a.example/",
        "https://a.example\\@b.example/", "https://[::1", "https://a.example:99999999/",
    ],
    ids=[
        "javascript", "capitals", "data", "ftp", "no scheme", "bare", "no host", "empty host", "no slashes",
        "blank in host", "blank in path", "line break", "user", "password", "backslash", "broken IPv6", "port",
    ],
)  # fmt: skip
def test_what_is_no_web_address(text: str) -> None:
    with pytest.raises(ValidationError):
        require_web_address(text)
