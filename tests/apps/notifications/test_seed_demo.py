"""`seed_demo`: a shop to look at, made once."""

import csv
import io
import time
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from apps.accounts.models import Address, User
from apps.accounts.states import Role
from apps.inventory.models import Stock, StockLocation, StockMovement
from apps.inventory.services.stock import set_available
from apps.pricing.models import TaxRate
from apps.products.models import Category, Product, ProductImage, ProductVariant
from apps.shipping.models import ShippingMethod, ShippingRate
from core import clock

SAMPLE = Path(django_settings.BASE_DIR) / "sample_data" / "products.csv"
MODELS = (
    User, Address, StockLocation, Stock, StockMovement, TaxRate, Category, Product, ProductVariant, ProductImage,
    ShippingMethod, ShippingRate,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, settings, tmp_path: Path) -> None:
    for name in ("DEMO_PASSWORD", "DEMO_ADMIN_EMAIL", "DEMO_SELLER_EMAIL", "DEMO_CUSTOMER_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    settings.MEDIA_ROOT = tmp_path
    settings.ENVIRONMENT = "local"


def seed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("seed_demo", *arguments, stdout=out)
    return out.getvalue()


def snapshot() -> list[list[tuple[object, ...]]]:
    return [list(model.objects.order_by("pk").values_list()) for model in MODELS]


def test_an_empty_shop_is_filled(db):
    said = seed()

    assert said == ("Made 3 accounts, 1 stock locations, 2 shipping methods, 12 tax rates, 30 products, 30 pictures.\n")
    accounts = {user.email: user for user in User.objects.all()}
    assert {email: user.role for email, user in accounts.items()} == {
        "admin@example.com": Role.ADMIN,
        "seller@example.com": Role.SELLER,
        "customer@example.com": Role.CUSTOMER,
    }
    assert all(user.check_password("demo-shop-pass") for user in accounts.values())
    assert accounts["admin@example.com"].is_superuser is True
    assert Product.objects.filter(seller=accounts["seller@example.com"], is_active=True).count() == 30
    assert ProductVariant.objects.count() == 58
    assert Stock.objects.filter(on_hand__gt=0).count() > 50
    assert ProductImage.objects.exclude(file="").count() == 30


def test_the_second_run_changes_nothing_and_is_fast(db):
    seed()
    before = snapshot()

    started = time.monotonic()
    said = seed()

    assert time.monotonic() - started < 2
    assert said == "The demo data is all there.\n"
    assert snapshot() == before


def test_what_people_changed_stays_changed(db):
    seed()
    mug = Product.objects.get(slug="stoneware-mug")
    Product.objects.filter(pk=mug.pk).update(name="My mug")
    set_available(variant_id=mug.variants.first().pk, quantity=3, reason="counted", now=clock.now())
    TaxRate.objects.filter(country="DE").delete()
    User.objects.get(email="customer@example.com").set_password("another")
    before = snapshot()

    seed()

    assert snapshot() == before


def test_addresses_and_password_can_be_chosen(db, monkeypatch):
    monkeypatch.setenv("DEMO_ADMIN_EMAIL", "Boss@Example.org")
    monkeypatch.setenv("DEMO_PASSWORD", "another-long-one")

    seed()

    assert User.objects.get(role=Role.ADMIN).email == "boss@example.org"
    assert User.objects.get(email="seller@example.com").check_password("another-long-one")


def test_production_is_refused_unless_forced(db, settings):
    settings.ENVIRONMENT = "production"

    with pytest.raises(CommandError, match="--force"):
        seed()
    assert User.objects.count() == 0

    seed("--force")
    assert User.objects.count() == 3


@pytest.mark.parametrize("currency", ["JPY", "KWD", "BDT"])
def test_the_demo_data_fits_every_store_currency(currency, db, settings):
    settings.STORE_CURRENCY = currency

    seed()

    assert set(ProductVariant.objects.values_list("currency", flat=True)) == {currency}
    assert set(ShippingRate.objects.values_list("currency", flat=True)) == {currency}


def test_the_sample_file_shows_what_the_shop_can_do():
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    firsts = [row for row in rows if row["Title"]]
    categories = {row["Type"].partition(" > ")[0] for row in firsts}

    assert len(firsts) >= 24
    assert len(categories) >= 6
    assert categories == {row["Type"].partition(" > ")[0] for row in firsts if row["Featured"] == "true"}
    assert len(rows) - len(firsts) >= 20
