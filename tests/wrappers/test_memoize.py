"""`memoize`: what is computed, what is found, and under which keys."""

import asyncio
import dataclasses
import inspect
import logging
import pickle
import sys
import threading
import types
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from persidict.core import (
    DecodingError,
    LocalBackend,
    LocalDict,
    MutationPolicyError,
    NonEmptySafeStrTuple,
)
from persidict.wrappers import WriteOnceDict, memoize
from tests.wrappers.wrapper_doubles import Watched, broken, taken, watched

computed = Counter()


@pytest.fixture(autouse=True)
def _nothing_computed():
    computed.clear()


def add(x, y=10, *rest, scale=1, verbose=False, **more):
    computed["add"] += 1
    return (x + y + sum(rest)) * scale


async def add_later(x, y=10):
    computed["add_later"] += 1
    await asyncio.sleep(0)
    return x + y


def fails(x):
    computed["fails"] += 1
    raise LookupError(x)


def nothing(x):
    computed["nothing"] += 1


def test_a_result_is_computed_once():
    f = memoize(LocalDict())(add)
    assert [f(1), f(1), f(x=1), f(1, 10), f(y=10, x=1), f(1, verbose=False)] == [11] * 6
    assert computed["add"] == 1
    assert f.cache_info() == (5, 1, 1)
    assert [f(2), f(1, 10, 5), f(1, scale=2), f(1, more=1), f(1.0)] == [12, 16, 22, 11, 11]
    assert computed["add"] == 6


def test_results_are_found_by_other_handles():
    backend = LocalBackend()
    memoize(LocalDict(backend=backend))(add)(1)
    other = memoize(LocalDict(backend=backend))(add)
    assert other(1) == 11
    assert (computed["add"], other.cache_info()) == (1, (1, 0, 1))


def test_none_is_a_result():
    f = memoize(LocalDict())(nothing)
    assert f(1) is f(1) is None
    assert computed["nothing"] == 1


def test_errors_are_not_kept():
    for once in (False, True):
        f = memoize(LocalDict(), once=once)(fails)
        for _ in range(2):
            with pytest.raises(LookupError):
                f(1)
        assert f.cache_info() == (0, 2, 0)
        assert len(f.store) == 0


def test_keys():
    store = LocalDict()
    f = memoize(store)(add)
    key = f.key_of(1)
    assert type(key) is NonEmptySafeStrTuple
    assert key[:2] == (f"{__name__.replace('<', '=3C')}.add", "1")
    assert len(key[2]) == 40
    f(1)
    assert list(store) == [key]
    assert computed["add"] == 1
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        f.key_of()
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        f()
    assert computed["add"] == 1


def test_version_and_name():
    store = LocalDict()
    first = memoize(store, name="sums")(add)
    second = memoize(store, name="sums", version="2 (with tax)")(add)
    other = memoize(store, name="totals")(add)
    assert [f(1) for f in (first, second, other)] == [11] * 3
    assert computed["add"] == 3
    assert {key[:2] for key in store} == {
        ("sums", "1"),
        ("sums", "2=20(with=20tax)"),
        ("totals", "1"),
    }
    long = memoize(store, name="ä" * 200)(add)
    assert long(1) == long(1) == 11
    assert memoize(store, name="ä" * 201)(add).key_of(1) != long.key_of(1)


def test_ignored_parameters():
    f = memoize(LocalDict(), ignore=("verbose", "more"))(add)
    assert f.key_of(1) == f.key_of(1, verbose=True) == f.key_of(1, other=5)
    assert f.key_of(1) != f.key_of(1, scale=2)


def test_names_to_ignore_are_read_once():
    decorate = memoize(LocalDict(), ignore=iter(["verbose"]))
    for f in (decorate(add), decorate(add)):
        assert f.key_of(1, verbose=True) == f.key_of(1)


