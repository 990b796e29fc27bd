import asyncio
import inspect
import os
import threading

import pytest

from persidict import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, KEEP_CURRENT, LocalDict, PersiDict
from persidict.aio import AsyncPersiDict


class SteppedDict(LocalDict):
    """Reads and writes wait until they are let through; it counts those that are under way."""

    def __init__(self):
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.arrived = threading.Semaphore(0)
        self.under_way = []
        self.most = 0

    def _waiting(self, key):
        self.under_way.append(key)
        self.most = max(self.most, len(self.under_way))
        self.arrived.release()
        assert self.gate.acquire(timeout=30)
        self.under_way.remove(key)

    def _load(self, key, known):
        self._waiting(key)
        return super()._load(key, known)

    def _store(self, key, value, expected):
        self._waiting(key)
        return super()._store(key, value, expected)

    async def arrival(self):
        assert await asyncio.to_thread(self.arrived.acquire, timeout=30)


def public_methods(cls):
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


def test_every_public_method_has_its_parameters():
    ours = public_methods(AsyncPersiDict)
    for name, signature in public_methods(PersiDict).items():
        expected = [(p.name, p.kind) for p in signature.parameters.values()]
        assert [(p.name, p.kind) for p in ours[name].parameters.values()] == expected, name


def test_every_public_method_is_a_coroutine_or_an_async_iterator():
    d = AsyncPersiDict(LocalDict())
    iterators = {"keys", "values", "items"} | {
        n for n in public_methods(AsyncPersiDict) if "_and_" in n
    }
    for name in public_methods(PersiDict):
        method = getattr(d, name)
        if name == "get_many":
            assert hasattr(method([]), "__anext__")
        elif name in iterators:
            assert hasattr(method(), "__anext__")
        else:
            assert inspect.iscoroutinefunction(method), name


def test_operators():
    async def main():
        async with AsyncPersiDict(LocalDict()) as d:
            assert await d.is_empty()
            await d.set_item(("a", "b"), 1)
            await d.update({"c": 2}, d=3)
            assert await d["a", "b"] == 1
            assert await d.contains("c")
            assert not await d.contains("no")
            assert await d.count() == 3
            assert await d.equals({("a", "b"): 1, "c": 2, "d": 3})
            await d.delete_item("d")
            with pytest.raises(KeyError):
                await d["d"]
            assert sorted([key async for key in d]) == [("a", "b"), ("c",)]
            below = await d.get_subdict("a")
            assert await below["b"] == 1
            subdicts = await d.subdicts()
            assert {name: await sub.count() for name, sub in subdicts.items()} == {"a": 1, "c": 0}

    asyncio.run(main())


def test_conditional_operations():
    async def main():
        d = AsyncPersiDict(LocalDict())
        claim = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
        assert (await d.setdefault_if("job", default_value=1, **claim)).value_was_mutated
        outcome = await d.set_item_if("job", value=2, **claim)
        assert not outcome.condition_was_satisfied
        assert (await d.set_item_if("job", value=KEEP_CURRENT, **claim)).new_value == 1
        found = await d.get_with_etag("job")
        assert (await d.transform_item("job", transformer=lambda n: n + 1)).new_value == 2
        stale = {"condition": ETAG_IS_THE_SAME, "expected_etag": found.actual_etag}
        assert not (await d.discard_if("job", **stale)).condition_was_satisfied
        assert await d.pop("job") == 2
        assert await d.pop("job", None) is None

    asyncio.run(main())


@pytest.mark.parametrize("forgetful", [list, sorted, lambda d: "a" in d])
def test_forgotten_async_and_await_are_told_at_once(forgetful):
    with pytest.raises(TypeError):
        forgetful(AsyncPersiDict(LocalDict()))


def test_wrong_arguments_are_told_at_once():
    with pytest.raises(TypeError, match="must be a PersiDict, got dict"):
        AsyncPersiDict({})
    with pytest.raises(ValueError, match="must be positive, got 0"):
        AsyncPersiDict(LocalDict(), max_threads=0)
    with pytest.raises(TypeError, match="must be an int or None, got str"):
        AsyncPersiDict(LocalDict(), max_threads="4")


def test_as_many_calls_run_at_a_time_as_there_are_threads():
    wrapped = SteppedDict()

    async def main():
        d = AsyncPersiDict(wrapped, max_threads=3)
        gets = [asyncio.ensure_future(d.get(str(n))) for n in range(10)]
        for _ in range(3):
            await wrapped.arrival()
        assert len(wrapped.under_way) == 3
        wrapped.gate.release(10)
        assert await asyncio.gather(*gets) == [None] * 10

    asyncio.run(main())
    assert wrapped.most == 3


def test_a_change_that_is_cancelled_before_it_begins_never_happens():
    wrapped = SteppedDict()

    async def main():
        d = AsyncPersiDict(wrapped, max_threads=1)
        first = asyncio.ensure_future(d.set_item("a", 1))
        await wrapped.arrival()
        second = asyncio.ensure_future(d.set_item("b", 2))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        wrapped.gate.release(3)
        await first
        assert await d.get("a") == 1
        assert [key async for key in d] == [("a",)]

    asyncio.run(main())


