"""Answers from memory: kept, renewed, squeezed, refused. The database is not asked."""

import gzip
import threading
import types

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory
from rest_framework.views import APIView

from core.api import cached_views, throttles
from core.api.answer_cache import AnswerCache, make_answer
from core.api.cached_views import AnswersFromMemory, Built, cached_view
from core.api.errors import Throttled
from core.api.middleware import RequestMiddleware
from core.changes import SLOTS, ChangeCounters, slot
from core.errors import NotFound

THING = slot("thing", 1)


@pytest.fixture
def shop(settings, tmp_path, monkeypatch):
    """A view over one changing value, with counters and memory of its own and a clock that the test moves."""
    settings.CATALOGUE_CACHE_SECONDS = 2
    settings.CATALOGUE_CACHE_ENTRIES = 100
    cached_views.answers.cache_clear()
    counters = ChangeCounters(tmp_path / "changes.bin")
    state = types.SimpleNamespace(value=1, built=0, asked=0, now=1_000.0, fails=None, counters=counters)
    monkeypatch.setattr(cached_views, "counters", lambda: counters)
    monkeypatch.setattr(cached_views, "time", types.SimpleNamespace(monotonic=lambda: state.now))

    def build(request, **kwargs):
        state.built += 1
        if state.fails:
            raise state.fails
        return Built({"value": state.value, **kwargs}, [THING])

    class View(APIView):
        def dispatch(self, request, *args, **kwargs):
            state.asked += 1
            return HttpResponse(b"from the view")

    view = cached_view(View.as_view(), build=build)
    state.view_class = View

    def get(path="/api/things/", method="get", **headers):
        request = getattr(RequestFactory(), method)(path, headers=headers)
        return RequestMiddleware(lambda r: view(r))(request)

    state.get, state.view = get, view
    yield state
    cached_views.answers.cache_clear()


def test_an_answer_is_built_once_and_then_served_from_memory(shop):
    first, second = shop.get(), shop.get()

    assert (first.content, second.content, shop.built, shop.asked) == (b'{"value":1}', b'{"value":1}', 1, 0)
    assert second["Content-Type"] == "application/json"
    assert second["Cache-Control"] == "public, max-age=2, stale-if-error=600"
    assert second["Vary"] == "Accept-Encoding, Accept-Language, Authorization"


def test_a_bumped_slot_makes_it_stale_at_once_also_from_another_process(shop, tmp_path):
    shop.get()
    shop.value = 2
    ChangeCounters(tmp_path / "changes.bin").bump([THING])

    assert shop.get().content == b'{"value":2}'


def test_a_slot_it_does_not_show_leaves_it_alone(shop):
    shop.get()
    shop.counters.bump([(THING + 1) % SLOTS])

    shop.get()

    assert shop.built == 1


def test_a_change_while_it_is_built_is_not_missed(shop):
    """The counters are read before the data: a commit between the two must not look like known."""

    def build_with_a_rival(request, **kwargs):
        seen = shop.value
        shop.value = 2
        shop.counters.bump([THING])  # commits after our read, before our answer is kept
        return Built({"value": seen}, [THING])

    view = cached_view(shop.view_class.as_view(), build=build_with_a_rival)
    assert view(RequestFactory().get("/api/rival/")).content == b'{"value":1}'
    assert view(RequestFactory().get("/api/rival/")).content == b'{"value":2}'


def test_old_age_ends_it_even_when_no_slot_moved(shop):
    shop.get()
    shop.value = 2

    shop.now += 1.99
    assert shop.get().content == b'{"value":1}'
    shop.now += 0.02
    assert shop.get().content == b'{"value":2}'


def test_while_one_request_renews_an_old_answer_the_others_go_on_with_it(shop):
    shop.get()
    shop.now += 3
    during = []

    def renewing(request, **kwargs):
        shop.built += 1
        if not during:
            during.append(cached_view(shop.view_class.as_view(), build=renewing)(RequestFactory().get("/api/things/")))
        return Built({"value": 2}, [THING])

    view = cached_view(shop.view_class.as_view(), build=renewing)

    assert view(RequestFactory().get("/api/things/")).content == b'{"value":2}'
    assert (during[0].content, shop.built) == (b'{"value":1}', 2)


def test_zero_seconds_keep_nothing(shop, settings):
    settings.CATALOGUE_CACHE_SECONDS = 0
    shop.get()
    shop.value = 2

    response = shop.get()

    assert (response.content, shop.built, len(cached_views.answers())) == (b'{"value":2}', 2, 0)
    assert response["Cache-Control"].startswith("public, max-age=0")


def test_the_path_the_query_and_the_host_are_the_key(shop, settings):
    settings.ALLOWED_HOSTS = ["a.example", "b.example"]
    for path, host in (("/api/x/", "a.example"), ("/api/x/?page=2", "a.example"), ("/api/x/", "b.example")):
        shop.get(path, Host=host)

    assert shop.built == 3
    shop.get("/api/x/", Host="b.example")
    assert shop.built == 3


def test_credentials_and_other_methods_go_to_the_view(shop):
    shop.get()

    assert shop.get(Authorization="Bearer x").content == b"from the view"
    assert [shop.get(method=method).content for method in ("post", "put", "delete", "options")] == [
        b"from the view"
    ] * 4
    assert (shop.built, shop.asked) == (1, 5)