def test_a_key_function_stands_for_the_arguments():
    class Model:
        def __init__(self, name):
            self.name = name

    def score(model, x):
        computed["score"] += 1
        return x

    refused = memoize(LocalDict())(score)
    with pytest.raises(TypeError, match="the argument 'model' has no stable form"):
        refused(Model("a"), 1)
    f = memoize(LocalDict(), key=lambda model, x: (model.name, x))(score)
    assert f(Model("a"), 1) == f(Model("a"), x=1) == 1
    assert computed["score"] == 1
    assert f(Model("b"), 1) == 1
    assert computed["score"] == 2


@dataclasses.dataclass
class Frame:
    size: int

    def area(self, factor=1):
        computed["area"] += 1
        return self.size**2 * factor

    @staticmethod
    def unit():
        computed["unit"] += 1
        return 1

    cached_area = memoize(LocalDict())(area)
    cached_unit = staticmethod(memoize(LocalDict())(unit))
    sizeless = memoize(LocalDict(), ignore=("self",))(area)


def test_methods():
    assert Frame(3).cached_area() == Frame(3).cached_area(factor=1) == 9
    assert computed["area"] == 1
    assert Frame(4).cached_area() == Frame.cached_area(Frame(4)) == 16
    assert computed["area"] == 2
    assert Frame(5).sizeless() == Frame(6).sizeless() == 25
    assert Frame.cached_unit() == Frame(1).cached_unit() == 1
    assert computed["unit"] == 1


def test_it_looks_like_the_function():
    store = LocalDict()
    f, g = memoize(store)(add), memoize(store)(add_later)
    assert (f.__name__, f.__doc__, f.__module__) == (add.__name__, add.__doc__, add.__module__)
    assert f.__wrapped__ is add
    assert f.store is store
    assert inspect.signature(f) == inspect.signature(add)
    assert inspect.iscoroutinefunction(g)
    assert not inspect.iscoroutinefunction(f)


def test_clearing():
    store = LocalDict()
    f, g = memoize(store)(add), memoize(store, version=2)(add)
    f(1), f(2), g(1)
    f.cache_clear()
    assert f.cache_info() == (0, 0, 0)
    assert g.cache_info() == (0, 1, 1)
    f(1)
    assert computed["add"] == 4


def test_a_hit_costs_one_read():
    calls = []
    f = memoize(watched(calls))(add)
    f(1)
    assert taken(calls) == ["ask", "store"]
    f(1)
    assert taken(calls) == ["ask", "transfer"]


def test_costs_with_leases():
    calls, leases = [], []
    f = memoize(watched(calls), once=True, lease_store=watched(leases))(add)
    f(1)
    assert taken(calls) == ["ask", "ask", "store"]
    assert taken(leases) == ["store", "erase"]
    f(1)
    assert (taken(calls), taken(leases)) == (["ask", "transfer"], [])


def test_who_comes_second_gets_the_first_result():
    store = LocalDict()

    def slow(x):
        store[f.key_of(x)] = "somebody else's"
        return "mine"

    f = memoize(store, name="slow")(slow)
    assert f(1) == f(1) == "somebody else's"


@pytest.mark.parametrize(
    "store",
    [LocalDict(append_only=True), WriteOnceDict(wrapped_dict=LocalDict(append_only=True))],
    ids=["append-only", "write-once"],
)
def test_stores_that_keep_what_they_have(store):
    f = memoize(store, once=True, lease_store=LocalDict(), name="kept")(add)
    assert f(1) == f(1) == 11
    assert computed["add"] == 1
    with pytest.raises(MutationPolicyError):
        f.cache_clear()


class Damaged(Watched):
    """A dict in which values can be damaged."""

    damaged = ()

    def _load(self, key, known):
        value, stat = super()._load(key, known)
        if stat.etag in self.damaged:
            raise DecodingError("damaged", backend="Damaged", operation="decode", key=key)
        return value, stat


