"""The vocabulary of refusal: every code means one thing, has a page, and says something."""

import pytest
from django.test import Client

from core.api.problem_pages import known_problems
from core.api.problems import status_of
from core.errors import ShopError


def all_kinds() -> list[type[ShopError]]:
    kinds, waiting = [], list(ShopError.__subclasses__())
    while waiting:
        kind = waiting.pop()
        kinds.append(kind)
        waiting += kind.__subclasses__()
    return kinds


def test_a_code_has_one_status() -> None:
    statuses: dict[str, set[int]] = {}
    for kind in all_kinds():
        statuses.setdefault(kind.code, set()).add(status_of(kind()))
    assert {code: found for code, found in statuses.items() if len(found) > 1} == {}


def test_every_refusal_has_a_status_of_its_own_and_not_500() -> None:
    assert [kind for kind in all_kinds() if status_of(kind()) == 500] == []


@pytest.mark.django_db
def test_the_type_of_a_problem_leads_to_a_page(client: Client) -> None:
    for code, kind in known_problems().items():
        response = client.get(f"/problems/{code.replace('_', '-')}/")
        assert response.status_code == 200, code
        assert kind.title in response.content.decode().replace("&#x27;", "'"), code
    assert client.get("/problems/nothing-of-the-kind/").status_code == 404
