"""The page that plays the storefront's payment form: a newcomer chooses what the payer and their bank do."""

import html

from tests.fakes.http_server import Answer, as_page
from tests.fakes.stripe_provider.books import Json

# What each button does: the payment method it pays with.
BUTTONS = {
    "Pay": "pm_card_visa",
    "Pay with 3-D Secure": "pm_card_authenticationRequired",
    "Pay by bank (settles later)": "pm_usBankAccount",
    "Decline": "pm_card_chargeDeclined",
}
AUTHENTICATION = {"Authenticate": "authenticate", "Fail authentication": "fail_authentication"}
SETTLING = {"Settle": "settle", "Fail settling": "fail_settling"}


def show(intent: Json) -> Answer:
    """Return the page for a payment or setup intent."""
    buttons = {"requires_action": AUTHENTICATION, "processing": SETTLING}.get(intent["status"], BUTTONS)
    if intent["status"] in ("succeeded", "canceled", "requires_capture"):
        buttons = {}
    made = "".join(
        f'<p><button name="do" value="{html.escape(value)}">{html.escape(name)}</button></p>'
        for name, value in buttons.items()
    )
    amount = f"{intent['amount']} minor units of {intent['currency'].upper()}" if "amount" in intent else "no charge"
    return as_page(
        "<!doctype html><meta charset=utf-8><title>Fake Stripe</title>"
        f"<h1>Fake Stripe</h1><p>{html.escape(intent['id'])}: {html.escape(amount)}</p>"
        f"<p>Status: <b>{html.escape(intent['status'])}</b></p><form method=post>{made}</form>"
        "<p>No money moves here. The shop hears of it by webhook.</p>"
    )
