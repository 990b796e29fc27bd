"""Figures of the rows as a table that a person reads, and what is above its limit."""

from __future__ import annotations

import statistics

from tests.benchmarks.rows import Row

Rounds = dict[str, list[float]]
"""The seconds per operation in each round, by contestant."""

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def readable(seconds: float) -> str:
    """Return a time with three digits and the unit that suits it."""
    for size, unit in _UNITS:
        value = seconds / size
        if value >= 0.9995 or unit == "ns":
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def ratio(times: Rounds, name: str, unit: str) -> float | None:
    """Return the median of the rounds' ratios; the unit ``"best"`` is the best of two."""
    others = ["minimum", "published"] if unit == "best" else [unit]
    found = [times[other] for other in others if other in times]
    if name not in times or not found:
        return None
    best = [min(each) for each in zip(*found, strict=True)]
    return statistics.median(one / other for one, other in zip(times[name], best, strict=True))


def excess(times: Rounds) -> float | None:
    """Return the microseconds that ours takes more than the minimum."""
    if "ours" not in times or "minimum" not in times:
        return None
    pairs = zip(times["ours"], times["minimum"], strict=True)
    return statistics.median(one - other for one, other in pairs) * 1e6


def verdicts(times: Rounds, row: Row) -> list[tuple[str, bool]]:
    """Return what each limit of a row is about, with what was found, and whether it is met."""
    found = []
    if row.is_more and row.limit is not None and (more := excess(times)) is not None:
        found.append((f"+{more:.2f} µs (limit {row.limit:g})", more <= row.limit))
    limits = [*row.beside]
    if not row.is_more and row.limit is not None:
        limits.insert(0, ("minimum", row.limit))
    for other, limit in limits:
        factor = ratio(times, "ours", other)
        if factor is not None:
            found.append((f"{factor:.2f} times {other} (limit {limit:g})", factor <= limit))
    return found


def table(results: dict[str, Rounds], names: list[str], work: list[Row]) -> tuple[str, list[str]]:
    """Return the table, and what is above its limit."""
    lines = ["| | " + " | ".join(names) + " | ours is |", "| --- " * (len(names) + 2) + "|"]
    above = []
    for row in work:
        times = results.get(row.name, {})
        if not times:
            continue
        cells = [readable(statistics.median(times[n])) if n in times else "" for n in names]
        found = verdicts(times, row)
        above += [f"{row.name} {text}" for text, is_met in found if not is_met]
        shown = ", ".join(text for text, _ in found)
        factor = ratio(times, "ours", "minimum")
        if not shown and factor is not None:
            shown = f"{factor:.2f} times minimum"
        lines.append(f"| {row.label} | " + " | ".join(cells) + f" | {shown} |")
    return "\n".join(lines), above
