"""Reading Shopify's product CSV: what a file says, and every way in which a row can be bad."""

import csv
import dataclasses
import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.products.shopify.columns import FileRefused
from apps.products.shopify.drafts import ImageDraft, ProductDraft, VariantDraft
from apps.products.shopify.formulas import defuse, restore
from apps.products.shopify.rows import MAX_CELL_LENGTH, ProductFile
from apps.products.shopify.writing import draft_cells, header_cells
from tests.apps.products.csv_kit import ALL_COLUMNS, file_text, first, more, parse_rows, parse_text

A_JPG, B_JPG = "https://example.com/a.jpg", "https://example.com/b@2x.jpg"


def only_draft(*rows, **how) -> ProductDraft:
    drafts, problems = parse_rows(*rows, **how)
    assert problems == []
    [draft] = drafts
    return draft


def reasons(*rows, **how) -> list[tuple[int, str, str]]:
    drafts, problems = parse_rows(*rows, **how)
    assert drafts == []
    return [(problem.line, problem.column, problem.reason) for problem in problems]


# --- what a file says -----------------------------------------------------------------------------


def test_every_kept_column_reaches_the_draft():
    draft = only_draft(
        first(
            Title=" Blue Shirt ",
            Body="<p>Fine &amp; soft<script>alert(1)</script></p> ",
            Vendor="Acme",
            Type="Clothing > Shirts",
            Tags="men, summer sale,men",
            Option1_Name="Size",
            Option1_Value="S",
            Option2_Name="Colour",
            Option2_Value="Blue",
            Variant_SKU="SH-1",
            Variant_Grams="250.5",
            Variant_Price="19.90",
            Variant_Compare_At_Price="25",
            Cost_per_item="7.5",
            Variant_Barcode="0123456789012",
            Variant_Tax_Code="clothing",
            Variant_Taxable="FALSE",
            Image_Src=A_JPG,
            Image_Alt_Text="Front",
            Variant_Image=B_JPG,
            SEO_Title="Buy it",
            SEO_Description="Line one\nline two",
            Featured="TRUE",
        )
    )

    assert draft == ProductDraft(
        line=2,
        handle="shirt",
        fields={
            "name": "Blue Shirt",
            "description": "<p>Fine &amp; soft</p> ",
            "vendor": "Acme",
            "seo_title": "Buy it",
            "seo_description": "Line one\nline two",
            "is_featured": True,
            "is_active": True,
        },
        is_archived=False,
        category_path=("Clothing", "Shirts"),
        tags=("men", "summer sale"),
        option_names=("Size", "Colour"),
        variants=(
            VariantDraft(
                line=2,
                option_values=("S", "Blue"),
                fields={
                    "sku": "SH-1",
                    "weight_grams": 251,
                    "price": Decimal("19.90"),
                    "compare_at_price": Decimal("25.00"),
                    "cost_price": Decimal("7.50"),
                    "barcode": "0123456789012",
                    "tax_category": "clothing",
                    "is_taxable": False,
                    "requires_shipping": True,
                    "is_active": True,
                },
                quantity=5,
                image_src=B_JPG,
            ),
        ),
        images=(ImageDraft(line=2, src=A_JPG, alt_text="Front"), ImageDraft(line=2, src=B_JPG, alt_text="")),
        has_variant_images=True,
    )


def test_variants_and_pictures_of_one_handle_are_gathered():
    draft = only_draft(
        first(Option1_Name="Size", Option1_Value="S", Image_Src=B_JPG, Image_Position="2"),
        more(Option1_Value="M", Variant_Price="12", Image_Src=A_JPG, Image_Position="1"),
        more(Image_Src="http://example.com/c.jpg"),
    )

    assert [(v.line, v.option_values, v.fields["price"], v.quantity) for v in draft.variants] == [
        (2, ("S",), Decimal(10), 5),
        (3, ("M",), Decimal(12), None),
    ]
    assert [image.src for image in draft.images] == [A_JPG, B_JPG, "http://example.com/c.jpg"]


