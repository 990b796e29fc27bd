"""Exceptions that come from outside, at any bytecode: what is raised must come through.

`interrupt_everywhere` raises at one bytecode of the library after the other, as a signal handler
does; `interrupt_by_signals` lets a real handler raise at random moments.
"""

from __future__ import annotations

import dis
import logging
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from persidict import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, FileDirDict, LocalDict

A, NESTED = ("a",), ("x", "y", "b")
ABSENT = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "insert": lambda d: d.__setitem__(("new",), "new"),
    "insert below": lambda d: d.__setitem__(("p", "q"), "new"),
    "replace": lambda d: d.__setitem__(A, "new"),
    "insert if": lambda d: d.setdefault_if(("new",), default_value="new", **ABSENT),
    "insert if, taken": lambda d: d.setdefault_if(A, default_value="new", **ABSENT),
    "default": lambda d: d.setdefault(A, "new"),
    "transform": lambda d: d.transform_item(NESTED, transformer=lambda _: "new"),
    "update": lambda d: d.update({A: "new", ("p", "q"): "new", ("p", "r"): "new"}),
    "delete": lambda d: d.discard(A),
    "pop": lambda d: d.pop(NESTED),
    "discard many": lambda d: d.discard_many([A, NESTED]),
    "clear": lambda d: d.clear(),
    "read": lambda d: d[A],
    "ask": lambda d: (A in d, d.etag(A), d.timestamp(A)),
    "list": lambda d: (list(d.items()), len(d), list(d.subdicts())),
}
# The parts of the library in which an exception from outside is raised. Codecs and pickle are
# left out: what a value's own methods raise there is wrapped, and can't be told from it.
_PARTS = (
    "file/",
    "core/base",
    "core/mapping",
    "core/views",
    "core/conditional",
    "core/local",
    "core/guarded",
)


# A number for `sys.monitoring` that no other tool of ours uses.
_TOOL = 4
# Stands for a branch that is not taken. Python 3.15 covers it by no `finally`, but lets no signal
# handler run there either.
_NOT_TAKEN = dis.opmap.get("NOT_TAKEN")


class Stop(BaseException):
    """What is raised."""


class Outcome(NamedTuple):
    """What came out of one run."""

    problems: list[str]
    interrupts: int


def _stop() -> None:
    raise Stop


class Interrupter:
    """Does something at a bytecode of the library, as a signal handler or finalizer may.

    Args:
        at: The number of the bytecode, counted from when it starts.
        handler: What is done there; by default, `Stop` is raised.
    """

    def __init__(self, at: int, handler: Callable[[], Any] = _stop) -> None:
        self.passed = 0
        self.where = ""
        self._at = at
        self._handler = handler

    def run(self, act: Callable[[], Any]) -> BaseException | None:
        """Do something, and return what it raised."""
        self._start()
        try:
            act()
        except BaseException as error:  # noqa: BLE001  # it is judged by the caller
            return error.with_traceback(None)
        finally:
            self._stop()
        return None

    def _pass(self, frame: Any) -> None:
        self.passed += 1
        if self.passed == self._at:
            self.where = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
            self._stop()
            self._handler()

    if sys.version_info >= (3, 12):
        # There, a trace function gets no bytecodes of the first call of a function.

        def _start(self) -> None:
            events = sys.monitoring.events.INSTRUCTION
            sys.monitoring.use_tool_id(_TOOL, "interrupts")
            sys.monitoring.register_callback(_TOOL, events, self._monitor)
            sys.monitoring.set_events(_TOOL, events)

        def _stop(self) -> None:
            if sys.monitoring.get_tool(_TOOL) is not None:
                # Before 3.14, giving the number back ended neither of these.
                sys.monitoring.set_events(_TOOL, sys.monitoring.events.NO_EVENTS)
                sys.monitoring.register_callback(_TOOL, sys.monitoring.events.INSTRUCTION, None)
                sys.monitoring.free_tool_id(_TOOL)

        def _monitor(self, code: CodeType, offset: int) -> Any:
            if not _is_ours(code) or code.co_code[offset] == _NOT_TAKEN:
                return sys.monitoring.DISABLE
            self._pass(sys._getframe(1))
            return None

    else:

        def _start(self) -> None:
            sys.settrace(self._enter)

        def _stop(self) -> None:
            sys.settrace(None)

        def _enter(self, frame: Any, event: str, _: Any) -> Any:
            if not _is_ours(frame.f_code):
                return None
            frame.f_trace_opcodes = True
            return self._step

        def _step(self, frame: Any, event: str, _: Any) -> Any:
            if event == "opcode":
                self._pass(frame)
            return self._step