@pytest.mark.parametrize("append_only", [False, True])
@pytest.mark.parametrize("once", [False, True])
def test_damaged_results_are_computed_again(append_only, once, caplog):
    store = Damaged(append_only=append_only)
    f = memoize(store, once=once, lease_store=LocalDict() if once else None)(add)
    f(1)
    store.damaged = {store.etag(f.key_of(1))}
    assert f(1) == f(1) == 11
    assert computed["add"] == (3 if append_only else 2)
    assert "computed again" in caplog.text
    assert {record.name for record in caplog.records} == {"persidict.wrappers"}


def test_a_result_mended_by_others_is_not_computed_again(monkeypatch):
    store = Damaged()
    f = memoize(store)(add)
    f(1)
    store.damaged = {store.etag(f.key_of(1))}
    etag = Damaged.etag

    def mended_first(self, key):
        found = etag(self, key)
        self[key] = "mended"
        return found

    monkeypatch.setattr(Damaged, "etag", mended_first)
    assert f(1) == "mended"
    assert computed["add"] == 1

    def deleted_first(self, key):
        del self[key]
        return etag(self, key)

    monkeypatch.setattr(Damaged, "etag", deleted_first)
    store.damaged = {etag(store, f.key_of(1))}
    assert f(1) == 11


def test_a_store_that_can_not_be_read_is_an_error():
    store = Watched()
    f = memoize(store)(add)
    store.failure = broken()
    with pytest.raises(type(store.failure), match="the disk is gone"):
        f(1)
    assert computed["add"] == 0


def test_a_result_that_can_not_be_written_is_returned(caplog):
    store = Watched()

    def breaking(x):
        store.failure = broken()
        return x

    assert memoize(store, name="breaking")(breaking)(1) == 1
    assert "can't be kept" in caplog.text


def test_a_result_that_no_store_holds_is_an_error():
    f = memoize(LocalDict(base_class_for_values=str))(add)
    with pytest.raises(TypeError, match="instances of str, got int"):
        f(1)


def lambdas():
    return lambda x: x


def closure(n):
    def scaled(x):
        return x * n

    return scaled


def recursion():
    def factorial(n):
        return n * f(n - 1) if n else 1

    f = memoize(LocalDict(), name="factorial")(factorial)
    return f


def test_recursion():
    f = recursion()
    assert f(20) == 2432902008176640000
    assert f.cache_info() == (0, 21, 21)
    assert f(21) == 21 * f(20)
    assert f.cache_info() == (2, 22, 22)


def test_functions_that_need_a_name():
    store = LocalDict()
    for function in (lambdas(), closure(2), type("Anonymous", (), {"__call__": add})()):
        with pytest.raises(ValueError, match="pass name="):
            memoize(store)(function)
        assert memoize(store, name="f")(function).store is store
    with pytest.raises(ValueError, match="scaled depends on n of the function around it"):
        memoize(store)(closure(2))

    def countdown(n):
        return countdown(n - 1) if n else 0

    assert memoize(store)(countdown)(3) == 0


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def times(self, x):
        return self.factor * x

    @classmethod
    def title(cls, x):
        return f"{cls.__name__} {x}"


class Other(Scale):
    pass


def test_methods_of_one_object_are_not_those_of_all():
    store = LocalDict()
    for method in (Scale(2).times, Scale.title, Other.title):
        with pytest.raises(ValueError, match=r"bound to an object.*pass name="):
            memoize(store)(method)
    double, triple = (memoize(store, name=f"x{n}")(Scale(n).times) for n in (2, 3))
    assert (double(5), triple(5)) == (10, 15)