@pytest.mark.parametrize(("name", "value"), [("Title", "Default Title"), ("", ""), ("", "Default Title")])
def test_a_product_without_options_has_one_nameless_variant(name, value):
    draft = only_draft(first(Option1_Name=name, Option1_Value=value))

    assert (draft.option_names, draft.variants[0].option_values) == ((), ())


@pytest.mark.parametrize(
    ("published", "status", "expected"),
    [
        ("true", "active", (True, False)),
        ("TRUE", "", (True, False)),
        ("", "", (True, False)),
        ("false", "active", (False, False)),
        ("true", "draft", (False, False)),
        ("true", "archived", (False, True)),
        ("FALSE", "Archived", (False, True)),
    ],
)
def test_published_and_status_together_say_what_customers_see(published, status, expected):
    draft = only_draft(first(Published=published, Status=status))

    assert (draft.fields["is_active"], draft.is_archived) == expected


def test_what_the_file_has_no_column_for_is_not_said():
    draft = only_draft({"Handle": "shirt", "Variant Price": "5"}, columns=["Handle", "Variant Price"])

    assert draft.fields == {}
    assert draft.variants[0].fields == {"price": Decimal(5), "is_active": True}
    assert draft.variants[0].quantity is None
    assert (draft.category_path, draft.tags, draft.option_names, draft.images, draft.is_archived) == (None,) * 5


def test_the_newer_column_names_mean_the_same():
    text = (
        "Title,URL handle,Description,Price,Compare-at price,SKU,Inventory quantity,Continue selling when out of stock,"
        "Weight value (grams),Charge tax,Requires shipping,Product image URL,Unknown\n"
        f"Shirt,shirt,Soft,10,12,S1,3,FALSE,200,TRUE,TRUE,{A_JPG},x\n"
    )
    drafts, problems = parse_text(text)

    assert problems == []
    assert drafts[0].fields["description"] == "Soft"
    assert drafts[0].images[0].src == A_JPG
    variant = drafts[0].variants[0]
    assert (variant.fields["sku"], variant.fields["weight_grams"], variant.quantity) == ("S1", 200, 3)
    assert ProductFile(io.StringIO(text)).header.ignored == ("Unknown",)


def test_lines_are_counted_as_an_editor_does():
    text = file_text([first(Body="one\ntwo\r\nthree"), more("other", Title="Other"), first(Handle="bad handle")])

    drafts, problems = parse_text(text)

    assert [draft.line for draft in drafts] == [2]
    assert [(problem.line, problem.column) for problem in problems] == [(5, "Variant Price"), (6, "Handle")]


def test_short_rows_and_blank_lines_are_no_fault():
    drafts, problems = parse_text("Handle,Title,Variant Price,Tags\n\nshirt,Shirt,10\n,,,\n\n")

    assert problems == []
    assert drafts[0].line == 3


def test_a_further_row_may_repeat_the_first():
    draft = only_draft(
        first(Option1_Name="Size", Option1_Value="S"),
        first(Option1_Name="Size", Option1_Value="M", Title="shirt"),
    )

    assert len(draft.variants) == 2


def test_amounts_have_the_decimals_of_the_currency():
    assert only_draft(first(Variant_Price="1.250"), currency="KWD").variants[0].fields["price"] == Decimal("1.250")
    assert only_draft(first(Variant_Price="500.00"), currency="JPY").variants[0].fields["price"] == Decimal(500)
    assert reasons(first(Variant_Price="500.5"), currency="JPY") == [
        (2, "Variant Price", "'500.5' has more than the 0 decimals of JPY")
    ]


# --- bad rows -------------------------------------------------------------------------------------

