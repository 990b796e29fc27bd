"""A checker of histories: could what clients of one register saw have happened one by one?

The algorithm is Wing and Gong's search ("Testing and Verifying Concurrent Objects", J. Parallel
Distrib. Comput. 17, 1993) with Lowe's memory of what was tried ("Testing for Linearizability",
Concurrency Computat. Pract. Exper. 29, 2017): among the operations that nothing unexplained
precedes, take one that fits the state, go on, and turn back where none fits. A state that was
reached before with the same operations done is not searched again.

The register holds the name of a version, each written once, or nothing.
"""

from __future__ import annotations

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


def find_violation(operations: list[Operation], initial: str | None = ABSENT) -> Violation | None:
    """Look for an order that explains the operations on one register; None if there is one.

    Operations that overlap, or touch, in time may have happened in either order.
    """
    history = sorted(operations, key=lambda operation: operation.called)
    certain = sum(1 << n for n, one in enumerate(history) if one.returned is not None)
    # Each level: what is done (a bit each), the state, and the candidates that are left.
    start = _candidates(history, 0)
    path: list[tuple[int, str | None, list[int]]] = [(0, initial, start)]
    taken: list[int] = []
    seen = {(0, initial)}
    longest: tuple[list[int], str | None, list[int]] = ([], initial, start)
    while path:
        done, state, candidates = path[-1]
        if done & certain == certain:
            return None
        while candidates:
            n = candidates.pop()
            operation = history[n]
            if not operation.requires.holds(state):
                continue
            after = done | 1 << n, operation.applied_to(state)
            if after in seen:
                continue
            seen.add(after)
            following = _candidates(history, after[0])
            taken.append(n)
            if len(taken) > len(longest[0]):
                longest = (list(taken), after[1], list(following))
            path.append((*after, following))
            break
        else:
            path.pop()
            if taken:
                taken.pop()
    explained, state, stuck = longest
    return Violation([history[n] for n in explained], state, [history[n] for n in stuck])


def _candidates(history: list[Operation], done: int) -> list[int]:
    """Return the operations that no other one, not yet done, wholly precedes; the first last."""
    found = []
    earliest: int | None = None
    # Everything before the lowest zero bit is done.
    first = (~done & (done + 1)).bit_length() - 1
    for n in range(first, len(history)):
        operation = history[n]
        if earliest is not None and operation.called > earliest:
            break
        if done >> n & 1:
            continue
        found.append(n)
        if operation.returned is not None and (earliest is None or operation.returned < earliest):
            earliest = operation.returned
    # What surely happened is tried first, then what may have.
    found.sort(key=lambda n: (history[n].returned is None, n), reverse=True)
    return found
