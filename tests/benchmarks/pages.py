"""Write the tables and plots of the documentation: `python -m tests.benchmarks.pages`.

They are made from the figures that the runs with `--save` have kept, which stay as they are.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from tests.benchmarks.keeping import FIGURES, replace_measured, show
from tests.benchmarks.plots import bars, panels
from tests.benchmarks.rows import LARGE, Row, bulk_rows, rows, value_rows
from tests.benchmarks.tables import Rounds, ratio, readable, table

README = Path(__file__).resolve().parents[2] / "README.md"
# What most users ask first, and how the plots and the README call the contestants.
ASKED = "get set_durable set_fast update_durable list_keys list_items get_10mb_array get_zeros"
NAMES = {
    "ours": "persidict",
    "diskcache": "diskcache",
    "joblib": "joblib",
    "zict": "zict",
    "shelve": "shelve",
    "sqlitedict": "sqlitedict",
    "published": "persidict 0.309",
    "minimum": "system calls alone",
}
S3_NAMES = {
    "BasicS3Dict": "BasicS3Dict",
    "S3Dict": "S3Dict",
    "boto3": "bare boto3",
    "published BasicS3Dict": "BasicS3Dict 0.309",
}
S3_ASKED = "get get_unchanged set contains transform items update clear"
README_ROWS = "get contains etag list_keys set_durable bool"
README_NAMES = ("ours", "published", "diskcache")


def write_pages() -> None:
    """Write all of them."""
    for path in sorted(FIGURES.glob("bench-*.json")):
        place, _, kind = path.stem.removeprefix("bench-").partition("-")
        if place in ("disk", "tmpfs"):
            write_table(path.stem, place, kind)
    write_peers()
    write_s3_peers()


def kept(name: str) -> Any:
    """Return figures, None if there are none."""
    path = FIGURES / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def rows_of(kind: str, items: int) -> list[Row]:
    """Return the rows of one kind of figures: ``""``, bulk, values or large."""
    if kind == "bulk":
        return bulk_rows(items)
    if kind == "values":
        return value_rows()
    if kind != "large":
        return rows(items)
    # The other limits are about fewer items.
    return [row if row.unit > 1 else row._replace(limit=None) for row in rows(items)]


def write_table(name: str, place: str, kind: str) -> None:
    """Write the table of one place, with its plot and the README's table."""
    figures = kept(name)
    results: dict[str, Rounds] = figures["seconds"]
    work = rows_of(kind, figures.get("items", LARGE if kind == "large" else 20_000))
    contestants = list(dict.fromkeys(one for times in results.values() for one in times))
    text, _ = table(results, contestants, work)
    plot = None if kind else limits_plot(results, work, place)
    show(name, f"{figures['about']}:\n\n{text}", plot)
    if place == "disk" and not kind:
        replace_measured(README, readme_table(results, work, figures["about"]))


def limits_plot(results: dict[str, Rounds], work: list[Row], place: str) -> str:
    """Return a plot of how many times the minimum ours costs, beside what it may."""
    figures = []
    for row in work:
        found = ratio(results.get(row.name, {}), "ours", "minimum")
        if found and row.limit and not row.is_more:
            figures.append((row.name, {"ours": found, "limit": row.limit}))
    return bars(f"FileDirDict on {place}: cost over the minimum", "times the minimum", figures)


def readme_table(results: dict[str, Rounds], work: list[Row], about: str) -> str:
    """Return the rows that the README shows, with their ratios to the minimum."""
    head = " | ".join(NAMES[name] for name in README_NAMES)
    lines = [f"| | {head} |", "| --- " * (len(README_NAMES) + 1) + "|"]
    for row in work:
        if row.name not in README_ROWS.split():
            continue
        times, cells = results[row.name], []
        for name in README_NAMES:
            factor = ratio(times, name, "minimum")
            time = readable(statistics.median(times[name])) if name in times else ""
            cells.append(time if factor is None else f"{time} ({factor:.2f})")
        lines.append(f"| {row.label} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"({about})"])


def write_peers() -> None:
    """Write what users ask first: the time of common operations, ours beside the peers'."""
    figures = []
    for place, kind in (("disk", ""), ("disk-bulk", "bulk"), ("tmpfs-values", "values")):
        found = kept(f"bench-{place}")
        if found is None:
            continue
        labels = {row.name: row.label for row in rows_of(kind, found.get("items", 20_000))}
        for row, times in found["seconds"].items():
            if row in ASKED.split():
                group = {NAMES[who]: statistics.median(times[who]) for who in NAMES if who in times}
                figures.append((ASKED.split().index(row), labels[row].replace("`", ""), group))
    figures.sort()
    groups = [(label, group) for _, label, group in figures]
    show("bench-peers", times_table(groups), panels("One machine: time per operation", groups))


def write_s3_peers() -> None:
    """Write the same for S3."""
    groups = []
    for name in ("bench-s3-requests", "bench-s3-bulk"):
        found = kept(name)
        for operation, by_name in (found["figures"] if found else {}).items():
            if operation in S3_ASKED.split():
                group = {
                    shown: by_name[who]["milliseconds"] / 1000
                    for who, shown in S3_NAMES.items()
                    if who in by_name
                }
                groups.append((operation.replace("_", " "), group))
    plot = panels("S3, 20 ms per request: time per operation", groups)
    show("bench-s3-peers", times_table(groups), plot)


def times_table(groups: list[tuple[str, dict[str, float]]]) -> str:
    """Return times by label and name."""
    names = list(dict.fromkeys(name for _, group in groups for name in group))
    lines = ["| | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for label, group in groups:
        cells = [readable(group[name]) if name in group else "" for name in names]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_pages()