def test_functions_of_one_name_in_two_notebooks(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    store = LocalDict()

    def defined(body, filler=""):
        namespace = {"__name__": "__main__"}
        exec(f"{filler}def f(x):\n    inner = lambda y: {body}\n    return inner(x)", namespace)
        return memoize(store)(namespace["f"])

    first, again, edited = defined("y + 1"), defined("y + 1", "\n\n"), defined("y + 2")
    assert [f(1) for f in (first, again, edited)] == [2, 2, 3]
    assert again.cache_info() == (1, 0, 1)
    assert first.key_of(1)[0].startswith("__main__.f-")


def shout(text):
    return text.upper()


def generator():
    yield 1


async def async_generator():
    yield 1


def test_arguments():
    store = LocalDict()
    with pytest.raises(TypeError, match=r"as in @memoize\(store\)"):
        memoize(add)
    with pytest.raises(TypeError, match="memoize decorates functions, got 5"):
        memoize(store)(5)
    with pytest.raises(TypeError, match="key must be a function, got 'x'"):
        memoize(store, key="x")
    for function in (generator, async_generator):
        with pytest.raises(TypeError, match="generator function"):
            memoize(store)(function)
    with pytest.raises(ValueError, match="has no parameter noisy, zoom"):
        memoize(store, ignore=["zoom", "noisy", "x"])(add)
    with pytest.raises(TypeError, match=r"such as \('verbose',\)"):
        memoize(store, ignore="verbose")
    with pytest.raises(ValueError, match="not both"):
        memoize(store, ignore=("x",), key=str)
    for wrong in ("1", True, None):
        with pytest.raises(TypeError, match="lease must be a number"):
            memoize(store, once=True, lease=wrong)
    for wrong in (0, -1, float("inf")):
        with pytest.raises(ValueError, match="lease must be a positive number"):
            memoize(store, once=True, lease=wrong)
    with pytest.raises(TypeError, match="lease_store must be a PersiDict, got dict"):
        memoize(store, once=True, lease_store={})
    with pytest.raises(ValueError, match="lease_store is of no use without once=True"):
        memoize(store, lease_store=LocalDict())
    for unfit, why in (
        (LocalDict(append_only=True), "append-only"),
        (LocalDict(base_class_for_values=int), "must be int"),
    ):
        with pytest.raises(ValueError, match=f"store can't hold leases.*{why}"):
            memoize(unfit, once=True)
        with pytest.raises(ValueError, match="lease_store can't hold leases"):
            memoize(store, once=True, lease_store=unfit)
    texts = LocalDict(serialization_format="txt", base_class_for_values=str)
    assert memoize(texts, once=True)(shout)("hey") == memoize(texts)(shout)("hey") == "HEY"


global_store = LocalDict()


@memoize(global_store)
def module_level(x):
    return x


def test_it_pickles_by_its_name():
    assert pickle.loads(pickle.dumps(module_level)) is module_level


class Gate:
    """A computation that the test lets go on; it says when it has begun."""

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def pass_through(self, x):
        computed[x] += 1
        self.begun.release()
        assert self.go.wait(60)
        return x


@pytest.mark.parametrize("once", [True, False])
def test_threads_compute_once(once):
    gate, polls = Gate(), threading.Semaphore(0)

    class Polled(LocalDict):
        def _stat(self, key):
            polls.release()
            return super()._stat(key)

        def _load(self, key, known):
            polls.release()
            return super()._load(key, known)

    store = Polled()
    f = memoize(store, once=once, name="gate")(gate.pass_through)
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(f, "a") for _ in range(4)]
        assert gate.begun.acquire(timeout=60)
        if once:
            for _ in range(20):  # by now, all others wait
                assert polls.acquire(timeout=60)
        else:
            for _ in range(3):
                assert gate.begun.acquire(timeout=60)
        gate.go.set()
        assert {future.result() for future in futures} == {"a"}
    assert computed["a"] == (1 if once else 4)
    assert set(store) == {f.key_of("a")}


def test_calls_for_other_keys_do_not_wait():
    gate = Gate()
    f = memoize(LocalDict(), once=True, name="gate")(gate.pass_through)
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(f, x) for x in "abc"]
        for _ in futures:
            assert gate.begun.acquire(timeout=60)
        gate.go.set()
        assert [future.result() for future in futures] == ["a", "b", "c"]


