"""`export_products`: what is written is what is read back, byte for byte, and harmless in a spreadsheet."""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.inventory.models import Stock, StockMovement
from apps.inventory.services.product_export import export_products
from apps.inventory.services.product_import import ImportOptions, import_products
from apps.products.models import Category, Product, ProductImage, ProductVariant, Tag
from apps.products.services.images import add_image
from core import clock
from tests import factories
from tests.apps.products.csv_kit import ALL_COLUMNS, first, more, write_file
from tests.apps.products.test_images import encoded
from tests.apps.products.test_import_products import SHARED_DATA, SIZES

A_JPG = "https://example.com/a.jpg"
NASTY = '=HYPERLINK("http://evil.example/","click")'
RICH = [
    *SIZES,
    first(
        Handle="Odd_Handle-1", Title=NASTY, Body="@SUM(A1)\nsecond, \"line\"", Vendor="+49", Type="Home > =Garden",
        Tags="'quoted, -minus", Option1_Name="=Size", Option1_Value="-1", Option2_Name="'n", Option2_Value="''",
        Variant_SKU="'007", Variant_Barcode="@home", Variant_Tax_Code="=tax", Image_Src=A_JPG, Image_Alt_Text="＝x",
        SEO_Title="-", SEO_Description="+1\n\nmore", Featured="true",
    ),
    more("Odd_Handle-1", Option1_Value="=2", Option2_Value="b", Variant_Price="0.05", Variant_Active="false"),
    first(Handle="draft", Title="Entwurf für Größe", Status="draft", Published="false", Variant_Inventory_Qty="0"),
    first(Handle="gone", Title="ঢাকা", Status="archived", Published="false", Cost_per_item="3.10"),
    first(Handle="pictures", Title="Pictures", Image_Src=A_JPG, Image_Position="2", Variant_Compare_At_Price="99"),
    more("pictures", Image_Src="https://example.com/z.png?x=1,2", Image_Position="1", Image_Alt_Text="Z"),
]  # fmt: skip


def export() -> bytes:
    out = io.StringIO(newline="")
    losses: list[str] = []
    export_products(out, on_loss=losses.append)
    assert losses == []
    return out.getvalue().encode()


def import_bytes(data: bytes, folder: Path) -> None:
    path = folder / "in.csv"
    path.write_bytes(data)
    problems: list[object] = []
    seller = factories.make_admin()
    import_products(path, options=ImportOptions(seller=seller), now=clock.now(), on_problem=problems.append)
    assert problems == []


def empty_the_shop() -> None:
    for model in (StockMovement, Stock, ProductImage, ProductVariant):
        model.objects.all()._raw_delete("default")
    Product.tags.through.objects.all().delete()
    for model in (Product, Tag):
        model.objects.all().delete()
    while Category.objects.exists():
        Category.objects.filter(children=None).delete()


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def round_trip(original: bytes, folder: Path) -> tuple[bytes, bytes]:
    import_bytes(original, folder)
    exported = export()
    empty_the_shop()
    import_bytes(exported, folder)
    return exported, export()


@pytest.fixture
def rich_file(tmp_path: Path) -> bytes:
    return write_file(tmp_path / "rich.csv", RICH).read_bytes()


def test_a_round_trip_is_the_same_byte_for_byte(db, tmp_path, rich_file):
    exported, again = round_trip(rich_file, tmp_path)

    assert again == exported
    assert len(rows_of(exported)) == len(RICH)


def _value(column: str, text: str, row: dict[str, str]) -> object:
    """What a cell means, so that "50" and "50.00", or a blank and its default, are one."""
    text = text[1:] if text[:1] == "'" and text[1:2] in tuple("'=+-@＝") else text
    if column in ("Variant Price", "Variant Compare At Price", "Cost per item"):
        return Decimal(text) if text else None
    if column in ("Published", "Variant Requires Shipping", "Variant Taxable"):
        return text.casefold()
    if column == "Tags":
        return sorted(filter(None, (word.strip() for word in text.split(","))))
    return text if column == "Body (HTML)" else text.strip()


KEPT = [
    "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Option1 Name", "Option1 Value",
    "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value", "Variant SKU", "Variant Grams",
    "Variant Inventory Qty", "Variant Inventory Policy", "Variant Price", "Variant Compare At Price",
    "Variant Requires Shipping", "Variant Taxable", "Variant Barcode", "Image Src", "Image Alt Text", "SEO Title",
    "SEO Description", "Variant Image", "Variant Tax Code", "Cost per item",
]  # fmt: skip


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="there is no folder of catalogues beside the repository")
@pytest.mark.parametrize("name", ["apparel.csv", "home-and-garden.csv"])
def test_a_genuine_file_comes_back_with_every_kept_column(name, db, tmp_path):
    original = (SHARED_DATA / name).read_bytes()

    exported, again = round_trip(original, tmp_path)

    assert again == exported
    before, after = rows_of(original), rows_of(exported)
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        for column in KEPT:
            if column in old:
                assert _value(column, new[column], new) == _value(column, old[column], old), column


