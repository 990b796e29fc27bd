"""Results that grow old, are replaced on demand, or are exceptions; and awaitables."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from persidict.core import LocalDict, MutationPolicyError
from persidict.wrappers import memoize


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The time that stores and results see."""
    turned = Clock()
    monkeypatch.setattr("time.time", turned)
    return turned


class Counting:
    """A function that returns how often it was called."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return self.calls


@pytest.mark.parametrize("once", [False, True])
def test_old_results_are_computed_again(clock, once):
    f = memoize(LocalDict(), name="f", max_age=60, once=once)(Counting())
    assert [f(0), f(0)] == [1, 1]
    clock.now += 60
    assert f(0) == 1
    clock.now += 0.1
    assert [f(0), f(0)] == [2, 2]
    assert f.cache_info().currsize == 1


@pytest.mark.parametrize("once", [False, True])
def test_one_caller_computes_while_others_get_the_old_result(clock, once):
    begun, go = threading.Event(), threading.Event()
    results = iter(["old", "new"])

    def slow(x):
        result = next(results)
        if result == "new":
            begun.set()
            assert go.wait(60)
        return result

    f = memoize(LocalDict(), name="f", max_age=60, stale=60, once=once)(slow)
    assert f(0) == "old"
    clock.now += 61
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(f, 0)
        assert begun.wait(60)
        assert [f(0), f(0)] == ["old", "old"]
        go.set()
        assert refreshing.result() == "new"
    assert f(0) == "new"


def test_a_failed_refresh_leaves_the_next_caller_to_try(clock):
    outcomes = iter([1, OSError("busy"), 3])

    def flaky(x):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    f = memoize(LocalDict(), name="f", max_age=60, stale=60)(flaky)
    assert f(0) == 1
    clock.now += 61
    with pytest.raises(OSError, match="busy"):
        f(0)
    assert f(0) == 3


def test_results_beyond_stale_are_not_served(clock):
    f = memoize(LocalDict(), name="f", max_age=60, stale=60)(Counting())
    assert f(0) == 1
    clock.now += 121
    assert f(0) == 2


def test_a_result_that_others_renewed_meanwhile_is_returned(clock):
    store = LocalDict()
    answers = iter(["first", "mine"])

    def slow(x):
        answer = next(answers)
        if answer == "mine":
            store[f.key_of(x)] = "another's"
        return answer

    f = memoize(store, name="f", max_age=60)(slow)
    assert f(0) == "first"
    clock.now += 61
    assert f(0) == "another's"


def test_invalidate_and_refresh():
    f = memoize(LocalDict(), name="f")(Counting())
    assert not f.invalidate(0)
    assert [f(0), f(1)] == [1, 2]
    assert f.invalidate(x=0)
    assert [f(0), f(1)] == [3, 2]
    assert f.refresh(1) == 4
    assert f(1) == 4


def test_refresh_needs_a_store_that_changes():
    computed = Counting()
    f = memoize(LocalDict(append_only=True), name="f")(computed)
    f(0)
    with pytest.raises(MutationPolicyError):
        f.refresh(0)
    assert computed.calls == 1


def test_chosen_exceptions_are_results():
    calls = []

    def lookup(x):
        calls.append(x)
        raise {"key": KeyError, "value": ValueError}[x](x)

    f = memoize(LocalDict(), name="f", exceptions=LookupError)(lookup)
    for _ in range(2):
        with pytest.raises(KeyError, match="key"):
            f("key")
        with pytest.raises(ValueError, match="value"):
            f("value")
    assert calls == ["key", "value", "value"]


def test_exceptions_that_no_store_holds_are_raised_all_the_same(caplog):
    def lookup(x):
        raise KeyError(threading.Lock())

    f = memoize(LocalDict(), name="f", exceptions=KeyError)(lookup)
    for _ in range(2):
        with pytest.raises(KeyError):
            f(0)
    assert "can't be kept" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_age": 0}, ValueError, "max_age must be a positive number"),
        ({"max_age": "1"}, TypeError, "max_age must be a number of seconds"),
        ({"max_age": 1, "stale": -1}, ValueError, "stale must be a positive number"),
        ({"stale": 1}, ValueError, "stale is of no use without max_age"),
        ({"exceptions": "all"}, TypeError, "exceptions must be classes of exceptions"),
        ({"exceptions": KeyboardInterrupt}, TypeError, "exceptions must be classes"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        memoize(LocalDict(), **arguments)


def test_max_age_needs_a_store_that_changes():
    with pytest.raises(ValueError, match="not append-only"):
        memoize(LocalDict(append_only=True), max_age=1)


async def later(x):
    await asyncio.sleep(0)
    return x * 2


class Later:
    """An object that is called like an async function."""

    def __init__(self):
        self.calls = 0

    async def __call__(self, x):
        self.calls += 1
        return await later(x)


def returns_a_coroutine(calls):
    def plain(x):
        calls.append(x)
        return later(x)

    return plain


@pytest.mark.parametrize("once", [False, True])
def test_objects_with_an_async_call(once):
    function = Later()
    f = memoize(LocalDict(), name="f", once=once)(function)

    async def twice():
        return [await f(1), await f(1)]

    assert asyncio.run(twice()) == [2, 2]
    assert function.calls == 1


@pytest.mark.parametrize("once", [False, True])
def test_plain_functions_that_return_a_coroutine(once):
    calls, store = [], LocalDict()
    f = memoize(store, name="f", once=once)(returns_a_coroutine(calls))

    async def twice():
        return [await f(1), await f(1)]

    assert asyncio.run(twice()) == [2, 2]
    assert asyncio.run(f.refresh(1)) == 2
    assert calls == [1, 1]
    assert len(store) == 1


def test_a_coroutine_that_fails_is_not_kept():
    async def fails():
        raise LookupError("no")

    f = memoize(LocalDict(), name="f", once=True)(lambda x: fails())
    for _ in range(2):
        with pytest.raises(LookupError):
            asyncio.run(f(1))
    assert len(f.store) == 0


def test_refresh_of_async_functions():
    f = memoize(LocalDict(), name="f", exceptions=LookupError)(later)
    assert asyncio.run(f(1)) == asyncio.run(f.refresh(1)) == 2
    assert f.cache_info() == (0, 2, 1)