def test_a_refusal_is_said_by_the_view_and_not_kept(shop):
    shop.fails = NotFound()

    assert (shop.get().content, len(cached_views.answers())) == (b"from the view", 0)


def test_what_is_refused_after_it_was_shown_is_forgotten(shop):
    shop.get()
    shop.now += 3
    shop.fails = NotFound()

    assert [shop.get().content for _ in range(3)] == [b"from the view"] * 3


def test_if_none_match_is_answered_304_without_a_body(shop):
    etag = shop.get()["ETag"]

    same = shop.get(If_None_Match=etag)
    shop.value = 2
    shop.counters.bump([THING])
    changed = shop.get(If_None_Match=etag)

    assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
    assert (changed.status_code, changed.content) == (200, b'{"value":2}')


def test_a_client_that_takes_gzip_gets_the_same_squeezed_bytes_and_a_weak_validator(shop):
    shop.value = "x" * 2_000
    plain = shop.get()

    first, second = (shop.get(Accept_Encoding="gzip, br") for _ in range(2))

    assert gzip.decompress(first.content) == plain.content
    assert first.content == second.content
    assert (first["Content-Encoding"], first["ETag"]) == ("gzip", f"W/{plain['ETag']}")
    assert shop.get(Accept_Encoding="gzip", If_None_Match=first["ETag"]).status_code == 304
    assert shop.built == 1


def test_head_is_answered_from_memory_too(shop):
    etag = shop.get()["ETag"]

    assert (shop.get(method="head")["ETag"], shop.built) == (etag, 1)


def test_when_the_database_is_away_the_last_answer_stands_in_for_ten_minutes(shop):
    shop.get()
    shop.fails = OperationalError("gone")

    shop.now += 599
    assert shop.get().content == b'{"value":1}'
    shop.now += 2
    with pytest.raises(OperationalError):
        shop.view(RequestFactory().get("/api/things/"))


def test_a_known_change_is_never_hidden_by_an_old_answer(shop):
    shop.get()
    shop.counters.bump([THING])
    shop.fails = OperationalError("gone")

    with pytest.raises(OperationalError):
        shop.view(RequestFactory().get("/api/things/"))


def test_only_answers_that_are_built_count_against_the_throttle(shop, monkeypatch):
    counted = []
    monkeypatch.setattr(throttles, "check", lambda scope, key: counted.append(scope))
    for _ in range(5):
        shop.get()
    assert counted == ["default"]

    def refuse(scope, key):
        raise Throttled

    monkeypatch.setattr(throttles, "check", refuse)
    assert shop.get("/api/others/").content == b"from the view"


def test_openapi_still_sees_the_view(shop):
    assert shop.view.cls is shop.view_class
    assert shop.view.csrf_exempt is True
    assert shop.view.initkwargs == {}


# --- The memory -------------------------------------------------------------------------------------


def answer(size: int):
    return make_answer(body=b"x" * size, etag='"e"', slots=[], snapshot=b"", now=0, max_age_seconds=1)


def test_the_least_recently_used_goes_first():
    cache = AnswerCache(max_entries=2, max_bytes=10**9)
    cache.put("a", answer(1))
    cache.put("b", answer(1))
    cache.get("a")
    cache.put("c", answer(1))

    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


def test_the_memory_is_bounded_by_bytes_and_takes_no_giants():
    cache = AnswerCache(max_entries=10**9, max_bytes=100_000)
    for number in range(100):
        cache.put(number, answer(3_000))
    cache.put("giant", answer(50_000))

    assert len(cache) == 100_000 // (4_000 + 500)
    assert cache.get("giant") is None
    assert cache.get(99) is not None


def test_threads_share_the_memory():
    cache = AnswerCache(max_entries=50, max_bytes=100_000)
    failures = []

    def work(seed: int) -> None:
        try:
            for number in range(2_000):
                cache.put((seed * number) % 97, answer(number % 1_000))
                cache.get(number % 97)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a thread must reach the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert failures == []
    assert len(cache) <= 50


# --- Before routing ---------------------------------------------------------------------------------


@pytest.fixture
def early(shop):
    """The middleware in front of something that only says that it was asked."""
    middleware = AnswersFromMemory(lambda request: HttpResponse(b"routed"))
    return lambda path="/api/things/", **headers: middleware(RequestFactory().get(path, headers=headers))


def test_a_fresh_answer_is_served_before_routing(shop, early):
    assert early().content == b"routed"
    routed = shop.get(Accept_Language="bn")

    response = early(Accept_Language="bn")

    assert (response.content, shop.built) == (b'{"value":1}', 1)
    assert response["Content-Language"] == "bn"
    assert [response[name] for name in ("ETag", "Cache-Control")] == [routed[n] for n in ("ETag", "Cache-Control")]


def test_what_is_stale_old_or_personal_is_routed(shop, early):
    shop.get()
    assert early(Authorization="Bearer x").content == b"routed"
    assert early("/api/things/?page=2").content == b"routed"

    shop.now += 3
    assert early().content == b"routed"
    shop.get()
    assert early().content == b'{"value":1}'
    shop.counters.bump([THING])
    assert early().content == b"routed"