def test_no_cell_acts_in_a_spreadsheet(db, tmp_path, rich_file):
    import_bytes(rich_file, tmp_path)

    cells = [cell for row in csv.reader(io.StringIO(export().decode(), newline="")) for cell in row]

    assert [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))] == []
    assert "'" + NASTY in cells


def test_the_meaning_of_dangerous_cells_survives(db, tmp_path):
    rows = [first(Title=f"{sign}x", SEO_Title=f"'{sign}x", Handle=f"h{n}") for n, sign in enumerate("=+-@'")]
    written = [{**row, "Title": "'" + row["Title"], "SEO Title": "'" + row["SEO Title"]} for row in rows]
    import_bytes(write_file(tmp_path / "a.csv", written).read_bytes(), tmp_path)

    assert list(Product.objects.order_by("slug").values_list("name", "seo_title")) == [
        (f"{sign}x", f"'{sign}x") for sign in "=+-@'"
    ]
    exported = export()
    empty_the_shop()
    import_bytes(exported, tmp_path)
    assert export() == exported


def test_the_quantity_is_what_is_available(db, tmp_path):
    import_bytes(write_file(tmp_path / "a.csv", SIZES).read_bytes(), tmp_path)
    Stock.objects.filter(variant__sku="S-1").update(reserved=2)

    assert [row["Variant Inventory Qty"] for row in rows_of(export())] == ["3", "7"]


def test_an_uploaded_picture_is_exported_by_its_address_and_not_doubled(db, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.PUBLIC_URL = "https://shop.example.com"
    import_bytes(write_file(tmp_path / "a.csv", SIZES).read_bytes(), tmp_path)
    image = add_image(product=Product.objects.get(), upload=io.BytesIO(encoded("PNG")), now=clock.now())

    exported = export()
    import_bytes(exported, tmp_path)

    assert rows_of(exported)[2]["Image Src"] == f"https://shop.example.com/media/{image.file.name}"
    assert ProductImage.objects.count() == 3
    assert export() == exported


def test_a_withdrawn_variant_stays_withdrawn(db, tmp_path):
    import_bytes(write_file(tmp_path / "a.csv", SIZES).read_bytes(), tmp_path)
    ProductVariant.objects.filter(sku="M-1").update(is_active=False)

    exported = export()

    assert [row["Variant Active"] for row in rows_of(exported)] == ["true", "false"]
    empty_the_shop()
    import_bytes(exported, tmp_path)
    assert dict(ProductVariant.objects.values_list("sku", "is_active")) == {"S-1": True, "M-1": False}


def test_what_a_file_cannot_say_is_told(db):
    product = factories.make_product(slug="odd", option_names=["Size"])
    ProductVariant.objects.filter(product=product).update(option_values=[])
    bare = factories.make_product(slug="bare", stock=None)
    bare.variants.all().delete()
    losses: list[str] = []
    out = io.StringIO(newline="")

    count = export_products(out, on_loss=losses.append)

    assert count == 0
    assert [loss.partition(":")[0] for loss in losses] == ["odd", "bare"]
    assert rows_of(out.getvalue().encode()) == []


def test_every_product_is_exported_across_batches(db, monkeypatch):
    monkeypatch.setattr("apps.products.services.exporting.BATCH", 3)
    made = [factories.make_product().slug for _ in range(7)]

    assert [row["Handle"] for row in rows_of(export())] == made


def test_the_statements_do_not_grow_with_the_products(db, django_assert_max_num_queries):
    for _ in range(30):
        factories.make_product()

    with django_assert_max_num_queries(8):
        export()


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def command() -> Callable[..., str]:
    def run(*arguments: object) -> str:
        out = io.StringIO(newline="")
        call_command("export_products", *map(str, arguments), stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return run


def test_the_command_writes_a_file_or_its_output(db, tmp_path, command):
    factories.make_product()

    said = command(tmp_path / "out.csv")

    assert said == f"1 products written to {tmp_path / 'out.csv'}\n"
    assert (tmp_path / "out.csv").read_bytes() == command().encode() == export()
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_the_command_can_write_one_sellers_products(db, tmp_path, command):
    seller = factories.make_seller(email="one@example.com")
    factories.make_product(slug="mine", seller=seller)
    factories.make_product(slug="theirs")

    assert [row["Handle"] for row in rows_of(command("--seller", "one@example.com").encode())] == ["mine"]
    with pytest.raises(CommandError, match="no account"):
        command("--seller", "nobody@example.com")


def test_a_failed_export_leaves_the_old_file(db, tmp_path, command, monkeypatch):
    (tmp_path / "out.csv").write_text("old")

    def fail(*_: object, **__: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr("apps.inventory.management.commands.export_products.export_products", fail)

    with pytest.raises(CommandError, match="disk full"):
        command(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_the_header_is_shopifys_with_two_columns_of_ours(db):
    assert export().decode().splitlines()[0].split(",") == ALL_COLUMNS
    assert ALL_COLUMNS[-2:] == ["Featured", "Variant Active"]