def test_a_computation_that_asks_for_its_own_result():
    def circle(x):
        return f(x)

    f = memoize(LocalDict(), once=True, name="circle")(circle)
    with pytest.raises(RuntimeError, match="asks for its own result"):
        f(1)
    assert len(f.store) == 0


def test_async_functions():
    f = memoize(LocalDict())(add_later)

    async def run():
        assert await f(1) == await f(x=1) == await f(1, y=10) == 11
        return await asyncio.gather(*(f(i) for i in range(5)))

    assert asyncio.run(run()) == [10, 11, 12, 13, 14]
    assert computed["add_later"] == 5
    assert f.cache_info() == (3, 5, 5)


def test_tasks_compute_once_however_many_wait():
    """More of them than the loop has threads."""
    go, begun = None, None

    async def slow(x):
        computed["slow"] += 1
        begun.set()
        await go.wait()
        return x

    store = LocalDict()
    f = memoize(store, once=True, name="slow")(slow)

    async def run():
        nonlocal go, begun
        go, begun = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(f(1)) for _ in range(100)]
        await begun.wait()
        assert await f_other(2) == 2
        go.set()
        return await asyncio.gather(*tasks)

    async def quick(x):
        return x

    f_other = memoize(store, once=True, name="quick")(quick)
    assert asyncio.run(run()) == [1] * 100
    assert computed["slow"] == 1
    assert f.cache_info() == (99, 1, 1)
    assert set(store) == {f.key_of(1), f_other.key_of(2)}


class Blocked(LocalDict):
    """A dict whose every access waits until the event loop has done something else."""

    def __init__(self, **params):
        super().__init__(**params)
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def _load(self, key, known):
        self.begun.release()
        assert self.go.acquire(timeout=60)
        return super()._load(key, known)


def test_the_loop_goes_on_while_the_store_is_slow():
    store = Blocked()
    f = memoize(store)(add_later)

    async def run():
        task = asyncio.create_task(f(1))
        await asyncio.to_thread(store.begun.acquire)
        store.go.release()  # the loop runs, or this would never be reached
        return await task

    assert asyncio.run(run()) == 11


@pytest.mark.parametrize("when", ["computing", "looking", "twice"])
def test_a_cancelled_task_gives_its_lease_back(when):
    leases = Blocked()
    returned = threading.Event()

    class Leases(LocalDict):
        def _erase(self, key, expected):
            super()._erase(key, expected)
            returned.set()

    leases, store = Leases(), Blocked()
    started = None

    async def endless(x):
        started.set()
        await asyncio.Event().wait()

    f = memoize(store, once=True, lease_store=leases, name="endless")(endless)

    async def run():
        nonlocal started
        started = asyncio.Event()
        task = asyncio.create_task(f(1))
        await asyncio.to_thread(store.begun.acquire)
        store.go.release()
        await asyncio.to_thread(store.begun.acquire)
        assert len(leases) == 1
        if when == "looking":
            task.cancel()
            await asyncio.wait([task])
            store.go.release()
        else:
            store.go.release()
            await started.wait()
            task.cancel()
            if when == "twice":
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
        assert task.cancelled()
        assert await asyncio.to_thread(returned.wait, 60)

    asyncio.run(run())
    assert len(leases) == 0


def test_a_look_that_fails_after_the_task_was_cancelled(caplog):
    class Failing(Blocked):
        def _load(self, key, known):
            self.begun.release()
            assert self.go.acquire(timeout=60)
            raise broken()

    store = Failing()
    f = memoize(store)(add_later)

    async def run():
        task = asyncio.create_task(f(1))
        await asyncio.to_thread(store.begun.acquire)
        task.cancel()
        await asyncio.wait([task])
        store.go.release()

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert caplog.records == []
