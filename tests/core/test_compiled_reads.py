"""Compiled reads: the same rows as the ORM, SQL made once, plans kept by PostgreSQL."""

import threading

import pytest
from django.db import connection
from django.db.models import F, Value

from apps.accounts.models import User
from core.compiled_reads import CompiledRead
from core.ids import new_id
from tests import factories

pytestmark = pytest.mark.django_db


def user_row(*, user_id):
    return User.objects.filter(pk=user_id).order_by().values_list("id", "email", "date_joined", "is_active", Value(7))


def kept_plans() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql")
        return cursor.fetchone()[0]


def test_it_returns_what_the_orm_returns_for_every_key(django_assert_num_queries):
    read = CompiledRead(user_row, "user_id")
    users = [factories.make_user() for _ in range(3)]

    for user in users:
        with django_assert_num_queries(1):
            rows = read.rows(user_id=user.pk)
        assert rows == list(user_row(user_id=user.pk)) == [(user.pk, user.email, user.date_joined, True, 7)]
    assert read.rows(user_id=new_id()) == []


def test_the_query_is_built_once():
    built = []

    def build(*, user_id):
        built.append(user_id)
        return user_row(user_id=user_id)

    read = CompiledRead(build, "user_id")
    for _ in range(3):
        read.rows(user_id=new_id())

    assert len(built) == 1


def test_several_keys_find_their_places():
    def one_of_two(*, a, b):
        return User.objects.filter(pk__in=[a, b]).exclude(pk=b).order_by().values_list("id", F("email"))

    read = CompiledRead(one_of_two, "a", "b")
    first, second = factories.make_user(), factories.make_user()

    assert read.rows(a=first.pk, b=second.pk) == [(first.pk, first.email)]
    assert read.rows(a=second.pk, b=first.pk) == [(second.pk, second.email)]


def test_a_query_that_ignores_its_key_is_a_mistake_that_shows():
    read = CompiledRead(lambda *, user_id: User.objects.order_by().values_list("id"), "user_id")

    with pytest.raises(ValueError, match="does not use its keys"):
        read.rows(user_id=new_id())


def test_the_statement_is_seen_by_djangos_wrappers():
    seen = []

    def note(execute, sql, *rest):
        seen.append(sql)
        return execute(sql, *rest)

    read = CompiledRead(user_row, "user_id")
    with connection.execute_wrapper(note):
        read.rows(user_id=new_id())

    assert len(seen) == 1


@pytest.mark.postgres
def test_postgresql_keeps_one_plan_for_all_keys():
    read = CompiledRead(user_row, "user_id")
    before = kept_plans()

    for _ in range(10):
        read.rows(user_id=new_id())

    assert kept_plans() == before + 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_column_changed_under_a_kept_plan_is_503_once(client, admin):
    path, headers = "/api/v1/auth/profile/", {"Authorization": f"Bearer {factories.access_token_of(admin)}"}
    for _ in range(10):
        assert client.get(path, headers=headers).status_code == 200
    change_email_column("text")
    try:
        first = client.get(path, headers=headers)
        assert (first.status_code, first["Retry-After"]) == (503, "2")
        assert client.get(path, headers=headers).status_code == 200
    finally:
        change_email_column("varchar(254)")
        connection.close()


def change_email_column(kind):
    """Migrate on a connection of its own, as a deployment does: ours is not told."""

    def alter():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE accounts_user ALTER COLUMN email TYPE {kind}")
        connection.close()

    thread = threading.Thread(target=alter)
    thread.start()
    thread.join()
