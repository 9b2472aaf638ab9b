"""The page the payer is sent to, and the form by which the browser goes back to the shop."""

import html
from collections.abc import Mapping

from tests.fakes.http_server import Answer, as_page
from tests.fakes.sslcommerz_provider.payments import Session

BUTTONS = {"Pay": "pay", "Pay, looks risky": "risky", "Fail": "fail", "Cancel": "cancel"}


def show(session: Session) -> Answer:
    """Return the payment page of a session."""
    buttons = "".join(
        f'<p><button name="do" value="{value}">{name}</button></p>'
        for name, value in BUTTONS.items()
        if session.status == "PENDING"
    )
    money = f"{session.charged:.2f} {session.form['currency']}"
    return as_page(
        "<!doctype html><meta charset=utf-8><title>Fake SSLCommerz</title>"
        f"<h1>Fake SSLCommerz</h1><p>{html.escape(session.tran_id)}: {html.escape(money)}</p>"
        f"<p>Status: <b>{session.status}</b></p><form method=post>{buttons}</form><p>No money moves here.</p>"
    )


def send_back(url: str, form: Mapping[str, str]) -> Answer:
    """Return a page that posts the form to the shop, as the real one does."""
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in form.items()
    )
    return as_page(
        "<!doctype html><meta charset=utf-8><title>Back to the shop</title>"
        f'<form method="post" action="{html.escape(url)}">{inputs}<button>Back to the shop</button></form>'
        "<script>document.forms[0].submit()</script>"
    )
