"""`Lease`, `Semaphore` and `Counter`: who holds what, in one process and in several."""

import asyncio
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from persidict.core import LocalDict
from persidict.wrappers import Counter, Lease, Semaphore
from persidict.wrappers._coordination.claim import Claim
from tests.wrappers.wrapper_doubles import taken, watched


@pytest.fixture(params=["memory", "files"])
def store(request, tmp_path):
    if request.param == "memory":
        return LocalDict()
    pytest.importorskip("persidict.file")
    from persidict.file import FileDirDict

    return FileDirDict(base_dir=tmp_path, durable=False)


def test_one_holder_at_a_time(store):
    one, other = Lease(store, "job"), Lease(store, "job")
    assert one.acquire() == 1
    assert (one.is_held, one.token, other.is_held, other.token) == (True, 1, False, None)
    assert other.acquire(timeout=0) is None
    assert other.acquire(timeout=0.01) is None
    one.release()
    assert (one.is_held, one.token) == (False, None)
    assert other.acquire(timeout=0) == 2
    other.release()
    other.release()


def test_other_names_are_other_leases(store):
    with Lease(store, "a") as one, Lease(store, ("a", "b")) as other:
        assert (one, other) == (1, 1)


def test_tokens_grow_over_all_holders(store):
    lease = Lease(store, "job")
    tokens = []
    for _ in range(3):
        with lease as token:
            tokens.append(token)
    with Lease(store, "job") as token:
        tokens.append(token)
    assert tokens == [1, 2, 3, 4]


def test_threads_take_turns(store):
    inside, most, tokens = 0, 0, []

    def work(_):
        nonlocal inside, most
        with Lease(store, "job") as token:
            inside += 1
            most = max(most, inside)
            tokens.append(token)
            inside -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(18)))
    assert most == 1
    assert tokens == list(range(1, 19))


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_an_expired_lease_is_taken_over_with_a_larger_token(monkeypatch, caplog):
    clock = Clock()
    monkeypatch.setattr(Claim, "clock", staticmethod(clock))
    monkeypatch.setattr(Claim, "holder_clock", staticmethod(clock))
    monkeypatch.setattr(Claim, "start_heartbeat", lambda self: None)
    store = LocalDict()
    paused, other = Lease(store, "job", seconds=10), Lease(store, "job", seconds=10)
    assert paused.acquire() == 1
    other._new_claim()
    assert other._attempt() is None
    clock.now += 9.9
    assert other._attempt() is None
    assert paused.is_held
    clock.now += 0.1
    assert not paused.is_held, "somebody else may have it by now"
    assert other._attempt() == 2
    assert "taken over" in caplog.text
    paused.release()
    assert Lease(store, "job").acquire(timeout=0) is None


def test_a_holder_knows_that_its_machine_was_suspended(monkeypatch):
    since_boot = Clock()
    monkeypatch.setattr(Claim, "holder_clock", staticmethod(since_boot))
    lease = Lease(LocalDict(), "job", seconds=1000)
    with lease:
        assert lease.is_held
        since_boot.now += 1000
        assert not lease.is_held


@pytest.mark.skipif(sys.platform != "linux", reason="the clock that goes on is Linux's")
def test_the_holder_reads_a_clock_that_goes_on_while_suspended():
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= Claim.holder_clock() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_releasing_more_than_once_frees_one_place(store):
    first, second, third = (Semaphore(store, "s", limit=2) for _ in range(3))
    for holder in (first, second):
        assert holder.acquire(timeout=0)
    third.release()
    first.release()
    first.release()
    assert third.acquire(timeout=0)
    first.release()
    assert not first.acquire(timeout=0)
    second.release()
    third.release()


def test_a_holder_can_not_acquire_twice(store):
    lease = Lease(store, "job")
    with lease, pytest.raises(RuntimeError, match=r"holds the lease .* already"):
        lease.acquire()


def test_an_error_inside_releases(store):
    with pytest.raises(LookupError), Lease(store, "job"):
        raise LookupError
    assert Lease(store, "job").acquire(timeout=0) == 2