BAD_CELLS = [
    ("Handle", "blue shirt", "may hold letters A-Z, digits, hyphens and underscores only, 255 at most"),
    ("Handle", "hemd-grün", "may hold letters A-Z, digits, hyphens and underscores only, 255 at most"),
    ("Handle", "../etc", "may hold letters A-Z, digits, hyphens and underscores only, 255 at most"),
    ("Handle", "a" * 256, "may hold letters A-Z, digits, hyphens and underscores only, 255 at most"),
    ("Title", "", "is missing"),
    ("Title", "x" * 256, "is longer than 255 characters"),
    ("Title", "two\nlines", "holds a line break or a control character"),
    ("Body (HTML)", "bell\x07", "holds a control character"),
    ("Body (HTML)", "x" * 200_001, "is longer than 200,000 characters"),
    ("Vendor", "x" * 256, "is longer than 255 characters"),
    ("Type", "Home > > Garden", "has nothing before or after a '>'"),
    ("Type", "x" * 201, "is longer than 200 characters"),
    ("Tags", "fine, " + "x" * 101, "is longer than 100 characters"),
    ("Tags", "fine, !!!", "'!!!' has no letter or digit"),
    ("Published", "yes", "'yes' is neither TRUE nor FALSE"),
    ("Status", "sold", "'sold' is none of: active, draft, archived"),
    ("Variant Price", "", "is missing"),
    ("Variant Price", "-1", "'-1' is negative"),
    ("Variant Price", "9,99", "'9,99' is not an amount such as 19.99"),
    ("Variant Price", "1,000.00", "'1,000.00' is not an amount such as 19.99"),
    ("Variant Price", "$5", "'$5' is not an amount such as 19.99"),
    ("Variant Price", "1e3", "'1e3' is not an amount such as 19.99"),
    ("Variant Price", "NaN", "'NaN' is not an amount such as 19.99"),
    ("Variant Price", "١٢", "'١٢' is not an amount such as 19.99"),
    ("Variant Price", "1_000", "'1_000' is not an amount such as 19.99"),
    ("Variant Price", ".5", "'.5' is not an amount such as 19.99"),
    ("Variant Price", "123456789012", "'123456789012' is not an amount such as 19.99"),
    ("Variant Price", "1.005", "'1.005' has more than the 2 decimals of USD"),
    ("Variant Compare At Price", "free", "'free' is not an amount such as 19.99"),
    ("Cost per item", "-0.01", "'-0.01' is negative"),
    ("Variant Grams", "-5", "'-5' is negative"),
    ("Variant Grams", "heavy", "'heavy' is not a weight in grams"),
    ("Variant Grams", "9999999999", "'9999999999' is more than 2,147,483,647 grams"),
    ("Variant Weight Unit", "stone", "'stone' is none of: g, kg, lb, oz"),
    ("Variant Inventory Qty", "-3", "'-3' is negative"),
    ("Variant Inventory Qty", "1.5", "'1.5' is not a whole number up to 1,000,000,000"),
    ("Variant Inventory Qty", "1000000001", "'1000000001' is not a whole number up to 1,000,000,000"),
    ("Variant Inventory Policy", "continue", "selling more than is in stock is not offered here; write deny"),
    ("Variant Inventory Policy", "maybe", "'maybe' is not a policy; write deny"),
    ("Variant SKU", "x" * 101, "is longer than 100 characters"),
    ("Variant Barcode", "x" * 65, "is longer than 64 characters"),
    ("Variant Taxable", "1", "'1' is neither TRUE nor FALSE"),
    ("Variant Tax Code", "x" * 65, "is longer than 64 characters"),
    ("Image Src", "photo.jpg", "'photo.jpg' is not an http or https address"),
    ("Image Src", "javascript:alert(1)", "'javascript:alert(1)' is not an http or https address"),
    ("Image Src", "file:///etc/passwd", "'file:///etc/passwd' is not an http or https address"),
    ("Image Src", "https://user:pw@example.com/", "carries a user name or password"),
    ("Image Src", "https://example.com/" + "x" * 2000, "is longer than 2000 characters"),
    ("Image Position", "0", "'0' is not a place such as 1, 2, 3"),
    ("Image Alt Text", "x" * 513, "is longer than 512 characters"),
    ("Gift Card", "true", "gift cards are not sold here"),
    ("SEO Title", "x" * 256, "is longer than 255 characters"),
    ("Featured", "ja", "'ja' is neither TRUE nor FALSE"),
    ("Variant Active", "no", "'no' is neither TRUE nor FALSE"),
    ("Option1 Name", "x" * 101, "is longer than 100 characters"),
]


