"""How often each endpoint asks the database: at most nine times, whatever there is."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Address, User
from apps.accounts.services.tokens import ClientInfo, start_session
from core import clock
from tests.factories import ADDRESS, PASSWORD, make_user
from tests.http import ApiClient

pytestmark = pytest.mark.django_db
# Savepoints are the test's own (it runs inside a transaction), so they are not counted; BEGIN and COMMIT add two.
STATEMENTS = {
    "register": 4,  # account, its news, sign-in, refresh token
    "login": 4,  # account, its last sign-in, sign-in, refresh token
    "refresh": 4,  # sign-in locked, token, token used, successor
    "logout": 2,  # who asks, sign-in ended
    "profile": 2,  # who asks, the whole row
    "profile change": 4,  # … is the username free, the row written
    "addresses": 3,  # who asks, how many, the page
    "address": 2,
    "new address": 4,  # who asks, account locked, how many, the row
    "new default": 5,  # … the old default steps back
    "changed address": 4,
    "forgotten address": 2,
}


def count(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        act()
    return sum("SAVEPOINT" not in query["sql"] for query in queries)


@pytest.mark.parametrize("rows", [10, 40])
def test_statement_counts_do_not_grow(api: ApiClient, rows: int) -> None:
    user = make_user(email="ada@example.com")
    pairs = [start_session(user=user, client=ClientInfo(ip_address=None), now=clock.now()) for _ in range(rows)]
    Address.objects.bulk_create([Address(user=user, **ADDRESS) for _ in range(rows)])
    make_user()
    me = ApiClient(api.client, access=pairs[0].access)
    address = f"/api/v2/addresses/{Address.objects.all()[0].pk}/"
    new = {"email": "b@example.com", "username": "b", "password": PASSWORD}
    login = {"email": "ada@example.com", "password": PASSWORD}
    counted = {
        "register": count(lambda: api.post("auth/register/", new)),
        "login": count(lambda: api.post("auth/login/", login)),
        "refresh": count(lambda: api.post("auth/refresh/", {"refresh": pairs[1].refresh})),
        "profile": count(lambda: me.get("auth/profile/")),
        "profile change": count(lambda: me.patch("auth/profile/", {"username": "ada"})),
        "addresses": count(lambda: me.get("/api/v2/addresses/?page_size=100")),
        "address": count(lambda: me.get(address)),
        "new address": count(lambda: me.post("/api/v2/addresses/", ADDRESS)),
        "new default": count(lambda: me.post("/api/v2/addresses/", {**ADDRESS, "is_default": True})),
        "changed address": count(lambda: me.patch(address, {"city": "Dallas"})),
        "forgotten address": count(lambda: me.delete(address)),
        "logout": count(lambda: me.post("auth/logout/", {"refresh": pairs[0].refresh})),
    }
    assert counted == STATEMENTS
    assert User.objects.count() == 3
