"""An interrupt at any moment of a memoized call leaves no lease behind, and the store works."""

import sys
import threading
import weakref
from itertools import count

import pytest

from persidict.core import ANY_ETAG, ITEM_NOT_AVAILABLE, VALUE_NOT_RETRIEVED, PersiDict
from persidict.core.backend import ETagMismatch
from persidict.core.results import Stat
from persidict.wrappers import MutableDictCached, memoize


class Plain(PersiDict):
    """A dict in memory without locks: what is left behind is not its fault."""

    def __init__(self, name="main"):
        super().__init__()
        self.name = name
        self.content = {}
        self.versions = count(1)

    def _stat(self, key):
        return self.content[key][1]

    def _load(self, key, known):
        value, stat = self.content[key]
        return (VALUE_NOT_RETRIEVED if stat.etag == known else value), stat

    def _store(self, key, value, expected):
        self.validate(self.content.get(key, (None, None))[1], expected)
        stat = Stat(str(next(self.versions)), 0.0)
        self.content[key] = value, stat
        return stat

    def _erase(self, key, expected):
        self.validate(self.content[key][1], expected)
        del self.content[key]

    def _scan(self, prefix):
        for key, (_, stat) in list(self.content.items()):
            if key[: len(prefix)] == prefix:
                yield key, stat

    @staticmethod
    def validate(stat, expected):
        actual = ITEM_NOT_AVAILABLE if stat is None else stat.etag
        if expected not in (ANY_ETAG, actual):
            raise ETagMismatch


class Interrupt(BaseException):
    """Raised where a signal handler could raise."""


def interrupted(function, steps):
    """Call a function and interrupt it at its n-th bytecode; False: it had fewer."""
    left = steps

    def trace(frame, event, _):
        nonlocal left
        if "persidict" not in frame.f_globals.get("__name__", "") or is_finalizing(frame):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise Interrupt
        return trace

    sys.settrace(trace)
    try:
        function()
    except Interrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def is_finalizing(frame):
    """Python swallows what a finalizer raises."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


@pytest.mark.slow
@pytest.mark.skipif(sys.gettrace() is not None, reason="the debugger or coverage traces already")
@pytest.mark.parametrize("start", range(1, 4))
def test_no_lease_is_held_after_an_interrupt(start):
    # Python 3.12 traces no bytecodes of the first call of a function.
    interrupted(lambda: memoize(Plain(), once=True, lease=1000, name="f")(abs)(1), 10**9)
    steps = start
    while True:
        store = Plain()
        f = memoize(store, once=True, lease=1000, name="f")(lambda x: x + 1)
        if not interrupted(lambda f=f: f(1), steps):
            break
        assert [key for key in store if key[0] == "=leases"] == [], steps
        assert f(1) == 2, steps
        steps += 12
    assert steps > 1000


def test_recursion_through_another_wrapper_of_the_same_function():
    store = Plain()

    def circle(x):
        return second(x)

    first, second = (memoize(store, once=True, name="circle")(circle) for _ in range(2))
    with pytest.raises(RuntimeError, match="asks for its own result"):
        first(1)
    assert len(store) == 0


def test_a_finalizer_calls_a_memoized_function():
    """Wherever a collection runs it: counting holds no lock."""
    store = Plain()
    f = memoize(store, name="f")(lambda x: x)

    class Dying:
        pass

    class Reading(Plain):
        def _load(self, key, known):
            dying = Dying()
            weakref.finalize(dying, f, 1)
            del dying
            return super()._load(key, known)

    g = memoize(Reading(), name="g")(lambda x: x)
    thread = threading.Thread(target=lambda: [g(2) for _ in range(3)], daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert f.cache_info().misses == 1


def test_a_finalizer_reads_a_bounded_cache():
    """In the middle of the cache's own bookkeeping, which holds no lock."""

    class Dying:
        pass

    class Listing(Plain):
        def _scan(self, prefix):
            dying = Dying()
            weakref.finalize(dying, lambda: d.get("a"))
            del dying
            return super()._scan(prefix)

    d = MutableDictCached(
        main_dict=Plain(),
        data_cache=Listing("data"),
        etag_cache=Plain("etags"),
        max_cached_items=1,
    )

    def work():
        for name in "abcd":
            d[name] = name
            d.get("a")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert d["d"] == "d"
