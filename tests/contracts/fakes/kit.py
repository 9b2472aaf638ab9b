"""What the tests of the fakes ask again and again."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import stripe

from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake

SECRET = "whsec_fake"
MERCHANT = "/validator/api/merchantTransIDvalidationAPI.php"
VALIDATION = "/validator/api/validationserverAPI.php"
SESSION = "/gwprocess/v4/api.php"
FORM = {
    "total_amount": "250.50",
    "currency": "BDT",
    "tran_id": "T1",
    "product_category": "goods",
    "product_name": "A shirt",
    "product_profile": "physical-goods",
    "num_of_item": "1",
    "shipping_method": "NO",
    "success_url": "http://shop.test/success",
    "fail_url": "http://shop.test/fail",
    "cancel_url": "http://shop.test/cancel",
    "cus_name": "Ada",
    "cus_email": "ada@example.com",
    "cus_add1": "1 Road",
    "cus_city": "Dhaka",
    "cus_postcode": "1207",
    "cus_country": "Bangladesh",
    "cus_phone": "01700000000",
    "value_a": "a1",
}


def an_intent(client: stripe.StripeClient, *, key: str = "", **params: Any) -> Any:
    asked = {"amount": 1999, "currency": "usd", "metadata": {"attempt_id": "a1"}, **params}
    return client.v1.payment_intents.create(asked, {"idempotency_key": key} if key else {})


def types_of(fake: StripeFake) -> list[str]:
    return [event["type"] for event in fake.events]


def browse(method: str, url: str, **form: str) -> bytes:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=10)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, f"{parts.path}?{parts.query}", urlencode(form) if form else None, headers)
        return connection.getresponse().read()
    finally:
        connection.close()


def ask(bank: SslcommerzFake, path: str, **query: str) -> Any:
    sent = {"store_id": bank.store_id, "store_passwd": bank.store_password, "v": "1", "format": "json", **query}
    return json.loads(browse("GET", f"{bank.url}{path}?{urlencode(sent)}"))


def begin(bank: SslcommerzFake, **changed: str) -> Any:
    """Ask for a session and return the answer."""
    form = {"store_id": bank.store_id, "store_passwd": bank.store_password, **FORM, **changed}
    return json.loads(browse("POST", bank.url + SESSION, **form))
