"""Ledgers that the database itself keeps from being rewritten: triggers, made by a migration.

In the migration that creates the ledger, as its last operation:

    refuse_changes("inventory_stockmovement", parent=("stock_id", "inventory_stock"), may_forget=("actor_id",))

Updates are refused on both databases; they may only set a column of `may_forget` to NULL, as happens when the account
it points to is deleted. Deletes are refused on PostgreSQL, unless the parent row goes in the same transaction (a
product that was never sold takes its ledger along): a deferred trigger looks at the end of the transaction, because
Django deletes children first. TRUNCATE, which `manage.py flush` uses, stays possible for who owns the table. On SQLite
deletes are left to AppendOnlyModel: `flush` empties tables there by DELETE, and a trigger cannot tell the two apart.

Django rebuilds a SQLite table to alter it, and the triggers are gone then: a migration that alters a ledger ends with
refuse_changes() too. The invariant "core.ledgers_refuse_changes" finds a ledger without its triggers.
"""

from collections.abc import Sequence

from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

UPDATE_TRIGGER = "{table}_refuses_update"
DELETE_TRIGGER = "{table}_refuses_delete"


def refuse_changes(
    table: str, *, parent: tuple[str, str] | None = None, may_forget: Sequence[str] = ()
) -> migrations.RunPython:
    """Return the migration operation that makes a table append-only; running it again replaces the triggers.

    `parent` is (column, parent table): rows may be deleted together with the parent row they point to by its `id`.
    `may_forget` names nullable columns that may be set to NULL later.
    """

    def install(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        _remove(editor, table)
        if editor.connection.vendor == "postgresql":
            _install_on_postgresql(editor, table, parent, may_forget)
        else:
            editor.execute(_sqlite_update_trigger(editor.connection, table, may_forget))

    def remove(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        _remove(editor, table)

    return migrations.RunPython(install, remove, elidable=False)


def guarded_tables(connection: BaseDatabaseWrapper) -> set[str]:
    """Return the tables that refuse updates at present. One statement."""
    catalogue = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    suffix = UPDATE_TRIGGER.format(table="")
    with connection.cursor() as cursor:
        cursor.execute(catalogue)
        return {name.removesuffix(suffix) for (name,) in cursor.fetchall() if name.endswith(suffix)}


def _remove(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    for template in (UPDATE_TRIGGER, DELETE_TRIGGER):
        name = template.format(table=table)
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
            editor.execute(f"DROP FUNCTION IF EXISTS {name}()")
        else:
            editor.execute(f"DROP TRIGGER IF EXISTS {name}")


def _install_on_postgresql(
    editor: BaseDatabaseSchemaEditor, table: str, parent: tuple[str, str] | None, may_forget: Sequence[str]
) -> None:
    update, delete = UPDATE_TRIGGER.format(table=table), DELETE_TRIGGER.format(table=table)
    editor.execute(
        f"CREATE FUNCTION {update}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {_forgets_only(may_forget)} THEN RETURN NEW; END IF; {_refusal(table)} END $$"
    )
    editor.execute(f"CREATE TRIGGER {update} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {update}()")
    editor.execute(
        f"CREATE FUNCTION {delete}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {_parent_is_gone(parent)} THEN RETURN NULL; END IF; {_refusal(table)} END $$"
    )
    editor.execute(
        f"CREATE CONSTRAINT TRIGGER {delete} AFTER DELETE ON {table} DEFERRABLE INITIALLY DEFERRED "
        f"FOR EACH ROW EXECUTE FUNCTION {delete}()"
    )


def _refusal(table: str) -> str:
    return f"RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'integrity_constraint_violation';"


def _forgets_only(may_forget: Sequence[str]) -> str:
    if not may_forget:
        return "false"
    names = ", ".join(f"'{column}'" for column in may_forget)
    kept = f"to_jsonb(NEW) - ARRAY[{names}] = to_jsonb(OLD) - ARRAY[{names}]"
    return " AND ".join([kept, *(_unchanged_or_null(column, "IS NOT DISTINCT FROM") for column in may_forget)])


def _unchanged_or_null(column: str, same: str) -> str:
    return f"(NEW.{column} IS NULL OR NEW.{column} {same} OLD.{column})"


def _parent_is_gone(parent: tuple[str, str] | None) -> str:
    if parent is None:
        return "false"
    column, parent_table = parent
    return f"NOT EXISTS (SELECT 1 FROM {parent_table} WHERE id = OLD.{column})"  # noqa: S608 - names of ours


def _sqlite_update_trigger(connection: BaseDatabaseWrapper, table: str, may_forget: Sequence[str]) -> str:
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
    kept = [f"NEW.{column} IS OLD.{column}" for column in columns if column not in may_forget]
    forgotten = [_unchanged_or_null(column, "IS") for column in may_forget]
    allowed = " AND ".join([*kept, *forgotten]) if may_forget else "0"
    return (
        f"CREATE TRIGGER {UPDATE_TRIGGER.format(table=table)} BEFORE UPDATE ON {table} FOR EACH ROW "
        f"WHEN NOT ({allowed}) BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )
