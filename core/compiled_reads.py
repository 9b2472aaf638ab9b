"""Reads on hot paths: the SQL is made once per process.

Building a SELECT with the ORM costs several times what running it costs, for a row by key. A CompiledRead keeps the
SQL that the ORM made. It runs through Django's cursor, so that it is counted, logged and refused like any other
statement, and PostgreSQL keeps its plan as it does for every statement (DATABASE_PREPARED_STATEMENTS).
"""

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from core.ids import new_id


@dataclasses.dataclass(frozen=True, slots=True)
class _Statement:
    """SQL with its parameters; `keys` are the places of the named keys among them."""

    sql: str
    params: tuple[Any, ...]
    keys: dict[int, str]
    converters: dict[int, tuple[list[Callable[..., Any]], Any]]


class CompiledRead:
    """A SELECT by keys: `build(name=…)` returns a values_list() queryset that compares each key as it is.

    A key is a UUID for a UUID column, text for a text column. While compiling, `build` is given a UUID for each.
    """

    def __init__(self, build: "Callable[..., QuerySet[Any, Any]]", *keys: str) -> None:
        self._build, self._keys = build, keys
        self._statements: dict[str, _Statement] = {}

    def rows(self, **keys: uuid.UUID | str) -> list[tuple[Any, ...]]:
        """Return the rows for these keys. One statement."""
        statement = self._statements.get(connection.vendor) or self._compile()
        params = list(statement.params)
        for place, name in statement.keys.items():
            params[place] = _as_parameter(keys[name])
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, params)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return _convert(found, statement) if statement.converters else found

    def _compile(self) -> _Statement:
        examples = {name: new_id() for name in self._keys}
        compiler = self._build(**examples).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        names = {form: name for name, example in examples.items() for form in (_as_parameter(example), str(example))}
        places = {place: names[param] for place, param in enumerate(params) if _is_key(param) and param in names}
        if set(places.values()) != set(self._keys):
            raise ValueError(f"the query does not use its keys {self._keys}")
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        statement = _Statement(sql=sql, params=tuple(params), keys=places, converters=converters)
        self._statements[connection.vendor] = statement
        return statement


def _as_parameter(key: uuid.UUID | str) -> uuid.UUID | str:
    return key if isinstance(key, str) or connection.features.has_native_uuid_field else key.hex


def _is_key(param: object) -> bool:
    return isinstance(param, uuid.UUID | str)


def _convert(rows: list[tuple[Any, ...]], statement: _Statement) -> list[tuple[Any, ...]]:
    converted = []
    for row in rows:
        values = list(row)
        for place, (functions, expression) in statement.converters.items():
            for function in functions:
                values[place] = function(values[place], expression, connection)
        converted.append(tuple(values))
    return converted
