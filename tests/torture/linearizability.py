"""A checker of histories: could what clients of one register saw have happened one by one?

The algorithm is Wing and Gong's search ("Testing and Verifying Concurrent Objects", J. Parallel
Distrib. Comput. 17, 1993) with Lowe's memory of what was tried ("Testing for Linearizability",
Concurrency Computat. Pract. Exper. 29, 2017): among the operations that nothing unexplained
precedes, take one that fits the state, go on, and turn back where none fits. A state that was
reached before with the same operations done is not searched again.

Operations that may have happened or not would make this exponential. These rules prevent it; what
each leaves out is no better than something that it keeps:

- What changes nothing is taken as soon as it fits.
- Of operations that require the same and leave the same, the one that returned first goes first.
- What may have happened did so only where the next operation would not have fitted before.
- Of two ways to a state, the one with fewer of those that may have happened leaves more to choose.
- Versions that no result tells apart are one version.

The register holds the name of a version, each written once, or nothing.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

ABSENT = None


class Requires(NamedTuple):
    """What an operation's result says of the state that it met."""

    versions: frozenset[str | None] | None
    """The state is one of these; None: it may be any."""
    negated: bool = False
    """It is none of these instead."""

    def holds(self, state: str | None) -> bool:
        return self.versions is None or (state in self.versions) is not self.negated


ANYTHING = Requires(None)
PRESENT = Requires(frozenset({ABSENT}), negated=True)


def exactly(state: str | None) -> Requires:
    return Requires(frozenset({state}))


class Same:
    """The state afterwards of an operation that changes nothing."""


class Operation(NamedTuple):
    """One operation: when it was called and returned, and what it did."""

    called: int
    returned: int | None
    """None: it never did, so it may have happened at any time after its call, or not at all."""
    requires: Requires
    becomes: str | type[Same] | None
    label: str

    def applied_to(self, state: str | None) -> str | None:
        return state if isinstance(self.becomes, type) else self.becomes


class Violation(NamedTuple):
    """An explanation that reaches as far as any does."""

    explained: list[Operation]
    state: str | None
    stuck: list[Operation]

    def __str__(self) -> str:
        lines = [f"no order explains it; the longest ends with {self.state} after"]
        lines += [f"    {operation.label}" for operation in self.explained[-8:]]
        lines += ["and none of these can be next:"]
        lines += [f"    {operation.label}" for operation in self.stuck]
        return "\n".join(lines)


_UNSEEN = "a version that nobody saw"


def find_violation(operations: list[Operation], initial: str | None = ABSENT) -> Violation | None:
    """Look for an order that explains the operations on one register; None if there is one.

    Operations that overlap, or touch, in time may have happened in either order.
    """
    history = _with_unseen_versions_as_one(sorted(operations, key=lambda one: one.called))
    certain = sum(1 << n for n, one in enumerate(history) if one.returned is not None)
    tried = _Tried(certain)
    path = [_Level(0, initial, _candidates(history, 0), [])]
    longest, stuck = path[:], path[0].candidates[:]
    while path:
        if path[-1].done & certain == certain:
            return None
        level = _next_level(history, path[-1], tried)
        if level is None:
            path.pop()
            continue
        path.append(level)
        if len(path) > len(longest):
            longest, stuck = path[:], level.candidates[:]
    explained = [
        history[(after.done ^ before.done).bit_length() - 1] for before, after in pairwise(longest)
    ]
    return Violation(explained, longest[-1].state, [history[n] for n in stuck])


class _Level(NamedTuple):
    """How far a search has got."""

    done: int
    """A bit for each operation."""
    state: str | None
    candidates: list[int]
    """What is left to be tried as the next operation, the first of them last."""
    without: list[str | None]
    """The state without the latest operation, if that is one that may not have happened."""


class _Tried:
    """What a search has reached, to be searched once."""

    def __init__(self, certain: int) -> None:
        self._certain = certain
        self._used: dict[tuple[int, str | None], list[int]] = {}

    def add(self, done: int, state: str | None) -> bool:
        """Return whether it is new, and not worse than something that was reached before."""
        used = done & ~self._certain
        earlier = self._used.setdefault((done & self._certain, state), [])
        if any(one & used == one for one in earlier):
            return False
        earlier.append(used)
        return True


def _next_level(history: list[Operation], level: _Level, tried: _Tried) -> _Level | None:
    while level.candidates:
        n = level.candidates.pop()
        operation = history[n]
        if not operation.requires.holds(level.state):
            continue
        if any(map(operation.requires.holds, level.without)):
            continue
        state = operation.applied_to(level.state)
        is_certain = operation.returned is not None
        if operation.becomes is Same and is_certain:
            level.candidates.clear()
        done = level.done | 1 << n
        if tried.add(done, state):
            without = [] if is_certain else [level.state]
            return _Level(done, state, _candidates(history, done), without)
    return None


def _candidates(history: list[Operation], done: int) -> list[int]:
    """Return the operations that no other one, not yet done, wholly precedes; the first last."""
    found: dict[tuple[Requires, object], int] = {}
    earliest: int | None = None
    # Everything before the lowest zero bit is done.
    first = (~done & (done + 1)).bit_length() - 1
    for n in range(first, len(history)):
        operation = history[n]
        if earliest is not None and operation.called > earliest:
            break
        if done >> n & 1:
            continue
        kind = operation.requires, operation.becomes
        if kind not in found or _order(history[n]) < _order(history[found[kind]]):
            found[kind] = n
        if operation.returned is not None and (earliest is None or operation.returned < earliest):
            earliest = operation.returned
    return sorted(found.values(), key=lambda n: _order(history[n]), reverse=True)


def _order(operation: Operation) -> tuple[bool, bool, int]:
    """Put first what surely happened and changed nothing, last what may have happened."""
    is_maybe = operation.returned is None
    return is_maybe, operation.becomes is not Same, operation.returned or 0


def _with_unseen_versions_as_one(history: list[Operation]) -> list[Operation]:
    seen = {name for one in history for name in one.requires.versions or ()}
    return [
        one._replace(becomes=_UNSEEN)
        if isinstance(one.becomes, str) and one.becomes not in seen
        else one
        for one in history
    ]