def test_a_change_that_is_cancelled_after_it_has_begun_is_finished_first():
    wrapped = SteppedDict()

    async def main():
        d = AsyncPersiDict(wrapped, max_threads=1)
        change = asyncio.ensure_future(d.set_item("a", 1))
        await wrapped.arrival()
        change.cancel()
        await asyncio.sleep(0)
        change.cancel()
        assert not change.done()
        wrapped.gate.release()
        with pytest.raises(asyncio.CancelledError):
            await change
        assert list(wrapped) == [("a",)]

    asyncio.run(main())


def test_a_read_that_is_cancelled_returns_at_once_and_gives_its_thread_back():
    wrapped = SteppedDict()

    async def main():
        d = AsyncPersiDict(wrapped, max_threads=1)
        read = asyncio.ensure_future(d.get("a"))
        await wrapped.arrival()
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        assert len(wrapped.under_way) == 1
        wrapped.gate.release(2)
        assert await d.get("b") is None

    asyncio.run(main())


class Watched(LocalDict):
    """A dict that tells how far its listing was read, and whether it was closed."""

    def __init__(self):
        super().__init__()
        self.read = 0
        self.closed = threading.Event()

    def _keys(self, prefix):
        try:
            for n in range(100_000):
                self.read += 1
                yield from ()
                yield type(self).key(n)
        finally:
            self.closed.set()

    @staticmethod
    def key(n):
        from persidict import NonEmptySafeStrTuple

        return NonEmptySafeStrTuple(str(n))


@pytest.mark.parametrize("ending", ["break", "aclose", "cancel"])
def test_an_abandoned_iteration_reads_little_and_closes_its_source(ending):
    watched = Watched()

    async def main():
        d = AsyncPersiDict(watched)
        stream = d.keys()
        assert await anext(stream) == ("0",)
        if ending == "aclose":
            await stream.aclose()
            assert [key async for key in stream] == []
        elif ending == "cancel":
            task = asyncio.ensure_future(collect(stream))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
        del stream
        assert await asyncio.to_thread(watched.closed.wait, 30)

    asyncio.run(main())
    assert watched.read < 100_000


async def collect(stream):
    return [item async for item in stream]


def test_an_iteration_goes_on_after_a_cancelled_step():
    begun, may_go_on = threading.Event(), threading.Event()

    class HeldDict(LocalDict):
        def _scan(self, prefix):
            begun.set()
            assert may_go_on.wait(30)
            return super()._scan(prefix)

    wrapped = HeldDict()
    wrapped.update({str(n): n for n in range(50)})

    async def main():
        stream = AsyncPersiDict(wrapped).items()
        step = asyncio.ensure_future(anext(stream))
        assert await asyncio.to_thread(begun.wait, 30)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        may_go_on.set()
        found = await collect(stream)
        assert dict(found) == dict(wrapped)
        assert len(found) == 50

    asyncio.run(main())


def test_an_error_comes_after_the_items_before_it():
    class Failing(LocalDict):
        def _keys(self, prefix):
            yield Watched.key(1)
            raise ZeroDivisionError

    async def main():
        stream = AsyncPersiDict(Failing()).keys()
        assert await anext(stream) == ("1",)
        with pytest.raises(ZeroDivisionError):
            await anext(stream)
        assert await collect(stream) == []

    asyncio.run(main())


def test_several_event_loops_one_after_the_other():
    d = AsyncPersiDict(LocalDict())
    asyncio.run(d.set_item("a", 1))

    async def read():
        return await d["a"]

    assert asyncio.run(read()) == 1


def test_it_is_usable_after_it_was_closed():
    async def main():
        async with AsyncPersiDict(LocalDict()) as d:
            await d.set_item("a", 1)
        return await d["a"]

    assert asyncio.run(main()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_has_threads_of_its_own():
    d = AsyncPersiDict(LocalDict())
    asyncio.run(d.set_item("a", 1))
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(d.set_item("b", 2))
        finally:
            os._exit(0 if "b" in d.wrapped else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_any_function_runs_with_the_dict():
    d = AsyncPersiDict(LocalDict())
    assert asyncio.run(d.run(len)) == 0
    assert asyncio.run(d.run(LocalDict.get, "a", default=5)) == 5


def test_trio():
    trio = pytest.importorskip("trio")
    pytest.importorskip("anyio")
    wrapped = LocalDict()

    async def main():
        d = AsyncPersiDict(wrapped, max_threads=2)
        async with trio.open_nursery() as nursery:
            for n in range(20):
                nursery.start_soon(d.set_item, str(n), n)
        assert await d.count() == 20
        assert sorted([value async for value in d.values()]) == list(range(20))
        with pytest.raises(KeyError):
            await d["no"]

    trio.run(main)


def test_no_event_loop_at_all():
    call = AsyncPersiDict(LocalDict()).count()
    with pytest.raises(RuntimeError, match="async"):
        call.send(None)
