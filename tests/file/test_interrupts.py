"""Exceptions from outside come through and leak nothing; handlers may use the store."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from types import SimpleNamespace

import pytest

from persidict import ITEM_NOT_AVAILABLE, BackendError, FileDirDict
from tests.torture.interrupts import (
    OPERATIONS,
    Interrupter,
    Stop,
    interrupt_by_signals,
    interrupt_everywhere,
)

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="it counts in /dev/fd"),
    # An interrupted listing is closed by its destructor, which says so.
    pytest.mark.filterwarnings("ignore:unclosed scandir"),
]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_exception_at_any_bytecode_comes_through_and_leaks_nothing(name, make, base):
    # Every bytecode takes minutes; the torture begins at others.
    outcome = interrupt_everywhere(name, make, base=base, start=3, step=43)
    assert outcome.problems == []
    assert outcome.interrupts > 2


@pytest.mark.slow
def test_an_exception_at_each_bytecode_after_a_write_was_refused_under_the_lock(make, base):
    """The refusal is an exception as well: the cleanup that it begins is interrupted."""
    outcome = interrupt_everywhere("insert if, taken", make, base=base, start=600)
    assert outcome.problems == []
    assert outcome.interrupts > 100


# An exception in a callback of the garbage collector is one that Python itself ignores.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_exceptions_of_a_signal_handler_at_random_moments(make, base):
    assert interrupt_by_signals(make, base, 0).problems == []


def leak(d):
    opened = os.open("/dev/null", os.O_RDONLY)
    d["a"] = "new"
    os.close(opened)


def swallow(d):
    try:
        d["a"] = "new"
    except Stop:
        raise BackendError("can't write") from None


def leave_a_file(d):
    path = os.path.join(d.base_dir, "+tmp", "mine")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    d["a"] = "new"
    os.unlink(path)


@pytest.mark.parametrize("wrong", [leak, swallow, leave_a_file])
def test_the_search_notices(wrong, make, base):
    outcome = interrupt_everywhere("replace", make, base=base, start=50, step=10**6, act=wrong)
    assert len(outcome.problems) == 1


@pytest.mark.parametrize(
    "error", [TimeoutError("too slow"), KeyboardInterrupt(), OSError("not mine"), RuntimeError()]
)
@pytest.mark.parametrize(
    ("call", "act"),
    [
        ("open", lambda d: d["a"]),
        ("read", lambda d: d["a"]),
        ("stat", lambda d: "a" in d),
        ("link", lambda d: d.__setitem__("new", 1)),
        ("rename", lambda d: d.__setitem__("a", 2)),
        ("utime", lambda d: d.__setitem__("a", 2)),
        ("lstat", lambda d: d.__setitem__("a", 2)),
        ("mkdir", lambda d: d.__setitem__(("x", "y"), 2)),
        ("unlink", lambda d: d.discard("a")),
        ("rmdir", lambda d: d.discard(("p", "q"))),
        pytest.param("unlink", lambda d: d.clear(), id="clear"),
        ("scandir", list),
        pytest.param("open", lambda d: list(d.items()), id="open for items"),
        pytest.param("read", lambda d: list(d.get_many(["a"])), id="read for many"),
    ],
)
def test_what_a_handler_raises_is_not_taken_for_an_answer_of_the_system(
    call, act, error, make, monkeypatch, leftovers
):
    d = make()
    d["a"] = d["p", "q"] = 1
    original = getattr(os, call)

    def interrupted(*args, **kwargs):
        original(*args, **kwargs) if call != "open" else os.close(original(*args, **kwargs))
        setattr(os, call, original)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, interrupted)
        with pytest.raises(type(error)) as caught:
            act(d)
    assert caught.value is error
    assert leftovers() == []


def test_a_forked_child_keeps_its_files_after_an_interrupt(make):
    d = make()
    d["a"] = 0
    for at in range(1, 2000, 37):
        if Interrupter(at).run(lambda: d.__setitem__("a", 1)) is None:
            break
    mine = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    child = os.fork()
    if child == 0:
        try:
            for descriptor in mine:
                os.fstat(descriptor)
            os._exit(0)
        except OSError:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for descriptor in mine:
        os.close(descriptor)


# Handlers that use the store


@pytest.mark.parametrize(
    "act",
    [list, len, lambda d: list(d.items()), lambda d: d.clear(), lambda d: d.subdicts()],
    ids=["keys", "len", "items", "clear", "subdicts"],
)
def test_what_a_handler_raises_while_a_listing_is_sorted(act, make, monkeypatch):
    d = make()
    d["a"] = d["p", "q"] = 1
    error = TimeoutError("too slow")

    def interrupted(_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "DirEntry", SimpleNamespace(is_file=interrupted))
        with pytest.raises(TimeoutError) as caught:
            act(d)
    assert caught.value is error
    assert len(d) == 2


def increment(d):
    d.transform_item(
        "n", transformer=lambda n: 1 if n is ITEM_NOT_AVAILABLE else n + 1, n_retries=None
    )


OUTER = {
    "transform": (increment, 1),
    "set": (lambda d: d.__setitem__("other", 1), 0),
    "insert below": (lambda d: d.__setitem__(("x", "new"), 1), 0),
    "delete": (lambda d: d.discard("there"), 0),
    "update": (lambda d: d.update({"other": 1, ("x", "other"): 2}), 0),
    "clear": (lambda d: d.get_subdict("x").clear(), 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("name", OUTER)
def test_a_handler_that_writes_at_any_bytecode_loses_nothing(name, durable, base):
    act, counted = OUTER[name]
    refused = 0
    for at in range(5, 10**6, 31):
        d = FileDirDict(base_dir=base, durable=durable)
        d["n"], d["there"], d["x", "there"] = 0, 1, 1
        expected = counted

        def handler(d=d):
            nonlocal expected, refused
            try:
                increment(d)
                expected += 1
            except BackendError:
                refused += 1

        interrupter = Interrupter(at, handler)
        assert interrupter.run(lambda d=d: act(d)) is None
        assert d["n"] == expected
        if not interrupter.where:
            break
    # Only a deletion that is just happening keeps others out.
    assert refused <= (2 if name == "delete" else 0)


def test_a_handler_deletes_what_is_being_written(make):
    for at in range(5, 10**6, 31):
        d = make()
        d["x", "a"] = "old"
        interrupter = Interrupter(at, lambda d=d: d.discard(("x", "a")))
        assert interrupter.run(lambda d=d: d.__setitem__(("x", "a"), "new")) is None
        assert d.get(("x", "a")) in ("new", None)
        if not interrupter.where:
            break


@pytest.mark.slow
def test_a_handler_does_not_wait_for_ever_for_another_directory(base):
    """Two processes that hold the locks of two directories and want the other's."""
    program = """
        import signal, sys, time
        from persidict import BackendError, FileDirDict
        d = FileDirDict(base_dir=sys.argv[1], durable=False)
        mine, other = sys.argv[2:]
        busy = False
        def handler(*_):
            global busy
            if not busy:
                busy = True
                try:
                    d[other, "a"] = 1
                except BackendError:
                    pass
                busy = False
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
        for _ in range(100):
            d[mine, "a"] = 1
        signal.setitimer(signal.ITIMER_REAL, 0)
    """
    processes = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), str(base), *names])
        for names in (("x", "y"), ("y", "x"))
    ]
    assert [process.wait(100) for process in processes] == [0, 0]


