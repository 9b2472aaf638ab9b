"""Migrations are applied while people shop and the old code serves: whatever is not safe then is refused here.

What was there before the first release needs not be: nobody ran it under traffic, and nobody ever will.
"""

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now

from core.migration_operations import AddCheckBesideTraffic, AddIndexBesideTraffic, ValidateCheck
from tests.architecture.migration_rules import faults

OURS = {
    "accounts", "cart", "core", "inventory", "invoices", "notifications", "orders", "payments", "pricing", "products",
    "shipping", "support", "webhooks",
}  # fmt: skip
BEFORE_THE_FIRST_RELEASE = frozenset({
    "accounts.0001_create_accounts",
    "cart.0001_create_cart",
    "core.0001_create_core",
    "core.0002_number_events_and_feed_sinks",
    "core.0003_say_what_the_feed_has_lost",
    "core.0004_count_events_as_they_are_written",
    "core.0005_find_open_deliveries",
    "inventory.0001_create_inventory",
    "invoices.0001_create_invoices",
    "invoices.0002_store_invoice_documents",
    "notifications.0001_create_notifications",
    "notifications.0002_keep_inboxes_and_preferences",
    "notifications.0003_claim_mails_and_note_refusals",
    "orders.0001_create_orders",
    "orders.0002_hold_orders_and_count_what_was_taken_back",
    "orders.0003_find_guest_orders_and_deliveries",
    "orders.0004_say_how_a_parcel_is_tracked",
    "payments.0001_create_payments",
    "payments.0002_keep_disputes_refund_lines_and_wallet",
    "payments.0003_ask_about_open_payments",
    "payments.0004_find_messages_by_time",
    "payments.0005_one_owner_per_saved_method",
    "pricing.0001_create_pricing",
    "products.0001_create_products",
    "products.0002_index_search_text",
    "shipping.0001_create_shipping",
    "support.0001_create_support",
    "webhooks.0001_keep_endpoints_and_what_they_are_owed",
    "webhooks.0002_let_new_endpoints_prove_themselves",
})  # fmt: skip
# Raw SQL, Python, second steps of removals: who has looked at them, and why they are safe. Name → reason.
REVIEWED: dict[str, str] = {}


def ours() -> dict[str, tuple[Migration, ProjectState]]:
    """Return each migration of ours, by name, and the state of all models before it."""
    loader = MigrationLoader(None)
    found, state = {}, ProjectState()
    for key in _in_order(loader):
        migration = loader.graph.nodes[key]
        if key[0] in OURS:
            found[".".join(key)] = (migration, state.clone())
        state = migration.mutate_state(state, preserve=False)
    return found


def _in_order(loader: MigrationLoader) -> list[tuple[str, str]]:
    order: dict[tuple[str, str], None] = {}
    for leaf in sorted(loader.graph.leaf_nodes()):
        order |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    return list(order)


def test_every_migration_is_safe_while_old_and_new_code_are_at_work() -> None:
    known = BEFORE_THE_FIRST_RELEASE | REVIEWED.keys()
    unsafe = {name: faults(*entry) for name, entry in ours().items() if name not in known}
    assert {name: found for name, found in unsafe.items() if found} == {}, "see CONTRIBUTING.md, Migrations"


def test_no_app_is_left_out() -> None:
    loader = MigrationLoader(None)
    from_here = {key[0] for key in loader.disk_migrations if loader.disk_migrations[key].__module__.startswith("apps.")}
    assert from_here | {"core"} == OURS


def test_what_was_there_before_is_known_to_the_rules_too() -> None:
    """The control: among what was never under traffic the rules find what they are for."""
    by_name = ours()
    assert faults(*by_name["orders.0003_find_guest_orders_and_deliveries"]) == [
        "Create index order_of_guest on field(s) email of model order: "
        "use core.migration_operations.AddIndexBesideTraffic",
        "Create index order_by_delivery on field(s) delivered_at of model order: "
        "use core.migration_operations.AddIndexBesideTraffic",
    ]


THING = ModelState(
    "core",
    "Thing",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=10)),
        ("note", models.TextField(null=True)),
        ("count", models.IntegerField(db_default=0)),
    ],
    options={"indexes": [models.Index(fields=["name"], name="thing_by_name")]},
)
OTHER = ModelState("core", "Other", [("id", models.BigAutoField(primary_key=True))])
BY_COUNT = models.Index(fields=["count"], name="thing_by_count")
NEVER_BELOW = models.CheckConstraint(condition=models.Q(count__gte=0), name="never_below")
ONE_OF_A_NAME = models.UniqueConstraint(fields=["name"], name="one_of_a_name")
CREATE = migrations.CreateModel(
    "Fresh", [("id", models.BigAutoField(primary_key=True)), ("size", models.IntegerField())]
)


def judged(*operations: Operation, atomic: bool = True) -> list[str]:
    state = ProjectState()
    state.add_model(THING.clone())
    state.add_model(OTHER.clone())
    migration = Migration("0002_tried", "core")
    migration.operations, migration.atomic = list(operations), atomic
    return faults(migration, state)


