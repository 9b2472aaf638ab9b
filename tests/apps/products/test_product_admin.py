"""The catalogue in the back office: pages open, and what is written there keeps the catalogue's promises."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.products.invariants import (
    categories_form_a_tree,
    product_repeats_its_default_variant,
    search_text_is_current,
)
from apps.products.models import Category, Product, ProductImage, Tag
from apps.products.services.products import create_product
from core import clock
from tests import factories
from tests.apps.orders.making import make_order
from tests.apps.products.pictures import png_bytes

pytestmark = pytest.mark.django_db
NO_INLINES = {
    f"{prefix}-{part}_FORMS": 0
    for prefix in ("variants", "images")
    for part in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")
}


@pytest.fixture
def browser(admin):
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def product(seller):
    made = create_product(
        actor=seller, data={"name": "Linen shirt", "price": Decimal(10), "sku": "LS-1"}, now=clock.now()
    )
    return Product.objects.get(pk=made.pk)


@pytest.fixture(autouse=True)
def _catalogue_stays_consistent():
    yield
    assert [*product_repeats_its_default_variant(), *search_text_is_current(), *categories_form_a_tree()] == []


def url(page: str, *args) -> str:
    return reverse(f"admin:products_{page}", args=args)


def variant_fields(number: int, variant=None, **fields) -> dict:
    values = {
        "id": variant.pk if variant else "", "sku": variant.sku or "" if variant else "",
        "price": variant.price if variant else "10.00", "weight_grams": 0, "option_values": "[]",
        "is_active": "on", "requires_shipping": "on", "is_taxable": "on", **fields,
    }  # fmt: skip
    return {f"variants-{number}-{name}": value for name, value in values.items() if value is not None}


def product_form(product=None, *, variants=(), initial_variants=0, seller=None, images=None, **fields) -> dict:
    form = {
        "name": product.name if product else "New thing", "seller": seller or product.seller_id, "description": "",
        "is_active": "on", "option_names": "[]", **NO_INLINES,
        "variants-TOTAL_FORMS": len(variants), "variants-INITIAL_FORMS": initial_variants, **(images or {}), **fields,
    }  # fmt: skip
    for entry in variants:
        form |= entry
    return {name: value for name, value in form.items() if value is not None}


def send(browser, path: str, form: dict):
    response = browser.post(path, form)
    assert response.status_code == 302, response.context["errors"]
    return response


@pytest.mark.parametrize("model", ["product", "category", "tag"])
def test_lists_and_blank_forms_open_and_are_searched(browser, product, model):
    factories.make_category()
    product.tags.create(name="Summer", slug="summer")
    Product.objects.filter(pk=product.pk).update(search_text="linen shirt summer ls-1")
    product.images.create(source_url="https://cdn.example.com/a.jpg")

    assert browser.get(url(f"{model}_changelist")).status_code == 200
    assert browser.get(url(f"{model}_changelist"), {"q": "Linen SHIRT"}).status_code == 200
    assert browser.get(url(f"{model}_add")).status_code == 200


def test_a_product_is_found_by_its_words_and_shown_with_its_picture(browser, product):
    product.images.create(source_url="https://cdn.example.com/a.jpg")
    factories.make_product(name="Trousers")

    page = browser.get(url("product_changelist"), {"q": "SHIRT linen"}).content.decode()

    assert "Linen shirt" in page
    assert "https://cdn.example.com/a.jpg" in page
    assert "Trousers" not in page
    assert browser.get(url("product_change", product.pk)).status_code == 200


def test_the_list_of_many_products_takes_a_bounded_number_of_statements(browser, seller, django_assert_max_num_queries):
    for number in range(30):
        create_product(actor=seller, data={"name": f"P{number}", "price": Decimal(1)}, now=clock.now())

    with django_assert_max_num_queries(15):
        browser.get(url("product_changelist"))


def test_a_product_is_added_with_its_variants(browser, seller):
    category, tag = factories.make_category(name="Clothes"), Tag.objects.create(name="New", slug="new")
    variants = [variant_fields(0, sku="A", price="12.00", name="Small"), variant_fields(1, sku="B", price="13.00")]

    form = product_form(
        variants=variants,
        seller=seller.pk,
        name="Wool hat",
        category=category.pk,
        tags=[tag.pk],
        description="<b>Warm</b><script>x</script>",
    )
    send(browser, url("product_add"), form)

    made = Product.objects.get()
    assert (made.slug, made.seller, made.price, made.sku, made.currency) == (
        "wool-hat",
        seller,
        Decimal(12),
        "A",
        "USD",
    )
    assert made.search_text == "wool hat clothes new a b warm"
    assert made.description == "<b>Warm</b>"
    assert list(made.variants.order_by("position").values_list("position", "sku", "currency")) == [
        (0, "A", "USD"),
        (1, "B", "USD"),
    ]


def test_a_product_without_a_variant_is_not_added(browser, seller):
    response = browser.post(url("product_add"), product_form(seller=seller.pk))

    assert (response.status_code, Product.objects.count()) == (200, 0)


def test_an_edit_reaches_search_version_and_the_repeated_price(browser, product):
    [variant] = product.variants.all()

    form = product_form(
        product,
        name="Cotton shirt",
        variants=[variant_fields(0, variant, price="11.00", sku="CS-1")],
        initial_variants=1,
    )
    send(browser, url("product_change", product.pk), form)

    product.refresh_from_db()
    assert (product.name, product.price, product.sku) == ("Cotton shirt", Decimal(11), "CS-1")
    assert product.search_text == "cotton shirt cs-1"
    assert product.version > 1
    assert product.slug == "linen-shirt"


def test_when_the_default_variant_is_switched_off_the_next_one_sets_the_price(browser, product):
    [first] = product.variants.all()
    variants = [variant_fields(0, first, is_active=None), variant_fields(1, price="15.00", sku="X-2")]

    send(browser, url("product_change", product.pk), product_form(product, variants=variants, initial_variants=1))

    product.refresh_from_db()
    assert (product.price, product.sku) == (Decimal(15), "X-2")


def test_the_last_variant_cannot_be_taken_away(browser, product):
    [variant] = product.variants.all()
    form = product_form(product, variants=[variant_fields(0, variant, DELETE="on")], initial_variants=1)

    response = browser.post(url("product_change", product.pk), form)

    assert (response.status_code, product.variants.count()) == (200, 1)


def test_a_variant_that_was_ordered_cannot_be_taken_away(browser, product):
    factories.make_shipping()
    [variant] = product.variants.all()
    extra = factories.make_variant(product, sku="X-2")
    make_order((extra, 1))
    variants = [variant_fields(0, variant), variant_fields(1, extra, DELETE="on")]

    response = browser.post(
        url("product_change", product.pk), product_form(product, variants=variants, initial_variants=2)
    )
    assert (response.status_code, product.variants.count()) == (200, 2)
    send(browser, url("product_change", product.pk), product_form(product, variants=variants[:1], initial_variants=1))


def test_an_archived_product_made_active_is_back_on_sale(browser, product):
    Product.objects.filter(pk=product.pk).update(is_active=False, archived_at=clock.now())
    [variant] = product.variants.all()

    form = product_form(product, variants=[variant_fields(0, variant)], initial_variants=1)
    send(browser, url("product_change", product.pk), form)

    product.refresh_from_db()
    assert (product.is_active, product.archived_at) == (True, None)


def picture_form(number: int, **fields) -> dict:
    return {f"images-{number}-{name}": value for name, value in {"position": 0, "alt_text": "", **fields}.items()}


def test_pictures_are_added_described_and_taken_away(browser, product, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    [variant] = product.variants.all()
    known = product.images.create(source_url="https://cdn.example.com/a.jpg")
    gone = product.images.create(source_url="https://cdn.example.com/b.jpg")
    images = {
        "images-TOTAL_FORMS": 3,
        "images-INITIAL_FORMS": 2,
        **picture_form(0, id=known.pk, alt_text="Front"),
        **picture_form(1, id=gone.pk, DELETE="on"),
        **picture_form(2, upload=SimpleUploadedFile("x.png", png_bytes()), alt_text="Back", position=5),
    }

    form = product_form(product, variants=[variant_fields(0, variant)], initial_variants=1, images=images)
    send(browser, url("product_change", product.pk), form)

    assert list(product.images.order_by("position").values_list("alt_text", "position")) == [("Front", 0), ("Back", 5)]
    assert len(list((tmp_path / "products").iterdir())) == 1


def test_a_file_that_is_no_picture_is_refused_beside_its_field(browser, product, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    [variant] = product.variants.all()
    images = {
        "images-TOTAL_FORMS": 1,
        **picture_form(0, upload=SimpleUploadedFile("x.png", b"<svg/>"), alt_text="Evil"),
    }

    form = product_form(product, variants=[variant_fields(0, variant)], initial_variants=1, images=images)
    response = browser.post(url("product_change", product.pk), form)

    assert "Only JPEG, PNG, WebP and GIF pictures are taken" in response.content.decode()
    assert (ProductImage.objects.count(), list(tmp_path.iterdir())) == (0, [])


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [("activate", "is_active", True), ("deactivate", "is_active", False), ("feature", "is_featured", True)],
)
def test_many_products_are_changed_at_once(browser, seller, action, field, value):
    ids = [
        create_product(
            actor=seller, data={"name": "P", "price": Decimal(1), field: not value}, now=clock.now()
        ).pk
        for _ in range(3)
    ]  # fmt: skip

    send(browser, url("product_changelist"), {"action": action, "_selected_action": ids[:2]})

    rows = dict(Product.objects.values_list("pk", field))
    assert [rows[pk] for pk in ids] == [value, value, not value]
    assert list(Product.objects.order_by("pk").values_list("version", flat=True)) == [2, 2, 1]


def test_deleting_archives_what_was_ordered(browser, product):
    factories.make_shipping()
    ordered = factories.make_product(name="ordered")
    make_order((factories.default_variant(ordered), 1))

    chosen = {"action": "delete_selected", "_selected_action": [product.pk, ordered.pk], "post": "yes"}
    send(browser, url("product_changelist"), chosen)

    assert list(Product.objects.values_list("name", "is_active")) == [("ordered", False)]
    send(browser, url("product_delete", ordered.pk), {"post": "yes"})
    assert Product.objects.count() == 1


def test_categories_are_added_moved_and_kept_a_tree(browser, product):
    send(browser, url("category_add"), {"name": "Clothes", "position": 0, "is_active": "on"})
    clothes = Category.objects.get()
    send(browser, url("category_add"), {"name": "Shirts", "position": 0, "is_active": "on", "parent": clothes.pk})
    shirts = Category.objects.get(name="Shirts")
    assert (clothes.slug, shirts.parent) == ("clothes", clothes)

    ring = {"name": "Clothes", "slug": "clothes", "position": 0, "is_active": "on", "parent": shirts.pk}
    response = browser.post(url("category_change", clothes.pk), ring)
    assert "A category cannot stand below itself." in response.content.decode()

    Product.objects.filter(pk=product.pk).update(category=shirts, search_text="linen shirt shirts ls-1")
    renamed = {"name": "Hemden", "slug": "shirts", "position": 0, "is_active": "on", "parent": clothes.pk}
    send(browser, url("category_change", shirts.pk), renamed)
    product.refresh_from_db()
    assert product.search_text == "linen shirt hemden ls-1"
    assert "would require deleting" in browser.post(url("category_delete", shirts.pk), {"post": "yes"}).content.decode()
    assert Category.objects.filter(pk=shirts.pk).exists()


def test_a_tag_renamed_or_removed_is_found_no_more(browser, product):
    send(browser, url("tag_add"), {"name": "Summer Sale"})
    tag = Tag.objects.get()
    product.tags.add(tag)
    send(browser, url("tag_change", tag.pk), {"name": "Winter Sale"})
    product.refresh_from_db()
    assert (product.search_text, Tag.objects.get().slug) == ("linen shirt winter sale ls-1", "winter-sale")

    assert browser.post(url("tag_add"), {"name": "winter sale"}).status_code == 200
    send(browser, url("tag_delete", tag.pk), {"post": "yes"})
    product.refresh_from_db()
    assert (product.search_text, Tag.objects.count()) == ("linen shirt ls-1", 0)
