"""Money never passes through a float."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
MONEY_PATH = ("apps/pricing", "apps/shipping", "apps/cart", "apps/orders", "apps/payments", "apps/invoices")
# Layout is measured in millimetres, which are floats; amounts reach it as text.
LAYOUT = "apps/invoices/rendering"


def modules() -> Iterator[Path]:
    yield ROOT / "core" / "money.py"
    yield ROOT / "core" / "fields.py"
    for folder in MONEY_PATH:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.is_relative_to(ROOT / LAYOUT) and "migrations" not in path.parts:
                yield path


def floats_in(source: str, *, strictly: bool) -> list[int]:
    """Return the lines that make a float: float(…) and FloatField; strictly, every mention and literal too."""

    def makes_one(node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id == "float"
        if isinstance(node, ast.Constant):
            return strictly and isinstance(node.value, float)
        if isinstance(node, ast.Name):
            return strictly and node.id == "float"
        return isinstance(node, ast.Attribute) and node.attr == "FloatField"

    return sorted({node.lineno for node in ast.walk(ast.parse(source)) if makes_one(node)})


def test_the_search_finds_floats() -> None:
    source = "a = float(1)\nb = models.FloatField()\nc = 0.1\nd: float\ne = Decimal('0.1')"
    assert floats_in(source, strictly=False) == [1, 2]
    assert floats_in(source, strictly=True) == [1, 2, 3, 4]


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_float_in_the_money_path(path: Path) -> None:
    # Elsewhere a float may be a number of seconds; where amounts are computed there is no use for one.
    computes_amounts = path.is_relative_to(ROOT / "apps" / "pricing") or path.name == "money.py"
    assert floats_in(path.read_text("utf-8"), strictly=computes_amounts) == []