def add(field: models.Field) -> Operation:
    return migrations.AddField("thing", "more", field)


def alter(name: str, field: models.Field) -> Operation:
    return migrations.AlterField("thing", name, field)


def forget(name: str) -> Operation:
    return migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("thing", name)])


@pytest.mark.parametrize(
    "operations",
    [
        pytest.param([CREATE, migrations.AddIndex("fresh", BY_COUNT)], id="a new table with its index"),
        pytest.param([CREATE, migrations.AddField("fresh", "a", models.IntegerField(default=1))], id="its column"),
        pytest.param([add(models.IntegerField(null=True))], id="a nullable column"),
        pytest.param([add(models.IntegerField(db_default=0))], id="a column with a db_default"),
        pytest.param([add(models.ForeignKey("core.Other", models.CASCADE, null=True, db_index=False))], id="a key"),
        pytest.param([alter("name", models.CharField(max_length=20))], id="a wider column"),
        pytest.param([alter("name", models.CharField(max_length=10, null=True))], id="a column made nullable"),
        pytest.param([alter("name", models.CharField(max_length=10, db_default=""))], id="a column given a db_default"),
        pytest.param([alter("name", models.CharField(max_length=10, help_text="x"))], id="what only the code knows"),
        pytest.param([AddCheckBesideTraffic("thing", NEVER_BELOW)], id="a rule for new rows"),
        pytest.param([migrations.RemoveIndex("thing", "thing_by_name")], id="an index less"),
        pytest.param([forget("note")], id="a nullable column forgotten"),
        pytest.param([forget("count")], id="a column with a db_default forgotten"),
    ],
)  # fmt: skip
def test_safe_operations_pass(operations: list[Operation]) -> None:
    assert judged(*operations) == []


@pytest.mark.parametrize(
    "operation",
    [AddIndexBesideTraffic("thing", BY_COUNT), ValidateCheck("thing", "never_below")],
    ids=["index", "check"],
)
def test_what_takes_long_stands_alone_outside_a_transaction(operation: Operation) -> None:
    assert judged(operation, atomic=False) == []
    assert len(judged(operation)) == 1
    assert len(judged(operation, add(models.IntegerField(null=True)), atomic=False)) == 1


@pytest.mark.parametrize(
    "operations",
    [
        pytest.param([add(models.IntegerField(default=0))], id="a column that old code does not fill"),
        pytest.param([add(models.DateTimeField(db_default=Now()))], id="a column computed for every row"),
        pytest.param([add(models.IntegerField(null=True, db_index=True))], id="a column with an index"),
        pytest.param([add(models.IntegerField(null=True, unique=True))], id="a unique column"),
        pytest.param([add(models.ForeignKey("core.Other", models.CASCADE, null=True))], id="a key with its index"),
        pytest.param([alter("note", models.TextField())], id="a column no longer nullable"),
        pytest.param([alter("name", models.CharField(max_length=9))], id="a narrower column"),
        pytest.param([alter("count", models.BigIntegerField(db_default=0))], id="another type"),
        pytest.param([alter("count", models.IntegerField())], id="a db_default taken away"),
        pytest.param([alter("name", models.CharField(max_length=10, unique=True))], id="a column made unique"),
        pytest.param([alter("count", models.IntegerField(db_default=0, db_index=True))], id="an index by a field"),
        pytest.param([alter("note", models.TextField(null=True, db_column="remark"))], id="another column"),
        pytest.param([migrations.AddIndex("thing", BY_COUNT)], id="an index that stops writers"),
        pytest.param([migrations.AddConstraint("thing", NEVER_BELOW)], id="a rule checked at once"),
        pytest.param([migrations.AddConstraint("thing", ONE_OF_A_NAME)], id="a unique rule"),
        pytest.param([migrations.RemoveField("thing", "note")], id="a column removed"),
        pytest.param([migrations.DeleteModel("other")], id="a table removed"),
        pytest.param([migrations.RenameField("thing", "note", "remark")], id="a column renamed"),
        pytest.param([migrations.RenameModel("thing", "matter")], id="a model renamed"),
        pytest.param([migrations.AlterModelTable("thing", "matter")], id="a table renamed"),
        pytest.param([migrations.RunSQL("SELECT 1")], id="raw SQL"),
        pytest.param([migrations.RunPython(migrations.RunPython.noop)], id="Python"),
        pytest.param([forget("name")], id="a column forgotten that must be filled"),
        pytest.param([AddIndexConcurrently("thing", BY_COUNT)], id="an index in a transaction"),
        pytest.param(
            [add(models.IntegerField(null=True)), migrations.AddField("other", "a", models.IntegerField(null=True))],
            id="two tables at once",
        ),
        pytest.param(
            [migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("thing", "note")])],
            id="a column removed behind the state",
        ),
    ],
)  # fmt: skip
def test_unsafe_operations_are_refused(operations: list[Operation]) -> None:
    assert len(judged(*operations)) == 1
