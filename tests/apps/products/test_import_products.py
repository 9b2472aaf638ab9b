"""`import_products`: products whole with their stock or not at all, and nothing at all the second time."""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.inventory.models import Stock, StockMovement
from apps.inventory.selectors import available_units
from apps.inventory.services.product_import import ImportOptions, ImportReport, import_products
from apps.inventory.services.reservations import reserve
from apps.inventory.states import MovementKind
from apps.products.changes import CATALOGUE_SLOT, product_slot
from apps.products.models import Category, Product, ProductImage, ProductVariant, Tag
from apps.products.services.categories import create_category
from apps.products.services.images import add_image
from apps.products.services.importing import load_stored
from apps.products.services.search_index import stale_products
from apps.products.shopify.rows import RowProblem
from core import clock
from core.changes import counters
from core.http_client import Fetched, FetchFailed
from tests import factories
from tests.apps.products.csv_kit import ALL_COLUMNS, first, more, write_file
from tests.apps.products.test_images import encoded

A_JPG, B_JPG, C_JPG = (f"https://example.com/{letter}.jpg" for letter in "abc")
SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
SIZES = [
    first(
        Body="<p>Soft</p>", Vendor="Acme", Type="Clothing", Tags="men, new", Option1_Name="Size", Option1_Value="S",
        Variant_SKU="S-1", Variant_Grams="200", Image_Src=A_JPG, Image_Alt_Text="Front",
    ),
    more(
        Option1_Value="M", Variant_SKU="M-1", Variant_Price="12", Variant_Inventory_Qty="7", Image_Src=B_JPG,
        Variant_Image=B_JPG, Variant_Requires_Shipping="true", Variant_Taxable="true",
    ),
]  # fmt: skip


