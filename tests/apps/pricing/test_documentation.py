"""The worked examples of docs/algorithms/pricing.md are true."""

import doctest
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.pricing.quotes import PricedLine
from core import money
from tests.apps.pricing.goods import amount_off, figures, line, option, percent_off, price, rate, tax

PAGE = Path(settings.BASE_DIR) / "docs" / "algorithms" / "pricing.md"


def priced(lines: Sequence[PricedLine], **asked: Any) -> None:
    cost, free_over, share = asked.pop("shipping", None), asked.pop("free_over", None), asked.pop("tax", None)
    print(
        figures(
            price(
                lines,
                option=option(rate(cost, free_over=free_over)) if cost else None,
                tax_rules=(tax(share),) if share else (),
                **asked,
            )
        )
    )


def test_the_worked_examples_of_the_pricing_page_are_true() -> None:
    names = {
        "line": line,
        "priced": priced,
        "percent_off": percent_off,
        "amount_off": amount_off,
        "quantize": lambda amount, currency: money.quantize(Decimal(amount), currency),
        "split": lambda amount, weights, currency: [
            str(part) for part in money.split(Decimal(amount), [Decimal(weight) for weight in weights], currency)
        ],
    }
    examples = doctest.DocTestParser().get_doctest(PAGE.read_text("utf-8"), names, "pricing.md", str(PAGE), 0)
    report: list[str] = []
    outcome = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert outcome.attempted >= 15
    assert not outcome.failed, "".join(report)
