"""Fills a fresh database for the benchmarks and prints ids and tokens as one line of JSON."""

import json
import os
import sys
from decimal import Decimal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

import django

django.setup()

from django.core.management import call_command

from apps.accounts.models import User
from apps.accounts.services.sign_in import ClientInfo
from apps.accounts.services.tokens import start_session
from apps.accounts.states import Role
from apps.inventory.services.stock import set_many_available
from apps.products.models import Category, Product, ProductVariant
from apps.shipping.models import ShippingMethod, ShippingRate
from core import clock

PRODUCTS, CATEGORIES, CUSTOMERS, STOCK = 1_000, 20, 100, 1_000_000


def main() -> None:
    call_command("migrate", verbosity=0)
    seller = User.objects.create_user("seller@bench.example", "benchmark-pass", role=Role.SELLER)
    categories = [Category.objects.create(name=f"Category {n}", slug=f"category-{n}") for n in range(CATEGORIES)]
    products = Product.objects.bulk_create(make_product(n, seller, categories) for n in range(PRODUCTS))
    variants = ProductVariant.objects.bulk_create(
        ProductVariant(product=product, sku=product.sku, price=product.price, currency="USD", weight_grams=300)
        for product in products
    )
    set_many_available({variant.id: STOCK for variant in variants}, reason="benchmark", now=clock.now())
    method = ShippingMethod.objects.create(code="standard", name="Standard")
    ShippingRate.objects.create(method=method, price=Decimal("5.00"), currency="USD")
    tokens = [sign_up(number) for number in range(CUSTOMERS)]
    sys.stdout.write(json.dumps({"product_ids": [str(product.id) for product in products], "tokens": tokens}) + "\n")


def make_product(number: int, seller: User, categories: list[Category]) -> Product:
    kind = "shirt" if number % 10 == 0 else "thing"
    name = f"Benchmark {kind} {number}"
    return Product(
        seller=seller,
        category=categories[number % CATEGORIES],
        name=name,
        slug=f"benchmark-{number}",
        sku=f"BENCH-{number}",
        description=f"<p>{name}: a plain description of some forty words, as shops have them. "
        + "Soft and warm. " * 12
        + "</p>",
        price=Decimal(number % 90 + 10),
        currency="USD",
        search_text=f"{name} category {number % CATEGORIES}",
    )


def sign_up(number: int) -> str:
    user = User.objects.create_user(f"customer{number}@bench.example", "benchmark-pass")
    return start_session(user=user, client=ClientInfo(user_agent="benchmark", ip_address=None), now=clock.now()).access


if __name__ == "__main__":
    main()
