"""`python -m tests.fakes` runs both providers, for trying the shop by hand. Ctrl-C ends them."""

import argparse
import threading

from tests.fakes.sslcommerz_provider import SslcommerzFake
from tests.fakes.stripe_provider import StripeFake

WEBHOOK_URL = "http://127.0.0.1:8000/api/v1/payments/webhook/stripe/"
PASSWORD = "teststore@ssl"


def main() -> None:
    """Start, say how to start the shop, and wait."""
    chosen = _parse()
    with (
        StripeFake(chosen.stripe_port) as stripe,
        SslcommerzFake(chosen.sslcommerz_port, store_password=PASSWORD) as sslcommerz,
    ):
        stripe.webhook_url = chosen.webhook_url
        for name, value in environment(stripe, sslcommerz).items():
            print(f"{name}={value}")
        print(f"\nPay a Stripe payment at {stripe.url}/pay/<its client_secret>; an SSLCommerz one at its redirect_url.")
        print(f"Stripe's webhooks go to {chosen.webhook_url}. Ctrl-C ends both.", flush=True)
        _wait()


def environment(stripe: StripeFake, sslcommerz: SslcommerzFake) -> dict[str, str]:
    """Return the settings with which the shop talks to these two."""
    return {
        "PAYMENT_PROVIDERS": "cod,simulated,stripe,sslcommerz",
        "PAYMENT_ALLOWED_NETWORKS": "127.0.0.0/8",
        "STRIPE_API_URL": stripe.url,
        "STRIPE_PUBLIC_KEY": "pk_test_fake",
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "SSLCOMMERZ_API_URL": sslcommerz.url,
        "SSLCOMMERZ_STORE_ID": sslcommerz.store_id,
        "SSLCOMMERZ_STORE_PASSWORD": sslcommerz.store_password,
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes", description=__doc__)
    parser.add_argument("--stripe-port", type=int, default=9101)
    parser.add_argument("--sslcommerz-port", type=int, default=9102)
    parser.add_argument("--webhook-url", default=WEBHOOK_URL)
    return parser.parse_args()


def _wait() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