def test_async_leases(store):
    inside, most = 0, 0

    async def work():
        nonlocal inside, most
        async with Lease(store, "job"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async def run():
        await asyncio.gather(*(work() for _ in range(8)))

    asyncio.run(run())
    assert most == 1


def test_a_cancelled_wait_holds_nothing(store):
    async def run():
        lease = Lease(store, "job")
        async with Lease(store, "job"):
            waiting = asyncio.create_task(lease.acquire_async())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
        assert not lease.is_held
        assert await Lease(store, "job").acquire_async(timeout=0) is not None

    asyncio.run(run())


def test_leases_travel_unheld(tmp_path):
    pytest.importorskip("persidict.file")
    from persidict.file import FileDirDict

    store = FileDirDict(base_dir=tmp_path)
    with Lease(store, "job", seconds=5) as _:
        other = pickle.loads(pickle.dumps(Lease(store, "job", seconds=5)))
        assert (other.name, other.seconds, other.is_held) == (("job",), 5.0, False)
        assert other.acquire(timeout=0) is None


def test_requests():
    calls = []
    lease = Lease(watched(calls), "job")
    lease.acquire()
    assert taken(calls) == ["store"]
    lease.release()
    assert taken(calls) == ["store"]


@pytest.mark.parametrize("kind", [Lease, lambda *args, **named: Semaphore(*args, **named, limit=1)])
def test_wrong_arguments(kind):
    with pytest.raises(TypeError, match="store must be a PersiDict, got dict"):
        kind({}, "job")
    with pytest.raises(TypeError, match="seconds must be a number"):
        kind(LocalDict(), "job", seconds="1")
    with pytest.raises(ValueError, match="seconds must be a positive number"):
        kind(LocalDict(), "job", seconds=0)
    with pytest.raises(ValueError, match="can't hold leases"):
        kind(LocalDict(append_only=True), "job")
    with pytest.raises(ValueError, match="can't hold leases"):
        kind(LocalDict(base_class_for_values=int), "job")


def test_a_semaphore_lets_so_many_in(store):
    holders = [Semaphore(store, "downloads", limit=3) for _ in range(4)]
    assert [one.acquire(timeout=0) for one in holders] == [True, True, True, False]
    assert [one.is_held for one in holders] == [True, True, True, False]
    holders[1].release()
    assert holders[3].acquire(timeout=0)
    with pytest.raises(RuntimeError, match="has a place"):
        holders[3].acquire()
    for one in holders:
        one.release()
    assert len(store) == 0


def test_threads_share_a_semaphore(store):
    inside, lock, counts = 0, threading.Lock(), []

    def work(_):
        nonlocal inside
        with Semaphore(store, "downloads", limit=2):
            with lock:
                inside += 1
                counts.append(inside)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert len(counts) == 12
    assert max(counts) <= 2


def test_async_semaphores(store):
    async def run():
        async with Semaphore(store, "downloads", limit=1):
            assert not await Semaphore(store, "downloads", limit=1).acquire_async(timeout=0)

    asyncio.run(run())


@pytest.mark.parametrize("limit", [0, -1, 1.5, True])
def test_wrong_limits(limit):
    with pytest.raises((TypeError, ValueError), match="limit must be"):
        Semaphore(LocalDict(), "downloads", limit=limit)


def test_nothing_is_lost_by_a_counter(store):
    def work(_):
        for _ in range(20):
            Counter(store, "visits").add()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    visits = Counter(store, "visits")
    assert visits.value == 80
    assert (visits.add(-5), visits.reset(), visits.value, visits.reset()) == (75, 75, 0, 0)


def test_wrong_counters():
    with pytest.raises(TypeError, match="store must be a PersiDict"):
        Counter({}, "visits")
    for unfit in (LocalDict(append_only=True), LocalDict(base_class_for_values=str)):
        with pytest.raises(ValueError, match="store can't hold"):
            Counter(unfit, "visits")
    for amount in (1.5, True, "1"):
        with pytest.raises(TypeError, match="amount must be an int"):
            Counter(LocalDict(), "visits").add(amount)


def test_a_lease_at_exit_is_refused_and_free_again(tmp_path):
    files = pytest.importorskip("persidict.file")
    program = f"""
import sys
from persidict.file import FileDirDict
from persidict.wrappers import Lease
store = FileDirDict({str(tmp_path)!r})
class Late:
    def __del__(self):
        Lease(store, "late").acquire(timeout=0)
sys.modules["late"] = Late()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert "RuntimeError" in done.stderr, done.stderr
    with Lease(files.FileDirDict(tmp_path), "late"):
        pass


@pytest.mark.parametrize("value", [2.5, True, "5", {"a": 1}])
@pytest.mark.parametrize("act", [Counter.add, Counter.reset, lambda counter: counter.value])
def test_a_counter_leaves_alone_what_is_no_int(store, act, value):
    store["mine"] = value
    with pytest.raises(TypeError, match="'mine' is no counter"):
        act(Counter(store, "mine"))
    assert store["mine"] == value


def test_a_counter_goes_on_from_an_int_of_numpy(store):
    np = pytest.importorskip("numpy")
    store["n"] = np.int64(5)
    assert Counter(store, "n").value == 5
    assert Counter(store, "n").add(2) == 7
    store["n"] = np.int64(5)
    assert Counter(store, "n").reset() == 5


def test_resetting_by_many_returns_each_addition_once(store):
    counter, found = Counter(store, "n"), []

    def add_and_reset(_):
        for _ in range(20):
            Counter(store, "n").add()
            found.append(Counter(store, "n").reset())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_and_reset, range(4)))
    assert sum(found) + counter.value == 80
    assert counter.reset() == 0