def _is_ours(code: CodeType) -> bool:
    path = code.co_filename.replace("\\", "/").rpartition("/persidict/")[2]
    return path.startswith(_PARTS)


def interrupt_everywhere(
    name: str,
    make: Callable[[], Any],
    *,
    base: Path | None = None,
    start: int = 1,
    step: int = 1,
    act: Callable[[Any], Any] | None = None,
) -> Outcome:
    """Raise at every bytecode of an operation, or at every n-th, one run for each.

    Args:
        name: One of `OPERATIONS`.
        make: Makes a handle on the store.
        base: The directory of its files, if it has one.
        start: The first bytecode.
        step: How many bytecodes to go on for the next run.
        act: Does something else than the operation, for tests of this function.
    """
    act = act or OPERATIONS[name]
    problems: list[str] = []
    at, interrupts = start, 0
    while True:
        d = make()
        d.clear()
        d[A] = d[NESTED] = "old"
        before = _descriptors()
        interrupter = Interrupter(at)
        error = interrupter.run(lambda handle=d: act(handle))  # type: ignore[misc]
        if not interrupter.where:
            if error is not None:
                problems.append(f"{name}: {error!r} without an interrupt")
            return Outcome(problems, interrupts)
        interrupts += 1
        found = _problem(d, error, before, base)
        if found is not None:
            problems.append(f"{name}, interrupted at {at}, {interrupter.where}: {found}")
        at += step


def interrupt_by_signals(make: Callable[[], Any], base: Path | None, seed: int) -> Outcome:
    """Let a signal handler raise at random moments of random operations."""
    dice = random.Random(seed)

    def stop(_: int, frame: FrameType | None) -> None:
        if _is_logging(frame):  # which would keep its lock for ever, and hang all threads
            signal.setitimer(signal.ITIMER_REAL, 1e-4)
        else:
            raise Stop

    problems: list[str] = []
    interrupts = 0
    previous = signal.signal(signal.SIGALRM, stop)
    try:
        for _ in range(200):
            d = make()
            name = dice.choice(list(OPERATIONS))
            d[A] = d[NESTED] = "old"
            before = _descriptors()
            error: BaseException | None = None
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, dice.uniform(1e-5, 8e-4))
                    OPERATIONS[name](d)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except BaseException as caught:  # noqa: BLE001  # it is judged below
                error = caught.with_traceback(None)
            if error is None:
                continue
            interrupts += 1
            found = _problem(d, error, before, base)
            if found is not None:
                problems.append(f"{name}: {found}")
    finally:
        signal.signal(signal.SIGALRM, previous)
    return Outcome(problems, interrupts)


def _is_logging(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != logging.__file__:
        frame = frame.f_back
    return frame is not None


def _problem(d: Any, error: BaseException | None, before: int, base: Path | None) -> str | None:
    """Say what is wrong after an interrupt."""
    if not isinstance(error, Stop):
        return f"it came out as {error!r:.200}"
    if _descriptors() != before:
        return f"{_descriptors() - before} descriptors are open"
    left = os.listdir(base / "+tmp") if base is not None and (base / "+tmp").exists() else []
    if left:
        return f"files stay in +tmp: {left}"
    values = set(d.values())
    if not values <= {"old", "new", "again"}:
        return f"values are {values}"
    for key in (A, NESTED, ("p", "q")):  # also where a lock was held
        d[key] = "again"
        if d[key] != "again":
            return "the store does not work any more"
    return None


def _descriptors() -> int:
    return len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0


def stores(where: Path) -> dict[str, tuple[Callable[[], Any], Path | None]]:
    """Return what makes handles on each store, and where its files are."""
    memory: LocalDict[Any] = LocalDict()
    base = where / "store"
    return {
        "LocalDict": (lambda: memory, None),
        "FileDirDict": (lambda: FileDirDict(base_dir=base, durable=False), base),
        "FileDirDict, durable": (lambda: FileDirDict(base_dir=base), base),
    }


def interrupt_all(where: Path, seed: int) -> Outcome:
    """Interrupt each operation of each store at some bytecodes, and by signals."""
    dice = random.Random(seed)
    problems: list[str] = []
    interrupts = 0
    for name, (make, base) in stores(where).items():
        for operation in OPERATIONS:
            outcome = interrupt_everywhere(
                operation, make, base=base, start=dice.randrange(1, 60), step=61
            )
            problems += [f"{name}: {one}" for one in outcome.problems]
            interrupts += outcome.interrupts
        outcome = interrupt_by_signals(make, base, seed)
        problems += [f"{name}, signals: {one}" for one in outcome.problems]
        interrupts += outcome.interrupts
    return Outcome(problems, interrupts)
