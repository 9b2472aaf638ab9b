"""Settings of the payment providers, read from the environment variables of docs/settings.md.

Without keys a provider is known but not offered: PAYMENT_PROVIDERS says which ones customers may choose.
"""

from config import env
from config.settings import environment  # noqa: F401  # the .env file comes first

PAYMENT_GATEWAYS = {
    "cod": "apps.payments.gateways.cod.CashOnDelivery",
    "simulated": "apps.payments.gateways.simulated.SimulatedGateway",
    "stripe": "apps.payments.gateways.stripe.StripeGateway",
    "sslcommerz": "apps.payments.gateways.sslcommerz.SslcommerzGateway",
}
PAYMENT_WALLETS = {  # of the providers that keep payment methods for their customers
    "simulated": "apps.payments.gateways.simulated_wallet.SimulatedWallet",
    "stripe": "apps.payments.gateways.stripe_wallet.StripeWallet",
}
PAYMENT_PROVIDERS = env.words("PAYMENT_PROVIDERS", "cod,simulated")
PAYMENT_HOLD_DAYS = env.integer("PAYMENT_HOLD_DAYS", 6, minimum=1)  # how long money under way keeps an order's stock
PAYMENT_ALLOWED_NETWORKS = env.words("PAYMENT_ALLOWED_NETWORKS")  # private networks a provider's stand-in may live in
DISPUTES_HOLD_FULFILMENT = env.flag("DISPUTES_HOLD_FULFILMENT", default=True)

SIMULATED_WEBHOOK_SECRET = env.text("SIMULATED_WEBHOOK_SECRET")
SIMULATED_SETTLE_SECONDS = env.integer("SIMULATED_SETTLE_SECONDS", 5)

STRIPE_PUBLIC_KEY = env.text("STRIPE_PUBLIC_KEY")
STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRETS = env.words("STRIPE_WEBHOOK_SECRET")  # several, comma-separated, while one replaces another
STRIPE_CAPTURE_METHOD = env.choice("STRIPE_CAPTURE_METHOD", "automatic", ("automatic", "manual"))
STRIPE_PAYMENT_METHOD_TYPES = env.words("STRIPE_PAYMENT_METHOD_TYPES")  # none: those of the Stripe dashboard
STRIPE_API_URL = env.text("STRIPE_API_URL")
STRIPE_TIMEOUT_SECONDS = env.integer("STRIPE_TIMEOUT_SECONDS", 8, minimum=1)

SSLCOMMERZ_STORE_ID = env.text("SSLCOMMERZ_STORE_ID")
SSLCOMMERZ_STORE_PASSWORD = env.text("SSLCOMMERZ_STORE_PASSWORD")
SSLCOMMERZ_SANDBOX = env.flag("SSLCOMMERZ_SANDBOX", default=True)
SSLCOMMERZ_API_URL = env.text("SSLCOMMERZ_API_URL")
SSLCOMMERZ_TIMEOUT_SECONDS = env.integer("SSLCOMMERZ_TIMEOUT_SECONDS", 8, minimum=1)