@pytest.mark.parametrize(("column", "text", "reason"), BAD_CELLS)
def test_a_bad_cell_is_named_with_its_line_and_reason(column, text, reason):
    row = first(**{"Option1 Value": "S"}) | {column: text}
    if column not in ("Option1 Name",):
        row["Option1 Name"] = "Size"

    assert (2, column, reason) in reasons(row)


def test_all_faults_of_a_product_are_told_at_once():
    assert reasons(
        first(Option1_Name="Size", Option1_Value="S", Variant_Price="x", Published="?"),
        more(Option1_Value="M", Variant_Price="-2", Variant_Inventory_Qty="many"),
        more(Option1_Value="S", Variant_Price="3"),
        more(),
    ) == [
        (2, "Published", "'?' is neither TRUE nor FALSE"),
        (2, "Variant Price", "'x' is not an amount such as 19.99"),
        (3, "Variant Price", "'-2' is negative"),
        (3, "Variant Inventory Qty", "'many' is not a whole number up to 1,000,000,000"),
        (4, "", "has the same options as line 2: S"),
        (5, "", "brings neither a variant nor a picture"),
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [first(), more(Variant_Price="3")],
            (3, "Option1 Value", "is missing: every variant needs a value of 'Title'"),
        ),
        (
            [first(Option1_Name="", Option1_Value="S")],
            (2, "Option1 Value", "has a value, but the product's first row does not name this option"),
        ),
        (
            [first(Option1_Name="Size", Option1_Value="S", Option2_Value="Red")],
            (2, "Option2 Value", "has a value, but the product's first row does not name this option"),
        ),
        (
            [first(Option1_Name="", Option1_Value="", Option2_Name="Size", Option2_Value="S")],
            (2, "Option1 Name", "is missing while a later option has a name"),
        ),
        (
            [first(Option1_Name="Size", Option1_Value="S", Option2_Name="size", Option2_Value="M")],
            (2, "", "two options have the same name"),
        ),
        (
            [first(Option1_Name="Size", Option1_Value="")],
            (2, "Option1 Value", "is missing: every variant needs a value of 'Size'"),
        ),
        (
            [first(), more(Title="Coat", Image_Src=A_JPG)],
            (3, "Title", "differs from line 2, the first of this product"),
        ),
    ],
)
def test_options_must_be_named_complete_and_distinct(rows, expected):
    assert expected in reasons(*rows)


def test_rows_of_one_product_must_stand_together():
    drafts, problems = parse_rows(first(), first(Handle="coat"), more(Image_Src=A_JPG), first(Handle="hat"))

    assert [draft.handle for draft in drafts] == ["coat", "hat"]
    assert [(p.line, p.handle, p.column, p.reason) for p in problems if p.column == "Handle"] == [
        (2, "shirt", "Handle", "stands further down once more: the rows of one product must follow each other"),
        (4, "shirt", "Handle", "stands further up already: the rows of one product must follow each other"),
    ]


def test_a_row_without_handle_spoils_the_product_it_may_belong_to():
    drafts, problems = parse_rows(first(), {"Option1 Value": "M", "Variant Price": "3"}, first(Handle="hat"))

    assert [draft.handle for draft in drafts] == ["hat"]
    assert (3, "Handle", "is missing") in [(p.line, p.column, p.reason) for p in problems]


def test_a_product_without_handle_spoils_no_other():
    drafts, problems = parse_rows(first(), first(Handle="", Title="Coat"), first(Handle="hat"))

    assert [draft.handle for draft in drafts] == ["shirt", "hat"]
    assert [(p.line, p.column, p.reason) for p in problems] == [(3, "Handle", "is missing")]