class Importer:
    """Imports rows as a file and keeps what was told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seller = factories.make_admin()
        self.problems: list[RowProblem] = []

    def __call__(self, *rows: dict[str, str], columns: list[str] | None = None, **options: object) -> ImportReport:
        return self.file(write_file(self._folder / "products.csv", rows, columns=columns), **options)

    def file(self, path: Path, **options: object) -> ImportReport:
        self.problems = []
        return import_products(
            path,
            options=ImportOptions(**{"seller": self.seller, **options}),
            now=clock.now(),
            on_problem=self.problems.append,
        )

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(problem.line, problem.reason) for problem in self.problems]


@pytest.fixture
def importer(db: None, tmp_path: Path) -> Importer:
    return Importer(tmp_path)


def outcome(report: ImportReport) -> str:
    return " ".join(f"{count} {name}" for name, count in report.outcomes.items() if count)


def snapshot() -> list[list[tuple[object, ...]]]:
    """Everything an import may write, with times and versions."""
    through = Product.tags.through
    models = (Product, ProductVariant, ProductImage, Stock, StockMovement, Category, Tag, through)
    return [list(model.objects.order_by("pk").values_list()) for model in models]


def units_of(handle: str) -> dict[str, int]:
    names = dict(ProductVariant.objects.filter(product__slug=handle).values_list("pk", "name"))
    return {names[pk]: units for pk, units in available_units(names).items()}


# --- new products ---------------------------------------------------------------------------------


def test_a_product_is_written_with_everything_the_file_says(importer):
    report = importer(*SIZES)

    assert outcome(report) == "1 created"
    product = Product.objects.select_related("category").get(slug="shirt")
    assert (product.name, product.description, product.vendor) == ("Shirt", "<p>Soft</p>", "Acme")
    assert (product.price, product.sku, product.currency) == (Decimal(10), "S-1", "USD")
    assert (product.option_names, product.is_active, product.version) == (["Size"], True, 1)
    assert (product.category.name, product.category.slug, product.seller) == ("Clothing", "clothing", importer.seller)
    assert sorted(product.tags.values_list("name", flat=True)) == ["men", "new"]
    assert [(v.name, v.option_values, v.sku, v.price, v.weight_grams, v.position) for v in product.variants.all()] == [
        ("S", ["S"], "S-1", Decimal(10), 200, 0),
        ("M", ["M"], "M-1", Decimal(12), 0, 1),
    ]
    assert [(i.source_url, i.alt_text, i.position, i.variant and i.variant.name) for i in product.images.all()] == [
        (A_JPG, "Front", 0, None),
        (B_JPG, "", 1, "M"),
    ]
    assert units_of("shirt") == {"S": 5, "M": 7}
    assert sorted(StockMovement.objects.values_list("kind", "quantity", "reference")) == [
        (MovementKind.IMPORT, 5, "products.csv"),
        (MovementKind.IMPORT, 7, "products.csv"),
    ]
    assert list(stale_products()) == []


def test_the_second_run_changes_nothing(importer):
    importer(*SIZES, first(Handle="coat", Title="Coat", Status="archived"))
    before = snapshot()

    report = importer(*SIZES, first(Handle="coat", Title="Coat", Status="archived"))

    assert outcome(report) == "2 unchanged"
    assert snapshot() == before


def test_a_dry_run_tells_the_same_and_writes_nothing(importer):
    rows = [*SIZES, first(Handle="coat", Variant_Price="free"), first(Handle="hat", Variant_SKU="S-1")]
    before = snapshot()

    tried = importer(*rows, dry_run=True)
    told = importer.problems
    assert snapshot() == before
    done = importer(*rows)

    assert (tried.outcomes, tried.problems) == (done.outcomes, done.problems)
    assert told == importer.problems
    assert outcome(done) == "1 created 2 refused"


def test_a_product_with_a_bad_row_is_left_out_whole(importer):
    report = importer(SIZES[0], {**SIZES[1], "Variant Price": "-1"}, first(Handle="coat", Title="Coat"))

    assert outcome(report) == "1 created 1 refused"
    assert importer.reasons == [(3, "'-1' is negative")]
    assert list(Product.objects.values_list("slug", flat=True)) == ["coat"]
    assert Stock.objects.count() == 1


def test_a_bad_row_leaves_a_stored_product_as_it_is(importer):
    importer(*SIZES)
    before = snapshot()

    importer({**SIZES[0], "Title": "New name", "Variant Inventory Qty": "99"}, {**SIZES[1], "Variant Price": ""})

    assert snapshot() == before


def test_stock_that_cannot_be_written_takes_the_product_back(importer, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no stock today")

    monkeypatch.setattr("apps.inventory.services.product_import.set_many_available", fail)

    with pytest.raises(RuntimeError):
        importer(*SIZES)

    assert (Product.objects.count(), Category.objects.count(), Tag.objects.count()) == (0, 0, 0)


def test_products_keep_the_order_of_the_file(importer):
    handles = [f"thing-{number}" for number in (5, 3, 9, 1, 7)]

    importer(*(first(Handle=handle) for handle in handles))

    assert list(Product.objects.order_by("id").values_list("slug", flat=True)) == handles


# --- changes --------------------------------------------------------------------------------------


def test_only_what_differs_is_written_and_the_version_rises_once(importer):
    importer(*SIZES)
    product = Product.objects.get()

    report = importer(
        {**SIZES[0], "Title": "Better Shirt", "Variant Price": "11", "Tags": "men, old"},
        {**SIZES[1], "Variant Grams": "300"},
    )

    assert outcome(report) == "1 updated"
    product.refresh_from_db()
    assert (product.name, product.price, product.version) == ("Better Shirt", Decimal(11), 2)
    assert sorted(product.tags.values_list("name", flat=True)) == ["men", "old"]
    assert list(product.variants.values_list("price", "weight_grams")) == [(11, 200), (12, 300)]
    assert "better shirt" in product.search_text
    assert list(stale_products()) == []
    assert StockMovement.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_cached_answers_go_stale_when_a_product_changes_and_only_then(tmp_path):
    importer = Importer(tmp_path)
    importer(*SIZES)
    slots = [CATALOGUE_SLOT, product_slot(Product.objects.get().pk)]
    first_counts = counters().read(slots)

    importer(*SIZES)
    assert counters().read(slots) == first_counts

    importer({**SIZES[0], "Vendor": "Other"}, SIZES[1])
    assert all(now > then for now, then in zip(counters().read(slots), first_counts, strict=True))


def test_a_changed_quantity_moves_stock_and_not_the_product(importer):
    importer(*SIZES)

    report = importer({**SIZES[0], "Variant Inventory Qty": "2"}, SIZES[1])

    assert outcome(report) == "1 updated"
    assert units_of("shirt") == {"S": 2, "M": 7}
    assert Product.objects.get().version == 1
    assert StockMovement.objects.order_by("-id").first().quantity == -3


def test_the_quantity_is_what_is_available_beyond_what_is_reserved(importer):
    importer(*SIZES)
    small = ProductVariant.objects.get(sku="S-1")
    reserve(reference="order:1", demand={small.pk: 2}, now=clock.now())

    importer(*SIZES)

    stock = Stock.objects.get(variant=small)
    assert (stock.on_hand, stock.reserved, stock.available) == (7, 2, 5)


def test_a_blank_quantity_leaves_the_stock_alone(importer):
    importer(*SIZES)

    report = importer({**SIZES[0], "Variant Inventory Qty": ""}, SIZES[1])

    assert outcome(report) == "1 unchanged"
    assert units_of("shirt") == {"S": 5, "M": 7}


def test_a_variant_the_file_no_longer_lists_goes_off_sale_and_comes_back(importer):
    importer(*SIZES)
    medium = ProductVariant.objects.get(sku="M-1")

    report = importer(SIZES[0])
    assert (outcome(report), report.withdrawn_variants) == ("1 updated", 1)
    assert ProductVariant.objects.get(pk=medium.pk).is_active is False
    assert units_of("shirt") == {"S": 5, "M": 7}

    assert outcome(importer(SIZES[0])) == "1 unchanged"

    importer(*SIZES)
    assert ProductVariant.objects.get(sku="M-1").pk == medium.pk
    assert ProductVariant.objects.get(sku="M-1").is_active is True


def test_variants_can_change_places_and_exchange_skus(importer):
    importer(*SIZES)
    ids = dict(ProductVariant.objects.values_list("name", "pk"))
    swapped = [
        {**SIZES[0], "Option1 Value": "M", "Variant SKU": "S-1", "Variant Price": "12"},
        {**SIZES[1], "Option1 Value": "S", "Variant SKU": "M-1", "Variant Price": "10"},
    ]

    report = importer(*swapped)

    assert outcome(report) == "1 updated"
    assert list(ProductVariant.objects.values_list("name", "pk", "sku", "position")) == [
        ("M", ids["M"], "S-1", 0),
        ("S", ids["S"], "M-1", 1),
    ]
    assert Product.objects.get().price == Decimal(12)
    assert outcome(importer(*swapped)) == "1 unchanged"


def test_a_renamed_option_value_is_the_same_variant_by_its_sku(importer):
    importer(*SIZES)
    medium = ProductVariant.objects.get(sku="M-1")

    importer(SIZES[0], {**SIZES[1], "Option1 Value": "Medium"})

    assert list(ProductVariant.objects.filter(sku="M-1").values_list("pk", "name")) == [(medium.pk, "Medium")]
    assert ProductVariant.objects.count() == 2


def test_a_product_may_get_options(importer):
    importer(first())
    [old] = ProductVariant.objects.all()

    importer(
        first(Option1_Name="Size", Option1_Value="S"),
        more(Option1_Value="M", Variant_Price="12"),
    )

    product = Product.objects.get()
    assert product.option_names == ["Size"]
    assert [(v.name, v.is_active, v.position) for v in product.variants.all()] == [
        ("S", True, 0),
        ("M", True, 1),
        ("", False, 2),
    ]
    assert product.variants.get(position=2).pk == old.pk


def test_a_file_of_handles_and_prices_changes_nothing_else(importer):
    importer(*SIZES)
    [small, medium] = ProductVariant.objects.all()
    row = {"Handle": "shirt", "Variant SKU": "M-1", "Variant Price": "15"}

    report = importer(row, columns=list(row))

    assert outcome(report) == "1 updated"
    assert list(ProductVariant.objects.values_list("pk", "price", "is_active", "option_values")) == [
        (small.pk, Decimal(10), True, ["S"]),
        (medium.pk, Decimal(15), True, ["M"]),
    ]
    product = Product.objects.get()
    assert (product.name, product.price, product.images.count(), product.tags.count()) == ("Shirt", 10, 2, 2)


def test_a_new_product_needs_a_title_and_a_price(importer):
    importer({"Handle": "shirt", "Tags": "new"}, columns=["Handle", "Tags"])

    assert importer.reasons == [
        (2, "is missing: the product is new"),
        (2, "is missing: the variant is new"),
    ]
    assert Product.objects.count() == 0


def test_an_archived_product_is_never_active(importer):
    importer(first())

    importer(first(Status="archived"))
    archived = Product.objects.get()
    importer(first(Status="active"))
    back = Product.objects.get()

    assert (archived.is_active, archived.archived_at is None) == (False, False)
    assert (back.is_active, back.archived_at) == (True, None)


def test_pictures_follow_the_file_and_uploads_stay(importer, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    importer(*SIZES)
    upload = add_image(product=Product.objects.get(), upload=io.BytesIO(encoded("PNG")), now=clock.now())

    importer({**SIZES[0], "Image Src": C_JPG}, {**SIZES[1], "Image Alt Text": "Back"})

    assert [(i.source_url, i.alt_text, i.position) for i in ProductImage.objects.order_by("position")] == [
        (C_JPG, "Front", 0),
        (B_JPG, "Back", 1),
        ("", "", 2),
    ]
    assert ProductImage.objects.get(position=2).pk == upload.pk


# --- names and owners -----------------------------------------------------------------------------


def test_categories_are_found_by_name_and_made_when_new(importer):
    home = create_category(data={"name": "Home"})
    garden = create_category(data={"name": "Garden", "parent_id": home.pk})

    importer(
        first(Handle="pot", Type="home > GARDEN"),
        first(Handle="rake", Type="garden"),
        first(Handle="sofa", Type="Home"),
        first(Handle="lamp", Type="Home > Light > Lamps"),
        first(Handle="thing", Type=""),
    )

    found = {p.slug: p.category_id and p.category.name for p in Product.objects.select_related("category")}
    assert found == {"pot": "Garden", "rake": "Garden", "sofa": "Home", "lamp": "Lamps", "thing": None}
    assert Product.objects.get(slug="rake").category_id == garden.pk
    assert Category.objects.get(name="Lamps").parent.parent_id == home.pk
    assert Category.objects.count() == 4


def test_a_sku_belongs_to_one_variant_of_the_whole_shop(importer):
    factories.make_product(slug="theirs", variant={"sku": "TAKEN"})

    importer(
        first(Handle="one", Variant_SKU="TAKEN"),
        first(Handle="two", Variant_SKU="NEW"),
        first(Handle="three", Variant_SKU="NEW"),
        first(Handle="four", Option1_Name="Size", Option1_Value="S", Variant_SKU="X"),
        more("four", Option1_Value="M", Variant_SKU="X", Variant_Price="3"),
    )

    assert importer.reasons == [
        (2, "'TAKEN' belongs to the product 'theirs'"),
        (4, "'NEW' belongs to the product 'two'"),
        (6, "'X' stands in line 5 too"),
    ]
    assert set(Product.objects.values_list("slug", flat=True)) == {"theirs", "two"}


def test_a_sku_may_move_to_another_product_once_it_is_free(importer):
    importer(first(Handle="one", Variant_SKU="A"))

    report = importer(first(Handle="one", Variant_SKU="B"), first(Handle="two", Variant_SKU="A"))

    assert outcome(report) == "1 created 1 updated"
    assert dict(ProductVariant.objects.values_list("product__slug", "sku")) == {"one": "B", "two": "A"}


def test_a_seller_changes_only_their_own_products(importer):
    importer(*SIZES)
    before = snapshot()

    report = importer({**SIZES[0], "Title": "Mine now"}, seller=factories.make_seller())

    assert outcome(report) == "1 refused"
    assert importer.reasons == [(2, "belongs to another seller")]
    assert snapshot() == before


def test_an_admin_changes_products_of_others_without_taking_them(importer):
    seller = factories.make_seller()
    importer(first(), seller=seller)

    importer(first(Title="Better"))

    assert Product.objects.get().seller == seller
    assert Product.objects.get().name == "Better"


def test_only_new_leaves_what_exists_as_it_is(importer):
    importer(*SIZES)
    before = Product.objects.get(slug="shirt").version

    report = importer({**SIZES[0], "Title": "Changed"}, first(Handle="coat"), only_new=True)

    assert outcome(report) == "1 created 1 kept"
    assert (Product.objects.get(slug="shirt").name, before) == ("Shirt", 1)


def test_a_twin_that_takes_the_handle_meanwhile_is_told_and_the_rest_is_imported(importer, monkeypatch):
    factories.make_product(slug="shirt")
    monkeypatch.setattr("apps.inventory.services.product_import.load_stored", lambda handles: {})

    report = importer(first(), first(Handle="coat"))

    assert outcome(report) == "1 created 1 refused"
    assert importer.reasons[0][0] == 2
    assert "could not be written" in importer.reasons[0][1]
    assert Product.objects.filter(slug="coat").exists()


def test_a_change_made_while_the_file_is_read_is_not_undone(importer, monkeypatch):
    """What is read for a whole batch may be old by the time its last product is written."""
    importer(first(Vendor="Acme"))

    def read_then_change(handles):
        stored = load_stored(handles)
        Product.objects.update(vendor="Changed meanwhile", version=7)
        return stored

    monkeypatch.setattr("apps.inventory.services.product_import.load_stored", read_then_change)
    row = {"Handle": "shirt", "Title": "Better"}
    importer(row, columns=list(row))

    assert Product.objects.values_list("name", "vendor", "version").get() == ("Better", "Changed meanwhile", 8)


def test_a_product_deleted_while_the_file_is_read_is_told(importer, monkeypatch):
    importer(first())

    def read_then_delete(handles):
        stored = load_stored(handles)
        Stock.objects.all().delete()
        Product.objects.all().delete()
        return stored

    monkeypatch.setattr("apps.inventory.services.product_import.load_stored", read_then_delete)
    importer(first(Title="Better"), first(Handle="coat"))

    assert importer.reasons == [(2, "could not be written: There is no such product")]
    assert Product.objects.get().slug == "coat"


# --- pictures by address --------------------------------------------------------------------------


def fetcher(**pictures: bytes) -> Callable[[str], Fetched]:
    def fetch(url: str) -> Fetched:
        name = url.rpartition("/")[2].partition(".")[0]
        if name not in pictures:
            raise FetchFailed("the host answered 404", permanent=True)
        return Fetched(body=pictures[name], content_type="image/jpeg")

    return fetch


def test_pictures_are_noted_and_not_fetched_unless_asked(importer):
    def refuse(url: str) -> Fetched:
        raise AssertionError("nothing may be fetched")

    importer(*SIZES, fetch_picture=refuse)

    assert [image.file.name for image in ProductImage.objects.all()] == ["", ""]


def test_pictures_are_copied_when_asked_and_only_once(importer, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    importer(*SIZES)

    report = importer(*SIZES, fetch_pictures=True, fetch_picture=fetcher(a=encoded("JPEG"), b=encoded("PNG")))
    again = importer(*SIZES, fetch_pictures=True, fetch_picture=fetcher())

    assert (outcome(report), report.fetched_pictures, report.problems) == ("1 unchanged", 2, 0)
    assert (again.fetched_pictures, again.problems) == (0, 0)
    assert [(i.source_url, i.width, bool(i.file)) for i in ProductImage.objects.order_by("position")] == [
        (A_JPG, 40, True),
        (B_JPG, 40, True),
    ]


def test_a_picture_that_cannot_be_copied_is_told_with_its_line(importer, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"

    report = importer(*SIZES, fetch_pictures=True, fetch_picture=fetcher(a=b"<svg/>"))

    assert outcome(report) == "1 created"
    assert importer.reasons == [
        (2, "was fetched and refused: Only JPEG, PNG, WebP and GIF pictures are taken"),
        (3, "could not be fetched: the host answered 404"),
    ]
    assert [image.file.name for image in ProductImage.objects.all()] == ["", ""]


# --- the command ----------------------------------------------------------------------------------


def run(*arguments: object) -> tuple[str, str, int]:
    out, errors = io.StringIO(), io.StringIO()
    try:
        call_command("import_products", *map(str, arguments), stdout=out, stderr=errors)
    except SystemExit as stop:
        return out.getvalue(), errors.getvalue(), int(stop.code or 0)
    return out.getvalue(), errors.getvalue(), 0


def test_the_command_says_what_it_did(db, tmp_path):
    factories.make_admin()
    path = write_file(tmp_path / "my products.csv", SIZES, columns=[*ALL_COLUMNS, "Google Shopping / MPN"])

    out, errors, code = run(path)

    assert code == 0
    assert out.startswith("1 products in 2 rows: 1 created, 0 updated, 0 unchanged (")
    assert "Columns not kept: Google Shopping / MPN" in errors
    assert "0 created, 0 updated, 1 unchanged" in run(path)[0]


def test_the_command_names_bad_rows_and_fails(db, tmp_path):
    factories.make_admin()
    path = write_file(tmp_path / "p.csv", [*SIZES, first(Handle="coat", Variant_Price="x")])

    out, _, code = run(path, "--dry-run")

    assert code == 1
    assert "p.csv:4: [coat] Variant Price: 'x' is not an amount such as 19.99\n" in out
    assert "1 created, 0 updated, 0 unchanged, 1 refused" in out
    assert "dry run: nothing was written" in out
    assert Product.objects.count() == 0


def test_the_command_shows_progress_on_large_files(db, tmp_path, monkeypatch):
    monkeypatch.setattr("apps.inventory.management.commands.import_products.PROGRESS_EVERY", 2)
    factories.make_admin()
    path = write_file(tmp_path / "p.csv", [first(Handle=f"thing-{n}") for n in range(5)])

    _, errors, _ = run(path)

    assert [line.partition(",")[0] for line in errors.splitlines()] == ["2 of 5 products", "4 of 5 products"]


def test_the_command_takes_a_seller(db, tmp_path):
    factories.make_admin()
    seller = factories.make_seller(email="shop@example.com")
    path = write_file(tmp_path / "p.csv", SIZES)

    run(path, "--seller", "Shop@Example.com")

    assert Product.objects.get().seller == seller


@pytest.mark.parametrize("arguments", [["--seller", "nobody@example.com"], ["--seller", "customer@example.com"]])
def test_the_command_refuses_a_seller_who_may_not_sell(arguments, db, tmp_path):
    factories.make_user(email="customer@example.com")
    with pytest.raises(CommandError, match="no active seller or admin"):
        run(write_file(tmp_path / "p.csv", SIZES), *arguments)


def test_the_command_needs_an_admin_when_no_seller_is_named(db, tmp_path):
    with pytest.raises(CommandError, match="no admin account"):
        run(write_file(tmp_path / "p.csv", SIZES))


@pytest.mark.parametrize("content", [None, b"", b"a;b\n"])
def test_the_command_refuses_a_file_it_cannot_use(content, db, tmp_path):
    factories.make_admin()
    path = tmp_path / "p.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CommandError, match=r"p\.csv"):
        run(path)


def test_a_byte_order_mark_and_windows_line_ends_are_read(db, tmp_path):
    factories.make_admin()
    path = write_file(tmp_path / "p.csv", SIZES)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert "1 created" in run(path)[0]


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="there is no folder of catalogues beside the repository")
@pytest.mark.parametrize("name", ["apparel.csv", "home-and-garden.csv"])
def test_a_genuine_file_is_imported_whole_and_once(name, importer):
    with (SHARED_DATA / name).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    handles = {row["Handle"] for row in rows}

    report = importer.file(SHARED_DATA / name)

    assert (outcome(report), importer.problems) == (f"{len(handles)} created", [])
    assert set(Product.objects.values_list("slug", flat=True)) == handles
    assert ProductVariant.objects.count() == sum(1 for row in rows if row["Variant Price"])
    assert sum(available_units(ProductVariant.objects.values_list("pk", flat=True)).values()) == sum(
        int(row["Variant Inventory Qty"] or 0) for row in rows
    )
    assert outcome(importer.file(SHARED_DATA / name)) == f"{len(handles)} unchanged"


def test_an_unchanged_file_costs_the_same_statements_for_ten_and_a_hundred_products(
    importer, django_assert_max_num_queries
):
    few, many = ([first(Handle=f"t-{n}", Variant_SKU=f"t-{n}", Tags="x") for n in range(count)] for count in (10, 100))
    importer(*many)

    for rows in (few, many):
        with django_assert_max_num_queries(8):
            importer(*rows)
