"""System calls that fail: each call of each operation of a `FileDirDict`, with each error."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from persidict import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, BackendError, FileDirDict

ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EROFS]
CALLS = ["open", "write", "fsync", "link", "rename", "replace", "unlink", "mkdir", "rmdir"]
CALLS += ["close", "utime", "stat", "fstat", "scandir", "read"]
ABSENT = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
A, NESTED, OTHER = ("a",), ("x", "y", "b"), ("other",)


class Operation(NamedTuple):
    """What is done, to which items, and what may be found of them afterwards."""

    present: list[tuple[str, ...]]
    act: Callable[[FileDirDict[Any]], Any]
    key: tuple[str, ...] | None
    after: str | None
    """The value of its items after success, "old" where it changes nothing; None: deleted."""


OPERATIONS = {
    "insert": Operation([OTHER], lambda d: d.__setitem__(A, "new"), A, "new"),
    "insert below": Operation([OTHER], lambda d: d.__setitem__(NESTED, "new"), NESTED, "new"),
    "the first": Operation([], lambda d: d.__setitem__(A, "new"), A, "new"),
    "replace": Operation([A, OTHER], lambda d: d.__setitem__(A, "new"), A, "new"),
    "insert if": Operation(
        [OTHER], lambda d: d.setdefault_if(A, default_value="new", **ABSENT), A, "new"
    ),
    "default": Operation([A, OTHER], lambda d: d.setdefault(A, "new"), A, "old"),
    "transform": Operation(
        [NESTED, A], lambda d: d.transform_item(NESTED, transformer=lambda _: "new"), NESTED, "new"
    ),
    "delete": Operation([A, OTHER], lambda d: d.discard(A), A, None),
    "delete below": Operation([NESTED, OTHER], lambda d: d.pop(NESTED), NESTED, None),
    "clear": Operation([A], lambda d: d.clear(), None, None),
    "read": Operation([A, OTHER], lambda d: d[A], A, "old"),
    "ask": Operation([A, OTHER], lambda d: (A in d, d.etag(A), d.timestamp(A)), A, "old"),
    "list": Operation([A, NESTED], lambda d: (list(d.items()), len(d), d.subdicts()), None, "old"),
}


class FailingCalls:
    """Lets the n-th call of a process to `os` fail, once or from then on.

    Args:
        monkeypatch: pytest's, or one of one's own.
    """

    def __init__(self, monkeypatch: Any) -> None:
        self.happened = 0
        self.failed: str | None = None
        self._at: int | None = None
        self._code = 0
        self._error: OSError | None = None
        monkeypatch.setattr(os, "fsync", lambda _: None)  # nobody cuts the power here
        for name in CALLS:
            monkeypatch.setattr(os, name, self._failing(name, getattr(os, name)))
        if sys.platform != "win32":
            import fcntl

            monkeypatch.setattr(fcntl, "flock", self._failing("flock", fcntl.flock))

    def begin(self, at: int, code: int) -> None:
        """Let the call with this number fail."""
        self._at, self._code = at, code
        self.happened = 0
        self.failed = self._error = None

    def end(self) -> None:
        """Let all calls be as they are."""
        self._at = None

    def _failing(self, name: str, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._at is None:
                return original(*args, **kwargs)
            number = self.happened
            self.happened += 1
            if number != self._at:
                return original(*args, **kwargs)
            self.failed = name
            if name == "close":
                original(*args, **kwargs)  # the descriptor is gone all the same
            raise OSError(self._code, os.strerror(self._code))

        return call


class Outcome(NamedTuple):
    """What came out of letting every call fail."""

    problems: list[str]
    faults: int
    errors: int
    """How many of them the caller was told of; the others did no harm."""


def fail_everywhere(
    name: str, code: int, base: Path, calls: FailingCalls, make: Callable[..., Any] = FileDirDict
) -> Outcome:
    """Let one system call after the other fail in an operation, and look what comes of it."""
    operation = OPERATIONS[name]
    problems: list[str] = []
    at, errors, usual = 10**9, 0, 0  # at first, none fails
    while True:
        prepared = FileDirDict(base_dir=base, durable=False)
        prepared.clear()
        for key in operation.present:
            prepared[key] = "old"
        descriptors = _descriptors()
        d = make(base_dir=base, durable=True)
        error: Exception | None = None
        calls.begin(at, code)
        try:
            operation.act(d)
        except Exception as caught:  # noqa: BLE001  # judged below
            error = caught
            traceback.clear_frames(caught.__traceback__)  # they may hold a listing open
        calls.end()
        failed = calls.failed
        where = f"{name}, {os.strerror(code)} from {failed} (call {at})"
        if at == 10**9:
            at, usual = 0, calls.happened
            continue
        if failed is None:
            if error is not None:
                problems.append(f"{name}: {error!r} without a fault")
            return Outcome(problems, at, errors)
        errors += error is not None
        problems += [
            f"{where}: {problem}"
            for problem in (
                _wrong_answer(error, operation, code),
                _wrong_contents(base, operation, is_done=error is None),
                _leftovers(base, failed),
                None if _descriptors() <= descriptors or failed == "close" else "left open",
                # Nothing is tried again: a few calls to tidy up, no more.
                None if calls.happened <= usual + 5 else f"{calls.happened} calls, not {usual}",
            )
            if problem is not None
        ]
        at += 1


def _wrong_answer(error: Exception | None, operation: Operation, code: int) -> str | None:
    if error is None:
        return None
    if not isinstance(error, BackendError):
        return f"no BackendError but {error!r}"
    cause = error.__cause__
    if not isinstance(cause, OSError) or cause.errno != code:
        return f"another cause: {cause!r}"
    if error.backend != "FileDirDict" or not error.operation:
        return f"it does not say what was tried: {vars(error)}"
    if operation.key is not None and error.key != operation.key:
        return f"another key: {error.key!r}"
    return None


def _wrong_contents(base: Path, operation: Operation, *, is_done: bool) -> str | None:
    d = FileDirDict(base_dir=base, durable=False)
    found = dict(d.items())
    for key in {*operation.present, *found, *([operation.key] if operation.key else [])}:
        before = "old" if key in operation.present else None
        is_about = operation.key is None or key == operation.key
        after = operation.after if is_about else before
        allowed = {after} if is_done else {before, after}
        if found.get(key) not in allowed:
            return f"{key} is {found.get(key)!r}, not one of {allowed}"
    for key in (A, NESTED):  # also where a lock was held
        d[key] = "again"
    return None if d[A] == d[NESTED] == "again" else "what is written afterwards can't be read"


def _leftovers(base: Path, failed: str) -> str | None:
    folder = base / "+tmp"
    left = list(folder.iterdir()) if folder.exists() else []
    for path in left:
        path.unlink()
    # What can't be deleted or closed stays; a later writer will do it.
    return f"temporary files stay: {left}" if left and failed not in ("unlink", "close") else None


def _descriptors() -> int:
    return len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0
