"""So many requests are worked on at once; the others wait a moment in a queue, or are refused with 503 and `busy`."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from core.api import waiting_room
from core.api.waiting_room import Places, WaitingRoom

DEADLINE = 30.0


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a place, so that refusals come soon."""
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", 0.05)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is given a place, however slow the machine is."""
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", DEADLINE)


class StuckView:
    """Answers once it is let go; counts who came in."""

    def __init__(self) -> None:
        self.entered, self.go_on = threading.Semaphore(0), threading.Event()
        self.count = 0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/stuck/":
            self.count += 1
            self.entered.release()
            assert self.go_on.wait(DEADLINE)
        return HttpResponse("served")


@pytest.fixture
def view(settings: LazySettings) -> Iterator[StuckView]:
    settings.REQUESTS_AT_ONCE = 2
    view = StuckView()
    yield view
    view.go_on.set()


def ask(room: WaitingRoom, path: str) -> HttpResponse:
    response = room(RequestFactory().get(path))
    assert isinstance(response, HttpResponse)
    return response


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def fill(room: WaitingRoom, view: StuckView) -> list[threading.Thread]:
    """Take both places."""
    threads = [in_thread(lambda: ask(room, "/stuck/")) for _ in range(2)]
    for _ in threads:
        assert view.entered.acquire(timeout=DEADLINE)
    return threads


def empty(view: StuckView, threads: list[threading.Thread]) -> None:
    view.go_on.set()
    for thread in threads:
        thread.join(DEADLINE)


@pytest.mark.usefixtures("brief")
def test_who_finds_no_place_in_time_is_refused_and_reaches_nothing(view: StuckView) -> None:
    room = WaitingRoom(view)
    threads = fill(room, view)

    refused = ask(room, "/stuck/")

    assert (refused.status_code, refused["Retry-After"]) == (503, "2")
    assert b'"code":"busy"' in refused.content
    assert view.count == 2
    empty(view, threads)
    assert ask(room, "/other/").status_code == 200


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_needs_no_place(view: StuckView, path: str) -> None:
    room = WaitingRoom(view)
    threads = fill(room, view)
    assert ask(room, path).status_code == 200
    empty(view, threads)


@pytest.mark.usefixtures("patient")
def test_who_waits_is_served_when_a_place_is_free(view: StuckView) -> None:
    room, answers = WaitingRoom(view), list[int]()
    threads = fill(room, view)
    waiting = in_thread(lambda: answers.append(ask(room, "/other/").status_code))
    empty(view, [*threads, waiting])
    assert answers == [200]


def test_a_place_is_given_back_when_the_view_fails(settings: LazySettings) -> None:
    settings.REQUESTS_AT_ONCE = 1

    def fail(request: HttpRequest) -> HttpResponse:
        raise RuntimeError(request.path)

    room = WaitingRoom(fail)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            ask(room, "/other/")


def test_without_a_limit_there_is_no_waiting_room(settings: LazySettings) -> None:
    settings.REQUESTS_AT_ONCE = 0
    with pytest.raises(MiddlewareNotUsed):
        WaitingRoom(lambda request: HttpResponse())


@pytest.mark.usefixtures("patient")
def test_places_are_given_in_the_order_of_coming() -> None:
    places, order = Places(1), list[int]()
    assert places.enter()

    def come(number: int) -> None:
        assert places.enter()
        order.append(number)
        places.leave()

    threads = []
    for number in range(5):
        threads.append(in_thread(lambda number=number: come(number)))
        wait_for(lambda: places.waiting == len(threads))
    places.leave()
    for thread in threads:
        thread.join(DEADLINE)
    assert order == [0, 1, 2, 3, 4]
    assert places.enter()


def test_once_somebody_waited_in_vain_the_next_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", 0.05)
    places = Places(1)
    assert places.enter()
    monkeypatch.setattr(waiting_room, "CROWDED_SECONDS", DEADLINE * 4)
    assert not places.enter()

    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", DEADLINE)
    waited = in_thread(places.enter)
    waited.join(DEADLINE / 2)
    assert not waited.is_alive(), "it waits, although the last one waited in vain"

    places.leave()
    assert places.enter(), "a free place is taken all the same"


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(DEADLINE * 100)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen")
