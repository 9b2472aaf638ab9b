"""The PDF: what stands on it, in every script, on as many pages as it takes, the same bytes every time."""

import datetime as dt
import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
from django.conf import settings

from apps.invoices.content import InvoiceContent
from apps.invoices.rendering import fonts
from apps.invoices.rendering.fonts import ARABIC, BASE, BENGALI
from apps.invoices.rendering.pdf import NAME_WIDTH, TEXT, render_invoice
from apps.invoices.rendering.runs import clean, runs_of
from apps.invoices.rendering.sheet import Sheet
from tests.apps.invoices.papers import content, line, pages_of


@pytest.fixture
def sheet() -> Iterator[Sheet]:
    paper = Sheet(title="Test", author="Shop", created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    paper.add_page()
    yield paper
    paper.close_fonts()


def test_everything_that_matters_stands_on_it() -> None:
    (text,) = pages_of(render_invoice(content(discount_amount="1.50")))
    for expected in (
        "INVOICE", "INV-2026-000042", "2026-11-20", "R7-KX2M-9QWT", "2026-11-19",
        "Demo Shop", "1 Market Street, Springfield", "Tax ID: US-99-1234567",
        "Ada Lovelace", "Austin, TX 78701", "ada@example.com", "Charles Babbage", "London W1U",
        "Shirt - Small", "SKU SHIRT-S", "39.98", "Cap", "19.99",
        "59.97", "-1.50", "4.90", "5.35", "Total USD", "70.22", "8.25 %", "64.87",
        "Cash on delivery", "Standard", "Page 1 of 1",
    ):  # fmt: skip
        assert expected in text, expected


def test_prices_with_tax_and_line_discounts_are_told() -> None:
    lines = (line("Shirt", discount_amount="2.00"),)
    (text,) = pages_of(render_invoice(content(prices_include_tax=True, lines=lines)))
    assert "Tax included" in text
    assert "Discount -2.00 USD" in text


def test_many_lines_go_on_to_further_pages_under_repeated_heads() -> None:
    lines = tuple(line(f"Thing number {number}") for number in range(1, 101))
    pages = pages_of(render_invoice(content(lines=lines)))
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
    for page in pages[1:]:
        assert "Invoice INV-2026-000042" in page
    for page in pages[:-1]:
        assert all(head in page for head in ("Item", "Quantity", "Unit price", "Amount USD"))
        assert "Total USD" not in page
    text = "\n".join(pages)
    assert all(f"Thing number {number}\n" in text for number in range(1, 101))
    assert "Total USD" in pages[-1]


def test_long_names_are_wrapped_within_their_column(sheet: Sheet) -> None:
    for name in ("word " * 60, "W" * 511, "ক্ষ" * 150, "محمد" * 100, "a" * 90 + " b " + "c" * 90):
        lines = sheet.wrap(name, TEXT, NAME_WIDTH)
        assert len(lines) > 1
        assert all(sheet.measure(line, TEXT) <= NAME_WIDTH for line in lines)
        signs = "".join(lines).replace("\u200f", "").replace(" ", "")
        assert signs == name.replace(" ", "")


def test_the_longest_names_and_addresses_still_fit_on_paper() -> None:
    long = ("ü" * 200, "x" * 200, "Ж" * 200, "city " * 40, "GB")
    lines = (line("very " * 102, sku="S" * 100), line("m" * 511))
    pages = pages_of(render_invoice(content(buyer=long, shipped_to=long, lines=lines)))
    assert f"Page {len(pages)} of {len(pages)}" in pages[-1]


# --- Scripts --------------------------------------------------------------------------------------
def test_each_script_has_its_font() -> None:
    assert [(run.text, run.family) for run in runs_of("Shirt বাংলা শার্ট!")] == [("Shirt ", BASE), ("বাংলা শার্ট!", BENGALI)]
    assert [(run.text, run.family) for run in runs_of("قميص أزرق")] == [("قميص أزرق", ARABIC)]
    assert [run.family for run in runs_of("Ünïcode Ελληνικά Кириллица € ₹")] == [BASE]


def test_arabic_runs_from_right_to_left_and_numbers_in_it_do_not() -> None:
    # Logical order: word, blank, 42. Seen from the left: 42, blank and word.
    runs = runs_of("رقم 42")
    assert [(run.text, run.is_right_to_left) for run in runs] == [("42", False), ("رقم ", True)]
    mixed = runs_of("Shirt قميص 12 and")
    assert [(run.text.strip(), run.is_right_to_left) for run in mixed] == [
        ("Shirt", False),
        ("12", False),
        ("قميص", True),
        ("and", False),
    ]


def test_brackets_in_arabic_are_mirrored_with_it() -> None:
    runs = runs_of("كبير (XL)")
    assert [(run.text, run.is_right_to_left) for run in runs] == [
        (")", True),
        ("XL", False),
        ("(", True),
        ("كبير ", True),
    ]
    assert all(run.needs_shaping for run in runs if run.is_right_to_left)


def test_arabic_letters_are_joined_and_bengali_conjuncts_formed(sheet: Sheet) -> None:
    for word in ("محمد", "السلام", "ক্ষ", "স্ত্র"):
        sheet.write_line(word, TEXT, x=20, y=20)
    arabic, bengali = (sheet.fonts[family].subset.get_all_glyph_names() for family in (ARABIC, BENGALI))
    assert {"uniFEE3", "uniFEA4", "uniFEE4", "uniFEAA"} <= set(arabic)  # meem and hah as they begin and join, dal
    assert "uniFEFC" in arabic  # lam and alef as one
    assert {"kassabeng", "satarabeng"} <= set(bengali)  # ক্ষ and স্ত্র as one sign each


def test_bengali_and_arabic_can_be_read_back_from_the_pdf() -> None:
    (text,) = pages_of(render_invoice(content(buyer=("রবীন্দ্রনাথ", "محمد السلام", "ক্ষ"))))
    assert "রবীন্দ্রনাথ" in text
    assert "محمد السلام" in text
    assert "ক্ষ" in text


def test_signs_no_font_has_are_marked_instead_of_dropped() -> None:
    assert clean("日本 Tee 😀") == "\ufffd\ufffd Tee \ufffd"
    assert clean("a\u202eb\u2066c\x00d\ue000\ue001") == "abcd\ufffd\ufffd"
    assert clean(" two\n lines\t") == "two lines"
    (text,) = pages_of(render_invoice(content(lines=(line("{nb} 日"),))))
    assert "{nb} \ufffd" in text


def test_the_fonts_lie_in_the_repository_with_their_licence_and_are_small() -> None:
    files = list(fonts.FOLDER.iterdir())
    assert sum(file.stat().st_size for file in files) < 2 * 1024 * 1024
    licence = (fonts.FOLDER / "OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert all(file.name in licence for file in files if file.suffix == ".ttf")


# --- The same bytes -------------------------------------------------------------------------------
def test_content_survives_the_trip_through_json() -> None:
    assert InvoiceContent.from_data(content().as_data()) == content()


def test_the_same_content_gives_the_same_bytes_in_any_process() -> None:
    here = hashlib.sha256(render_invoice(content(buyer=("محمد", "বাংলা")))).hexdigest()
    assert hashlib.sha256(render_invoice(content(buyer=("محمد", "বাংলা")))).hexdigest() == here
    program = textwrap.dedent(
        """
        import hashlib
        from apps.invoices.rendering.pdf import render_invoice
        from tests.apps.invoices.papers import content
        print(hashlib.sha256(render_invoice(content(buyer=("محمد", "বাংলা")))).hexdigest())
        """
    )
    for seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", program],
            cwd=settings.BASE_DIR,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here


def test_another_content_gives_other_bytes() -> None:
    assert render_invoice(content()) != render_invoice(content(total_amount="70.23"))
