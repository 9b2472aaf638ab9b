"""Stock in the back office: adjusted with a reason, never edited."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.inventory.models import Stock, StockMovement
from apps.inventory.services.reservations import reserve
from apps.inventory.states import MovementKind
from core import clock
from tests.factories import make_product

pytestmark = pytest.mark.django_db


@pytest.fixture
def stock() -> Stock:
    make_product(stock=10, name="Linen shirt", variant={"sku": "LS-1"})
    return Stock.objects.get()


@pytest.fixture
def browser(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def change(browser: Client, stock: Stock, **fields: object) -> str:
    url = reverse("admin:inventory_stock_change", args=[stock.pk])
    data = {"delta": "", "reason": "", "low_stock_threshold": stock.low_stock_threshold, **fields}
    return browser.post(url, data, follow=True).content.decode()


def figures(stock: Stock) -> tuple[int, int, int]:
    stock.refresh_from_db()
    return stock.on_hand, stock.reserved, stock.low_stock_threshold


def test_an_adjustment_changes_the_stock_and_names_who_and_why(browser: Client, admin: User, stock: Stock) -> None:
    change(browser, stock, delta=-3, reason="broken")
    assert figures(stock) == (7, 0, stock.low_stock_threshold)
    movement = StockMovement.objects.order_by("-id")[0]
    assert (movement.kind, movement.quantity, movement.reason) == (MovementKind.ADJUST, -3, "broken")
    assert movement.actor == admin


def test_an_adjustment_without_a_reason_is_refused(browser: Client, stock: Stock) -> None:
    assert "Say why the stock changes." in change(browser, stock, delta=5)
    assert figures(stock)[0] == 10
    assert StockMovement.objects.count() == 1


def test_units_promised_to_orders_cannot_be_taken_away_here_either(browser: Client, stock: Stock) -> None:
    reserve(reference="order:1", demand={stock.variant_id: 9}, now=clock.now())
    page = change(browser, stock, delta=-2, reason="broken")
    assert "Only 1 units are not promised to an order." in page
    assert figures(stock)[:2] == (10, 9)


def test_figures_sent_with_the_form_are_ignored(browser: Client, stock: Stock) -> None:
    change(browser, stock, low_stock_threshold=8, on_hand=99, reserved=5)
    assert figures(stock) == (10, 0, 8)
    assert StockMovement.objects.count() == 1


@pytest.mark.parametrize(
    ("availability", "units", "is_listed"),
    [("none", 0, True), ("none", 1, False), ("low", 5, True), ("low", 6, False), ("plenty", 6, True)],
)
def test_stock_that_wants_attention_can_be_found(
    browser: Client, stock: Stock, availability: str, units: int, is_listed: bool
) -> None:
    Stock.objects.update(on_hand=units, low_stock_threshold=5)
    page = browser.get(reverse("admin:inventory_stock_changelist"), {"availability": availability}).content.decode()
    assert ("LS-1" in page) is is_listed


@pytest.mark.parametrize("model", ["stock", "stockmovement", "reservation", "stocklocation"])
def test_every_list_can_be_searched_and_none_of_them_adds_rows(browser: Client, stock: Stock, model: str) -> None:
    reserve(reference="order:1", demand={stock.variant_id: 1}, now=clock.now())
    page = browser.get(
        reverse(f"admin:inventory_{model}_changelist"), {"q": "LS-1"} if model != "stocklocation" else {}
    )
    assert page.status_code == 200
    assert b"LS-1" in page.content or model == "stocklocation"
    assert browser.get(reverse(f"admin:inventory_{model}_add")).status_code == 403


@pytest.mark.parametrize("model", [StockMovement, Stock])
def test_a_row_opens_and_cannot_be_deleted(browser: Client, stock: Stock, model: type[Stock]) -> None:
    row = model.objects.get()
    name = model._meta.model_name
    assert browser.get(reverse(f"admin:inventory_{name}_change", args=[row.pk])).status_code == 200
    assert browser.post(reverse(f"admin:inventory_{name}_delete", args=[row.pk])).status_code == 403
