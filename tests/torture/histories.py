"""From the notes of the clients to operations on registers, one history per key.

A register's state is the name of the version that it holds. ETags are turned into these names:
whoever saw a value together with its ETag knows which version the ETag is of. That ETags are
strong, never shared by two versions, is checked on the way.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.torture.linearizability import (
    ABSENT,
    ANYTHING,
    PRESENT,
    Operation,
    Requires,
    Same,
    exactly,
    find_violation,
)

Notes = dict[str, Any]


def read_notes(paths: Iterable[Path]) -> list[Notes]:
    """Put the notes of each operation together; the last line of a killed process may lack."""
    together: dict[str, Notes] = {}
    for path in paths:
        for line in path.read_bytes().split(b"\n"):
            try:
                note = json.loads(line)
            except ValueError:
                continue
            together.setdefault(note["id"], {}).update(note)
    return list(together.values())


def find_violations(operations: list[Notes]) -> list[str]:
    """Say all that contradicts an atomic register per key."""
    found = []
    histories = defaultdict(list)
    for notes in operations:
        histories[tuple(notes["key"])].append(notes)
    for key, history in histories.items():
        etags = _Etags()
        for notes in history:
            etags.learn(notes)
        found += [f"{key}: {problem}" for problem in etags.problems]
        done = [made for notes in history if (made := _operation(notes, etags)) is not None]
        violation = find_violation(done)
        if violation is not None:
            found.append(f"{key}: {violation}")
    return found


class _Etags:
    """Which version each ETag is of."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._version_of: dict[str, str] = {}
        self._etag_of: dict[str, str] = {}

    def learn(self, notes: Notes) -> None:
        if notes.get("etag") and notes.get("value_read") and not notes.get("mutated"):
            self._pair(notes["etag"], notes["value_read"], notes)
        if notes.get("new_etag") and (written := _written(notes)) is not None:
            self._pair(notes["new_etag"], written, notes)

    def requires(self, etag: str) -> Requires:
        """Return what an ETag says of the state."""
        if etag == "absent":
            return exactly(ABSENT)
        if etag in self._version_of:
            return exactly(self._version_of[etag])
        # Nobody saw its value: some version, but none whose ETag is known to be another one.
        return Requires(frozenset({ABSENT, *self._etag_of}), negated=True)

    def differs(self, etag: str) -> Requires:
        """Return what it says of the state that it has another ETag."""
        if etag == "absent":
            return PRESENT
        if etag in self._version_of:
            return Requires(frozenset({self._version_of[etag]}), negated=True)
        return ANYTHING

    def _pair(self, etag: str, version: str, notes: Notes) -> None:
        if "absent" in (etag, version):
            if etag != version:
                self.problems.append(f"absent and not: {notes}")
            return
        if self._version_of.setdefault(etag, version) != version:
            self.problems.append(
                f"one ETag, {etag}, for {version} and {self._version_of[etag]}: {notes}"
            )
        if self._etag_of.setdefault(version, etag) != etag:
            self.problems.append(
                f"two ETags, {etag} and {self._etag_of[version]}, for {version}: {notes}"
            )


def _written(notes: Notes) -> str | None:
    """Return the version that an operation wrote, as far as its result says that it did."""
    if notes["do"] == "transform_item":
        if not notes.get("done"):
            return None
        writes = str(notes["writes"])
        return {"deleted": "absent", "kept": notes["saw"]}.get(writes, writes)
    if notes["do"] in ("set_item_if", "setdefault_if") and notes.get("mutated"):
        return str(notes["id"])
    return None


def _operation(notes: Notes, etags: _Etags) -> Operation | None:
    """Return what happened to the register; None if nothing can be said."""
    is_done = "returned" in notes and "error" not in notes
    effect = _effect(notes, etags) if is_done else _possible_effect(notes, etags)
    if effect is None:
        return None
    requires, becomes = effect
    times = [notes["called"], notes["returned"] if is_done else None]
    shown = {name: value for name, value in notes.items() if name not in ("called", "returned")}
    return Operation(*times, requires, becomes, f"{times} {json.dumps(shown)}")  # type: ignore[arg-type]


_Effect = tuple[Requires, Any]


def _state(name: str) -> str | None:
    return ABSENT if name == "absent" else name


def _effect(notes: Notes, etags: _Etags) -> _Effect | None:
    """Return what an operation met and left, by its result."""
    do, name = notes["do"], notes["id"]
    if notes.get("gave_up") or notes.get("unknown"):
        return None
    if do in _PLAIN:
        return _PLAIN[do](notes)
    if do == "discard_if" and notes["mutated"]:
        return etags.requires(notes["etag"]), ABSENT
    if do in ("set_item_if", "setdefault_if") and notes["mutated"]:
        return etags.requires(notes["etag"]), name
    if "value_read" in notes:
        return exactly(_state(notes["value_read"])), Same
    return etags.requires(notes["etag"]), Same


def _popped(notes: Notes) -> _Effect:
    popped = _state(notes["popped"])
    return exactly(popped), Same if popped is ABSENT else ABSENT


def _inserted(notes: Notes) -> _Effect:
    kept = _state(notes["value_read"])
    return (exactly(ABSENT), kept) if kept == notes["id"] else (exactly(kept), Same)


def _transformed(notes: Notes) -> _Effect:
    becomes = {"deleted": ABSENT, "kept": Same}.get(notes["writes"], notes["writes"])
    return exactly(_state(notes["saw"])), becomes


_PLAIN: dict[str, Callable[[Notes], _Effect]] = {
    "set": lambda notes: (ANYTHING, notes["id"]),
    "in": lambda notes: (PRESENT if notes["present"] else exactly(ABSENT), Same),
    "discard": lambda notes: (PRESENT, ABSENT) if notes["deleted"] else (exactly(ABSENT), Same),
    "pop": _popped,
    "setdefault": _inserted,
    "transform_item": _transformed,
}


def _possible_effect(notes: Notes, etags: _Etags) -> _Effect | None:
    """Return what an operation without a result may have done."""
    do, name = notes["do"], notes["id"]
    if do == "set":
        return ANYTHING, name
    if do in ("discard", "pop"):
        return PRESENT, ABSENT
    if do in ("setdefault", "setdefault_if"):
        return exactly(ABSENT), name
    if do == "transform_item":
        if "saw" not in notes or notes["writes"] == "kept":
            return None
        becomes = ABSENT if notes["writes"] == "deleted" else notes["writes"]
        return exactly(_state(notes["saw"])), becomes
    if do in ("set_item_if", "discard_if"):
        expected = notes["expected"]
        requires = {
            "any": ANYTHING,
            "same": etags.requires(expected),
            "changed": etags.differs(expected),
        }[notes["condition"]]
        return requires, name if do == "set_item_if" else ABSENT
    return None
