"""`manage.py seed_demo`: accounts, delivery, tax and products to try the shop with.

It stands on the highest floor because it needs the services of many apps below.
"""

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.notifications.demo.accounts import DemoAccounts, ensure_accounts
from apps.notifications.demo.catalogue import ensure_products
from apps.notifications.demo.delivery import ensure_shipping_methods, ensure_stock_location, ensure_tax_rates
from core import clock

SAMPLE_FILE = Path("sample_data") / "products.csv"


class Command(BaseCommand):
    """Makes what is missing and changes nothing that exists: running it twice is harmless and fast."""

    help = "Fill the shop with demo accounts, shipping methods, tax rates and products, where they are missing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="also where ENVIRONMENT is production")
        parser.add_argument("--file", type=Path, help="products to import (default: sample_data/products.csv)")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENVIRONMENT == "production" and not options["force"]:
            raise CommandError("This is production: demo accounts have a known password. --force does it all the same.")
        now = clock.now()
        seller, accounts = ensure_accounts(DemoAccounts.from_environment(), now=now)
        places = ensure_stock_location()
        methods = ensure_shipping_methods(currency=settings.STORE_CURRENCY)
        taxes = ensure_tax_rates()
        seeded = ensure_products(options["file"] or settings.BASE_DIR / SAMPLE_FILE, seller=seller, now=now)
        made = {
            "accounts": accounts,
            "stock locations": places,
            "shipping methods": methods,
            "tax rates": taxes,
            "products": seeded.products,
            "pictures": seeded.pictures,
        }
        if options["verbosity"]:
            told = ", ".join(f"{count} {what}" for what, count in made.items() if count)
            self.stdout.write(f"Made {told}." if told else "The demo data is all there.")
