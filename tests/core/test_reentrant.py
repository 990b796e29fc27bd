"""A `LocalDict` used from inside itself: by finalizers, signal handlers and other threads."""

import signal
import threading

import pytest

from persidict.core import ITEM_NOT_AVAILABLE, LocalDict


def increment(count):
    return 1 if count is ITEM_NOT_AVAILABLE else count + 1


class Dropped:
    """Writes to the dict when it is dropped from it."""

    def __init__(self, d):
        self.d = d

    def __deepcopy__(self, memo):
        return self

    def __del__(self):
        self.d.transform_item("dropped", transformer=increment)
        self.d["other"] = len(self.d)


@pytest.mark.parametrize(
    "drop",
    [
        lambda d: d.__setitem__("a", 1),
        lambda d: d.__delitem__("a"),
        lambda d: d.pop("a"),
        lambda d: d.clear(),
        lambda d: d.transform_item("a", transformer=lambda _: 1),
    ],
    ids=["set", "del", "pop", "clear", "transform"],
)
def test_a_finalizer_uses_the_dict_that_drops_its_object(drop):
    d = LocalDict()
    d["a"] = Dropped(d)
    drop(d)
    assert d["dropped"] == 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_a_signal_handler_loses_no_change():
    d = LocalDict()
    handled = 0

    def handler(*_):
        nonlocal handled
        handled += 1
        d.transform_item("n", transformer=increment, n_retries=None)
        d["x"] = handled
        d.discard("x")
        signal.setitimer(signal.ITIMER_REAL, 0.0001)  # not at intervals: it would interrupt itself

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0001)
    try:
        own = 0
        while handled < 300:
            d.transform_item("n", transformer=increment, n_retries=None)
            d["x"] = own
            d.discard("x")
            own += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert d["n"] == own + handled


@pytest.mark.parametrize("listing", [list, len, lambda d: list(d.items())])
def test_a_listing_does_not_mind_changes(listing):
    d = LocalDict()
    d.update((str(number), number) for number in range(300))
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            d[f"new{number % 50}"] = number
            d.discard(f"new{(number + 25) % 50}")
            number += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            assert 300 <= (found if isinstance(found := listing(d), int) else len(found)) <= 350
    finally:
        stop.set()
        thread.join()


def test_etags_of_a_key_grow_whoever_writes():
    d = LocalDict()
    seen = []

    def write():
        for number in range(500):
            d["a"] = number

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if (found := d.get_with_etag("a").actual_etag) is not ITEM_NOT_AVAILABLE:
            seen.append(int(found))
    assert seen == sorted(seen)


def test_threads_lose_no_increment():
    d = LocalDict()

    def count():
        for _ in range(200):
            d.transform_item("n", transformer=increment, n_retries=None)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert d["n"] == 800
