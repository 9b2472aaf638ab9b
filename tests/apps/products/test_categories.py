"""Categories: the tree over HTTP, and the services that keep it a tree."""

import pytest
from django.db.models import ProtectedError

from apps.products.errors import CategoryInsideItself, CategoryNotFound
from apps.products.models import Category
from apps.products.services.categories import create_category, delete_category, update_category
from core.ids import new_id
from tests import factories

pytestmark = pytest.mark.django_db


def make_tree() -> dict[str, Category]:
    """Garden; Clothes > Shirts > Linen, Clothes > Hats."""
    garden = factories.make_category(name="Garden", slug="garden", position=2)
    clothes = factories.make_category(name="Clothes", slug="clothes", position=1)
    shirts = factories.make_category(name="Shirts", slug="shirts", parent=clothes, position=1)
    hats = factories.make_category(name="Hats", slug="hats", parent=clothes, position=2)
    linen = factories.make_category(name="Linen", slug="linen", parent=shirts)
    return {"garden": garden, "clothes": clothes, "shirts": shirts, "hats": hats, "linen": linen}


def test_the_list_is_in_tree_order_with_parent_and_depth(api):
    tree = make_tree()

    listed = api.get("categories/").json()

    assert [(row["name"], row["depth"]) for row in listed] == [
        ("Clothes", 0),
        ("Shirts", 1),
        ("Linen", 2),
        ("Hats", 1),
        ("Garden", 0),
    ]
    assert listed[2] == {
        "id": str(tree["linen"].pk),
        "name": "Linen",
        "slug": "linen",
        "description": "",
        "parent": str(tree["shirts"].pk),
        "depth": 2,
        "position": 0,
    }


def test_a_hidden_category_is_left_out_with_all_below_it(api):
    tree = make_tree()
    Category.objects.filter(pk=tree["shirts"].pk).update(is_active=False)

    assert [row["name"] for row in api.get("categories/").json()] == ["Clothes", "Hats", "Garden"]
    assert api.get(f"categories/{tree['shirts'].pk}/").status_code == 404
    assert api.get(f"categories/{tree['linen'].pk}/").status_code == 404


def test_one_category_comes_with_a_page_of_its_products_and_of_those_below(api):
    tree = make_tree()
    for number in range(25):
        factories.make_product(name=f"P{number:02}", category=tree["linen"] if number % 2 else tree["clothes"])
    factories.make_product(name="Spade", category=tree["garden"])
    factories.make_product(name="Hidden", category=tree["clothes"], is_active=False)

    body = api.get(f"categories/{tree['clothes'].pk}/").json()
    second = api.get(f"categories/{tree['clothes'].pk}/?page=2").json()

    assert {name: body[name] for name in ("name", "parent", "depth")} == {"name": "Clothes", "parent": None, "depth": 0}
    assert body["children"] == [str(tree["shirts"].pk), str(tree["hats"].pk)]
    assert body["products"]["count"] == 25
    assert [row["name"] for row in body["products"]["results"]] == [f"P{n:02}" for n in range(24, 4, -1)]
    assert [row["name"] for row in second["products"]["results"]] == [f"P{n:02}" for n in range(4, -1, -1)]
    assert body["products"]["next"] == f"http://testserver/api/v1/categories/{tree['clothes'].pk}/?page=2"
    assert list(body["products"]["results"][0]) == list(api.get("products/").json()["results"][0])


def test_a_category_that_is_not_there_is_404(api):
    response = api.get(f"categories/{new_id()}/")

    assert (response.status_code, response.json()["code"]) == (404, "category_not_found")


@pytest.mark.parametrize(("path", "field"), [("categories/?page=1", "page"), ("categories/?search=x", "search")])
def test_the_list_takes_no_parameters(api, path, field):
    response = api.get(path)

    assert (response.status_code, [entry["field"] for entry in response.json()["errors"]]) == (400, [field])


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_categories_are_not_written_here(api_as, admin, method):
    category = factories.make_category()

    for path in ("categories/", f"categories/{category.pk}/"):
        assert getattr(api_as(admin), method)(path, {"name": "x"}).status_code == 405


# --- Services ---------------------------------------------------------------------------------------


def test_a_category_without_a_slug_gets_a_free_one():
    slugs = [create_category(data={"name": "Shirts"}).slug for _ in range(3)]

    assert slugs == ["shirts", "shirts-2", "shirts-3"]


def test_a_category_moves_with_everything_below_it(api):
    tree = make_tree()

    update_category(category_id=tree["shirts"].pk, changes={"parent_id": tree["garden"].pk})

    assert [(row["name"], row["depth"]) for row in api.get("categories/").json()] == [
        ("Clothes", 0),
        ("Hats", 1),
        ("Garden", 0),
        ("Shirts", 1),
        ("Linen", 2),
    ]


@pytest.mark.parametrize("below", ["clothes", "shirts", "linen"])
def test_a_category_is_never_placed_below_itself(below):
    tree = make_tree()

    with pytest.raises(CategoryInsideItself):
        update_category(category_id=tree["clothes"].pk, changes={"parent_id": tree[below].pk, "name": "Changed"})

    tree["clothes"].refresh_from_db()
    assert (tree["clothes"].parent_id, tree["clothes"].name) == (None, "Clothes")


def test_an_unknown_parent_or_category_is_refused():
    with pytest.raises(CategoryNotFound):
        create_category(data={"name": "x", "parent_id": new_id()})
    with pytest.raises(CategoryNotFound):
        update_category(category_id=new_id(), changes={"name": "x"})
    assert not Category.objects.exists()


def test_a_new_name_is_found_by_search(api):
    category = create_category(data={"name": "Hemden"})
    product = factories.make_product(name="Blue", category=category)

    update_category(category_id=category.pk, changes={"name": "Chemises"})

    product.refresh_from_db()
    assert (product.search_text, product.version) == ("blue chemises", 2)
    assert api.get("products/?search=chemises").json()["count"] == 1


def test_a_category_with_products_or_subcategories_stays():
    tree = make_tree()
    factories.make_product(category=tree["garden"])

    for name in ("garden", "clothes"):
        with pytest.raises(ProtectedError):
            delete_category(category_id=tree[name].pk)
    delete_category(category_id=tree["linen"].pk)

    assert set(Category.objects.values_list("slug", flat=True)) == {"garden", "clothes", "shirts", "hats"}
