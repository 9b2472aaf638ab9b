"""What only the Redis store does: its keys, their life, and what happens when Redis is away."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apps.cart.errors import CartUnavailable
from apps.cart.owners import CartOwner
from apps.cart.stores import redis
from apps.cart.stores.redis import RedisCartStore
from core import clock
from core.ids import hash_token, new_id, new_token
from tests import factories
from tests.apps.cart.redis_store import redis_store
from tests.ports import free_port

DAY_MS = 86_400_000


@pytest.fixture
def store() -> Iterator[RedisCartStore]:
    with redis_store() as store:
        yield store


def put(store, owner, variant_id, quantity=1):
    store.add(owner=owner, variant_id=variant_id, quantity=quantity, limit=1_000, now=clock.now())


@pytest.mark.redis
class TestKeys:
    def test_a_users_cart_is_a_hash_of_variant_and_quantity(self, store):
        user_id, shirt, hat = new_id(), new_id(), new_id()
        put(store, CartOwner(user_id=user_id), shirt, 2)
        put(store, CartOwner(user_id=user_id), hat, 1)
        assert store._redis.hgetall(f"{store.prefix}user:{user_id}") == {str(shirt): "2", str(hat): "1"}
        assert RedisCartStore.__dict__["prefix"] == store.prefix

    def test_a_guests_cart_is_found_by_the_hash_of_the_token(self, store):
        token, shirt = new_token(), new_id()
        put(store, CartOwner(token_hash=hash_token(token)), shirt, 2)
        assert store._redis.hgetall(f"{store.prefix}guest:{hash_token(token)}") == {str(shirt): "2"}
        assert not [key for key in store._redis.scan_iter(match=f"{store.prefix}*") if token in key]

    @pytest.mark.parametrize("change", ["add", "set", "clear", "discard"])
    def test_every_change_begins_the_carts_days_anew(self, store, settings, change):
        settings.CART_DAYS = 30
        owner, shirt, now = CartOwner(user_id=new_id()), new_id(), clock.now()
        put(store, owner, shirt, 2)
        cart_id = store.read(owner=owner).cart_id
        for key in store._keys(owner):
            store._redis.pexpire(key, 1_000)
        if change == "add":
            put(store, owner, shirt)
        elif change == "set":
            store.set_quantity(owner=owner, variant_id=shirt, quantity=7, now=now)
        elif change == "clear":
            store.clear(owner=owner, now=now)
        else:
            store.discard(owner=owner, cart_id=cart_id, ordered={shirt: 1}, now=now)
        lives = [store._redis.pttl(key) for key in store._keys(owner) if store._redis.exists(key)]
        assert lives
        assert all(29 * DAY_MS < life <= 30 * DAY_MS for life in lives)

    def test_a_cart_that_has_expired_is_forgotten(self, store):
        owner = CartOwner(token_hash=hash_token(new_token()))
        put(store, owner, new_id())
        for key in store._keys(owner):
            store._redis.pexpire(key, 1)
        time.sleep(0.01)
        assert store.read(owner=owner) == (None, ())
        assert store.knows(owner=owner) is False


@pytest.mark.redis
class TestRaces:
    ADDERS, TIMES = 16, 25

    def race(self, act) -> None:
        barrier = threading.Barrier(self.ADDERS)

        def run():
            barrier.wait()
            for _ in range(self.TIMES):
                act()

        threads = [threading.Thread(target=run) for _ in range(self.ADDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_adds_of_one_line_by_16_at_once_sum_exactly(self, store):
        owner, shirt = CartOwner(user_id=new_id()), new_id()
        self.race(lambda: put(store, owner, shirt))
        [line] = store.read(owner=owner).lines
        assert line.quantity == self.ADDERS * self.TIMES

    def test_control_reading_and_then_writing_loses_adds(self, store):
        key, shirt = f"{store.prefix}user:{new_id()}", str(new_id())

        def read_then_write():
            units = int(store._redis.hget(key, shirt) or 0)
            store._redis.hset(key, shirt, units + 1)

        self.race(read_then_write)
        assert int(store._redis.hget(key, shirt)) < self.ADDERS * self.TIMES

    def test_merges_at_once_take_the_guests_lines_over_once(self, store, monkeypatch):
        guest, user = CartOwner(token_hash=hash_token(new_token())), CartOwner(user_id=new_id())
        shirt, now = new_id(), clock.now()
        monkeypatch.setattr(redis, "load_goods", lambda ids: dict.fromkeys(ids))
        put(store, guest, shirt, 3)
        outcomes = []

        def merge():
            try:
                outcomes.append(store.merge(guest=guest, user=user, limit_of=lambda goods: 1_000, now=now))
            except CartUnavailable:
                outcomes.append(None)

        self.race(merge)
        [line] = store.read(owner=user).lines
        assert line.quantity == 3
        assert [] in outcomes

    def test_a_line_added_while_the_cart_is_read_goes_along(self, store, monkeypatch):
        guest, user = CartOwner(token_hash=hash_token(new_token())), CartOwner(user_id=new_id())
        shirt, late = new_id(), [new_id()]
        put(store, guest, shirt)

        def load_and_add(ids):
            if late:
                put(store, guest, late.pop(), 2)
            return dict.fromkeys(ids)

        monkeypatch.setattr(redis, "load_goods", load_and_add)
        assert store.merge(guest=guest, user=user, limit_of=lambda goods: 9, now=clock.now()) == []
        assert [line.quantity for line in store.read(owner=user).lines] == [1, 2]

    def test_a_cart_that_keeps_changing_is_left_as_it_is(self, store, monkeypatch):
        guest, user = CartOwner(token_hash=hash_token(new_token())), CartOwner(user_id=new_id())
        put(store, guest, new_id())

        def load_and_add(ids):
            put(store, guest, new_id())
            return dict.fromkeys(ids)

        monkeypatch.setattr(redis, "load_goods", load_and_add)
        with pytest.raises(CartUnavailable):
            store.merge(guest=guest, user=user, limit_of=lambda goods: 9, now=clock.now())
        assert len(store.read(owner=guest).lines) == 1 + redis.MERGE_ATTEMPTS
        assert store.read(owner=user) == (None, ())


@contextmanager
def silent_server() -> Iterator[str]:
    """A Redis that accepts connections and never says a word (as one that is frozen)."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@contextmanager
def closed_port() -> Iterator[str]:
    yield f"redis://127.0.0.1:{free_port()}/0"


@pytest.mark.parametrize("broken", [silent_server, closed_port])
@pytest.mark.django_db
class TestRedisAway:
    def test_every_request_is_answered_503_within_two_seconds(self, broken, settings, api, api_as, customer):
        product = factories.make_product()
        with broken() as url:
            settings.CART_STORE, settings.REDIS_URL = "redis", url
            client, item = api_as(customer), new_id()
            add = {"product_id": str(product.pk), "quantity": 1}
            for call in (
                lambda: client.get("cart/"),
                lambda: client.post("cart/add/", add),
                lambda: client.patch(f"cart/items/{item}/", {"quantity": 1}),
                lambda: client.post("cart/clear/"),
                lambda: api.post("cart/add/", add, X_Cart_Token=new_token()),
            ):
                began = time.monotonic()
                answer = call()
                assert (answer.status_code, answer.json()["code"]) == (503, "cart_unavailable")
                assert answer["Retry-After"] == "5"
                assert time.monotonic() - began < 2

    def test_the_store_says_so(self, broken):
        with broken() as url, pytest.raises(CartUnavailable):
            RedisCartStore(url).read(owner=CartOwner(user_id=new_id()))