def test_a_product_split_by_one_without_handle_is_not_read_in_part():
    drafts, _ = parse_rows(
        first(Option1_Name="Size", Option1_Value="S"),
        first(Handle="", Title="Coat"),
        more(Option1_Value="M", Variant_Price="3"),
    )

    assert drafts == []


def test_a_misplaced_quotation_mark_spoils_its_product_only():
    text = 'Handle,Title,Variant Price\nshirt,Shirt,1\nshirt,"a"b,2\ncoat,Coat,3\n'
    drafts, problems = parse_text(text)

    assert [draft.handle for draft in drafts] == ["coat"]
    assert [(p.line, p.handle, p.reason) for p in problems] == [
        (3, "shirt", "a quotation mark stands where none may: write it twice inside a quoted cell")
    ]


def test_a_quotation_mark_that_is_never_closed_is_told():
    drafts, problems = parse_text('Handle,Title,Variant Price\ncoat,Coat,3\nshirt,"Shirt,1\nhat,Hat,2\n')

    assert [draft.handle for draft in drafts] == ["coat"]
    assert [(p.line, p.handle, p.reason) for p in problems] == [
        (3, "shirt", "the file ends inside a quoted cell: a closing quotation mark is missing")
    ]


def test_a_monstrous_cell_is_told_and_the_rest_is_read():
    text = f'Handle,Title,Variant Price\nshirt,"{"x" * (MAX_CELL_LENGTH + 1)}",1\ncoat,Coat,3\n'
    drafts, problems = parse_text(text)

    assert [draft.handle for draft in drafts] == ["coat"]
    assert problems[0].line == 2
    assert "more than 1,000,000 characters" in problems[0].reason


def test_too_many_cells_are_told():
    _, problems = parse_text("Handle,Title,Variant Price\nshirt,Shirt,1,surplus\n")

    assert [(p.line, p.reason) for p in problems] == [(2, "has 4 cells, the first row has 3")]


def test_bytes_that_are_not_utf8_are_told():
    raw = "Handle,Title,Variant Price\nshirt,Größe,1\ncoat,Coat,3\n".encode("latin-1")
    drafts, problems = parse_text(raw.decode("utf-8", "surrogateescape"))

    assert [draft.handle for draft in drafts] == ["coat"]
    assert [(p.line, p.handle, p.reason) for p in problems] == [(2, "shirt", "is not UTF-8 text")]


def test_a_nul_is_told():
    _, problems = parse_text("Handle,Title,Variant Price\nshirt,Sh\0irt,1\n")

    assert [(p.line, p.reason) for p in problems] == [(2, "contains a NUL character")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", 'The first row has no column "Handle".'),
        ("Title,Price\n", 'The first row has no column "Handle".'),
        ("Handle;Title\n", 'The first row has no column "Handle". Are the cells separated by commas?'),
        ("Handle,Title,title\n", 'The column "Title" stands there twice.'),
        ("Handle,SKU,Variant SKU\n", 'The column "Variant SKU" stands there twice.'),
        ('Handle,"Title\n', "The first row: the file ends inside a quoted cell: a closing quotation mark is missing"),
        ("\udcff\udcfeH\0a\0", "The file is not UTF-8 text."),
    ],
)
def test_a_file_without_usable_header_is_refused(text, reason):
    with pytest.raises(FileRefused) as caught:
        parse_text(text)

    assert str(caught.value) == reason


# --- formulas -------------------------------------------------------------------------------------

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    '=HYPERLINK("http://x","y")',
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_defused_and_restored(text):
    assert defuse(text) == "'" + text
    assert restore(defuse(text)) == text


@pytest.mark.parametrize("is_code", [True, False])
@given(text=st.text() | st.text(alphabet="'=+-@\t019a"))
def test_nothing_is_lost_by_defusing(text, is_code):
    assert restore(defuse(text), is_code=is_code) == text


@given(text=st.text() | st.text(alphabet="'=+-@\t\r\n019a"))
def test_no_defused_cell_begins_like_a_formula(text):
    assert not defuse(text).startswith(tuple("=+-@\t\r\n"))


