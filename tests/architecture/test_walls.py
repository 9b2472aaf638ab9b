"""What import-linter cannot see: foreign keys written as strings, migration names, the size of files."""

import re
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
SOURCES = sorted(
    path
    for folder in ("apps", "core", "config")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)
LINES_ALLOWED = 300


def floors() -> dict[str, int]:
    """Return each app's floor from pyproject.toml: 0 is the lowest; siblings share one."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["id"] == "floors")["layers"]
    return {name.strip(): height for height, layer in enumerate(reversed(layers)) for name in re.split(r"[|:]", layer)}


def foreign_keys() -> list[tuple[str, str, str]]:
    """Return (model, app of the model, app it points to) for every relation between apps of ours."""
    known = floors()
    return [
        (f"{model._meta.label}.{field.name}", model._meta.app_label, field.related_model._meta.app_label)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.is_relation
        and not field.auto_created
        and field.related_model is not None
        and model._meta.app_label in known
        and field.related_model._meta.app_label in known
    ]


def test_every_app_has_a_floor() -> None:
    folders = {path.name for path in (ROOT / "apps").iterdir() if (path / "apps.py").exists()}
    assert folders == set(floors())


def test_foreign_keys_point_down_or_stay_inside() -> None:
    known = floors()
    upward = [label for label, source, target in foreign_keys() if source != target and known[target] >= known[source]]
    assert upward == []


def test_the_foreign_key_test_sees_keys_written_as_strings() -> None:
    labels = {label for label, _, _ in foreign_keys()}
    assert "products.Product.seller" in labels  # declared through settings.AUTH_USER_MODEL, invisible to import-linter


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("apps/*/migrations/0*.py")) + sorted(ROOT.glob("core/migrations/0*.py"))
)
def test_migrations_are_named_by_what_they_do(path: Path) -> None:
    assert "auto_" not in path.stem
    assert path.stem[5:] not in {"initial", "alter", "update"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES_ALLOWED


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_say_what_they_are_about(path: Path) -> None:
    text = path.read_text()
    assert text.strip() == "" or text.lstrip().startswith('"""') or text.startswith("#!")


GATEWAY_IMPORTS_BANNED = re.compile(r"^\s*(from|import) (django\.(db|http)|rest_framework|httpx)\b", re.MULTILINE)


@pytest.mark.parametrize("path", sorted(ROOT.glob("apps/*/gateways/*.py")), ids=lambda path: path.name)
def test_gateways_know_neither_the_database_nor_the_request(path: Path) -> None:
    # import-linter cannot name a part of a package that is not ours, so `django.db` is looked for here.
    assert GATEWAY_IMPORTS_BANNED.search(path.read_text()) is None
