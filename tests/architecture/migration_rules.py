"""Which migrations may run while old and new code are at work: a release's migrations are applied before its code.

Judged by their operations; CONTRIBUTING.md says what to do instead. Raw SQL and Python cannot be judged: a person looks
at them. django-migration-linter 6.0 judges the SQL, and was not taken: it lets pass a check that is validated at once,
two tables locked by one transaction, and a column that the code forgets while it must be filled.
"""

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import models
from django.db.migrations import Migration
from django.db.migrations import operations as ops
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

ALONE = (AddIndexConcurrently, RemoveIndexConcurrently, ValidateConstraint)  # slow ones that stop nobody
HARMLESS = (
    *ALONE, AddConstraintNotValid, ops.CreateModel, ops.AlterModelOptions, ops.AlterModelManagers, ops.RemoveIndex,
    ops.RemoveConstraint,
)  # fmt: skip
TWO_STEPS = "is removed in two releases: first only from the code's state, then, reviewed, from the database"


def faults(migration: Migration, before: ProjectState) -> list[str]:
    """Return what is not safe in it, given the state of the models before it."""
    state, found = before.clone(), []
    made: set[str] = set()
    changed: set[str] = set()
    for operation in migration.operations:
        if isinstance(operation, ops.CreateModel):
            made.add(operation.name_lower)
        if _model_of(operation) not in made:
            found += _faults_of(operation, migration.app_label, state)
            changed |= _tables(operation, migration.app_label, state)
        operation.state_forwards(migration.app_label, state)
    alone = [operation for operation in migration.operations if isinstance(operation, ALONE)]
    if alone and (migration.atomic or len(migration.operations) > 1):
        found.append(f"{type(alone[0]).__name__} stands alone in a migration with atomic = False")
    if len(changed) > 1:
        found.append(f"one table at a time: {', '.join(sorted(changed))}")
    return found


def _model_of(operation: Operation) -> str:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", None) or ""
    return name.lower()


def _tables(operation: Operation, app: str, state: ProjectState) -> set[str]:
    """Return the tables it locks. Two in one transaction: the first is kept from everybody while the second is waited
    for."""
    if isinstance(operation, ops.AlterField) and not _is_altered(_old(operation, app, state), operation.field):
        return set()
    changing = (FieldOperation, ops.AddIndex, ops.AddConstraint, ops.RemoveIndex, ops.RemoveConstraint)
    return {_model_of(operation)} if isinstance(operation, changing) else set()


def _old(operation: FieldOperation, app: str, state: ProjectState) -> models.Field:
    return state.models[app, operation.model_name_lower].fields[operation.name]


def _is_altered(old: models.Field, new: models.Field) -> bool:
    """Whether the database is told of the change at all."""
    return type(old) is not type(new) or _told_of(old) != _told_of(new)


def _faults_of(operation: Operation, app: str, state: ProjectState) -> list[str]:
    what = operation.describe()
    if isinstance(operation, ops.SeparateDatabaseAndState):
        beside = [fault for each in operation.database_operations for fault in _faults_of(each, app, state)]
        return beside + [fault for each in operation.state_operations for fault in _forgetting(each, app, state)]
    if isinstance(operation, HARMLESS):
        return []
    if isinstance(operation, ops.AddField):
        return [f"{what}: {fault}" for fault in _new_column(operation.field)]
    if isinstance(operation, ops.AlterField):
        return (
            []
            if _is_widening(_old(operation, app, state), operation.field)
            else [f"{what}: it may be widened or made nullable only"]
        )
    if isinstance(operation, ops.AddIndex):
        return [f"{what}: use core.migration_operations.AddIndexBesideTraffic"]
    if isinstance(operation, ops.AddConstraint):
        return [f"{what}: use core.migration_operations.AddCheckBesideTraffic, then ValidateCheck"]
    if isinstance(operation, ops.RemoveField | ops.DeleteModel):
        return [f"{what}: it {TWO_STEPS}"]
    return [f"{what}: a person must have looked at it"]


def _new_column(field: models.Field) -> list[str]:
    if field.many_to_many:
        return []
    found = []
    if not field.null and not field.has_db_default():
        found.append("old code does not fill it: it is nullable or has a db_default")
    if field.has_db_default() and hasattr(field.db_default, "resolve_expression"):
        found.append("a db_default that is computed writes every row anew")
    if field.generated:
        found.append("a generated column writes every row anew")
    if field.db_index or field.unique:
        found.append("its index is built beside the traffic, in a migration of its own")
    return found


def _is_widening(old: models.Field, new: models.Field) -> bool:
    """Whether old code can go on writing, and no row is looked at."""
    if not _is_altered(old, new):
        return True
    if type(old) is not type(new) or (old.null and not new.null):
        return False
    loosened = _told_of(old, null=new.null, max_length=_wider(old, new), db_default=_added_default(old, new))
    return loosened == _told_of(new)


def _wider(old: models.Field, new: models.Field) -> int | None:
    if old.max_length is None or new.max_length is None:
        return old.max_length
    return max(old.max_length, new.max_length)


def _added_default(old: models.Field, new: models.Field) -> object:
    return new.db_default if old.db_default is NOT_PROVIDED else old.db_default


def _told_of(field: models.Field, **changes: object) -> dict[str, object]:
    """Return what the database is told of a field, with some of it changed."""
    code_only = {*field.non_db_attrs, "default", "auto_now", "auto_now_add"} - {"db_column"}
    _, path, args, kwargs = field.deconstruct()
    kept = {name: value for name, value in kwargs.items() if name not in code_only}
    kept |= {"null": field.null, "max_length": field.max_length, "db_default": field.db_default}
    return {"path": path, "args": args, **kept, **changes}


def _forgetting(operation: Operation, app: str, state: ProjectState) -> list[str]:
    """A column that the code does not know any more must fill itself."""
    if isinstance(operation, ops.RemoveField):
        field = _old(operation, app, state)
        if not field.null and not field.has_db_default():
            return [
                f"{operation.describe()}: new code does not fill it: first make it nullable or give it a db_default"
            ]
    return []