def test_apostrophes_of_foreign_files_are_kept_unless_they_guard_a_code():
    draft = only_draft(first(Title="'90s Shirt", Variant_SKU="'00123", Variant_Barcode="'4006381333931"))

    assert draft.fields["name"] == "'90s Shirt"
    assert draft.variants[0].fields["sku"] == "00123"
    assert draft.variants[0].fields["barcode"] == "4006381333931"


# --- anything at all ------------------------------------------------------------------------------

_signs = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
_line = st.text(_signs, max_size=20).map(str.strip)
_word = st.text(_signs, min_size=1, max_size=12).map(str.strip).filter(bool)
_amounts = st.decimals(min_value=0, max_value=99999, places=2)
_option_values = st.lists(st.tuples(_word, _word), min_size=1, max_size=5, unique=True)


@st.composite
def drafts(draw) -> ProductDraft:
    has_options = draw(st.booleans())
    values = draw(_option_values) if has_options else [()]
    sources = draw(st.lists(st.integers(0, 9).map(lambda n: f"https://example.com/{n}.jpg"), max_size=4, unique=True))
    is_active = draw(st.booleans())
    return ProductDraft(
        line=0,
        handle=draw(st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)),
        fields={
            "name": draw(_word),
            "description": draw(_line.filter(lambda text: "<" not in text)),
            "vendor": draw(_line),
            "seo_title": draw(_line),
            "seo_description": draw(_line),
            "is_featured": draw(st.booleans()),
            "is_active": is_active,
        },
        is_archived=False if is_active else draw(st.booleans()),
        category_path=tuple(draw(st.lists(_word.filter(lambda name: ">" not in name), max_size=3))),
        tags=("a", "b c") if draw(st.booleans()) else (),
        option_names=("Size", draw(_word.filter(lambda name: name.casefold() != "size"))) if has_options else (),
        variants=tuple(draw(_variants(option_values, sources)) for option_values in values),
        images=tuple(ImageDraft(line=0, src=src, alt_text=draw(_line)) for src in sources),
        has_variant_images=True,
    )


@st.composite
def _variants(draw, option_values, sources) -> VariantDraft:
    return VariantDraft(
        line=0,
        option_values=option_values,
        fields={
            "sku": draw(st.none() | _word),
            "weight_grams": draw(st.integers(0, 10**6)),
            "price": draw(_amounts),
            "compare_at_price": draw(st.none() | _amounts),
            "cost_price": draw(st.none() | _amounts),
            "requires_shipping": draw(st.booleans()),
            "is_taxable": draw(st.booleans()),
            "barcode": draw(_line),
            "tax_category": draw(_line),
            "is_active": draw(st.booleans()),
        },
        quantity=draw(st.none() | st.integers(0, 10**9)),
        image_src=draw(st.sampled_from(["", *sources])),
    )


def _without_lines(draft: ProductDraft) -> ProductDraft:
    return dataclasses.replace(
        draft,
        line=0,
        variants=tuple(dataclasses.replace(variant, line=0) for variant in draft.variants),
        images=tuple(dataclasses.replace(image, line=0) for image in draft.images or ()),
    )


@settings(max_examples=300, deadline=None)
@given(draft=drafts())
def test_what_is_written_is_read_back(draft):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header_cells())
    writer.writerows(draft_cells(draft, currency="USD"))

    read, problems = parse_text(out.getvalue())

    assert problems == []
    assert [_without_lines(each) for each in read] == [draft]


_cells = st.sampled_from(["", "", "shirt", "coat", "Size", "S", "1", "-1", "9.99", "true", "deny", "x" * 300, A_JPG])
_cells |= st.text(max_size=8)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.lists(_cells, max_size=len(ALL_COLUMNS) + 1), max_size=8), tail=st.text(max_size=20))
def test_no_row_however_odd_makes_the_reader_stumble(rows, tail):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([ALL_COLUMNS, *rows])

    read, problems = parse_text(out.getvalue() + tail)

    assert all(draft.handle and draft.variants for draft in read)
    assert all(problem.line >= 2 and problem.reason for problem in problems)