def test_a_finalizer_that_deletes_its_own_item(make):
    d = make()

    class Session:
        def __init__(self, number):
            self.me, self.number = self, number

        def __del__(self):
            d.discard(f"s{self.number}")

    threshold = gc.get_threshold()
    gc.set_threshold(10)
    try:
        for number in range(300):
            session = Session(number)
            d[f"s{number}"] = number
    finally:
        gc.set_threshold(*threshold)
    number = session.number
    del session
    gc.collect()
    assert f"s{number}" not in d
    assert len(d) == 0


def test_a_signal_handler_that_writes(make):
    d = make()
    busy = False

    def handler(*_):
        nonlocal busy
        if not busy:
            busy = True
            increment(d)
            busy = False

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        for _ in range(200):
            increment(d)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert d["n"] >= 200


class Twice(Interrupter):
    """Calls the handler at two bytecodes of one operation."""

    def __init__(self, at, gap, handler):
        super().__init__(at, handler)
        self._both = (at, at + gap)

    def _pass(self, frame):
        self.passed += 1
        if self.passed in self._both:
            self.where = frame.f_code.co_qualname
            sys.settrace(None)
            self._handler()
            sys.settrace(self._enter)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="bytecodes are counted otherwise there")
@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="no alarm on this system")
@pytest.mark.parametrize("name", ["transform", "set", "delete"])
def test_a_second_handler_does_not_wait_for_the_lock_that_a_first_one_took_again(name, base):
    """The first comes between the release of the lock and the note that it is released."""

    def hangs(*_):
        raise TimeoutError

    act, counted = OUTER[name]
    d = FileDirDict(base_dir=base, durable=False)
    previous = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(300)
    try:
        for at in range(1, 10**6):
            d["n"], d["there"] = 0, 1
            expected = counted

            def handler():
                nonlocal expected
                with suppress(BackendError):  # the deletion is just happening
                    increment(d)
                    expected += 1

            interrupter = Twice(at, 30, handler)
            assert interrupter.run(lambda: act(d)) is None
            assert d["n"] == expected
            if not interrupter.where:
                break
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    assert at > 300
