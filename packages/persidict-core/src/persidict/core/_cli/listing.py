"""Commands that list items without reading values: ``ls``, ``stat`` and ``du``."""

from __future__ import annotations

import argparse
import heapq
from argparse import Namespace
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from persidict.core._cli.arguments import (
    Parsers,
    add_command,
    add_json,
    add_store,
)
from persidict.core._cli.output import format_size, format_time, say, say_json
from persidict.core._cli.selection import Selection, format_key
from persidict.core._cli.stores import fail_if_nothing_is_selected, open_existing, other_formats
from persidict.core.base import PersiDict


class Entry(NamedTuple):
    """An item as a listing shows it."""

    key: str
    etag: str
    timestamp: float
    size: int | None

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the option ``--json`` prints it."""
        return {
            "key": self.key,
            "etag": self.etag,
            "timestamp": self.timestamp,
            "bytes": self.size,
        }


def add_to(commands: Parsers) -> None:
    """Add the commands of this module."""
    _add_ls(commands)
    parser = add_command(
        commands,
        "stat",
        stat,
        "count items and bytes",
        "Show the number and size of the items, their formats, and the oldest and newest item.",
        has_sizes=True,
    )
    add_store(parser, selection=True)
    add_json(parser, "print one JSON object")
    parser = add_command(
        commands,
        "du",
        du,
        "show sizes by prefix",
        "Show bytes and number of items below each prefix, and of all selected items.",
        has_sizes=True,
    )
    add_store(parser, selection=True)
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument(
        "-d", "--max-depth", type=_count, default=1, metavar="N", help="depth (default: 1)"
    )
    depth.add_argument("-s", "--summarize", action="store_true", help="show only the total")
    add_json(parser)


def _add_ls(commands: Parsers) -> None:
    parser = add_command(
        commands,
        "ls",
        ls,
        "list keys",
        "List keys, one per line, in no order unless you ask for one.",
        has_sizes=True,
    )
    add_store(parser, selection=True)
    parser.add_argument("-l", "--long", action="store_true", help="show time, bytes and ETag too")
    parser.add_argument(
        "--sort",
        choices=("name", "time", "size"),
        help="sort by key, newest first, or largest first",
    )
    parser.add_argument("-r", "--reverse", action="store_true", help="reverse the order of --sort")
    parser.add_argument("--limit", type=_count, metavar="N", help="list at most N keys")
    add_json(parser)


def ls(options: Namespace) -> int:
    """List keys."""
    store = open_existing(options)
    selection = Selection(options.selection)
    shows_stats = options.long or options.json
    found: Iterator[Any]
    if shows_stats or options.sort in ("time", "size"):
        found = entries(store, selection)
    else:
        found = (Entry(format_key(key), "", 0.0, None) for key in selection.keys(store))
    is_empty = True
    for entry in _ordered(found, options):
        is_empty = False
        if options.json:
            say_json(entry.as_json())
        elif options.long:
            size = format_size(entry.size, human=options.human_readable)
            say(f"{format_time(entry.timestamp)} {size:>12} {entry.etag} {entry.key}")
        else:
            say(entry.key)
    if is_empty and options.limit != 0:
        fail_if_nothing_is_selected(options, store, selection)
    return 0


def stat(options: Namespace) -> int:
    """Show number and size of the items, formats, the oldest and the newest item."""
    store = open_existing(options)
    selection = Selection(options.selection)
    count, size = 0, 0
    all_known = True
    oldest: Entry | None = None
    newest: Entry | None = None
    for entry in entries(store, selection):
        count += 1
        all_known = all_known and entry.size is not None
        size += entry.size or 0
        if oldest is None or entry.timestamp < oldest.timestamp:
            oldest = entry
        if newest is None or entry.timestamp > newest.timestamp:
            newest = entry
    if not count:
        fail_if_nothing_is_selected(options, store, selection)
    formats = [store.serialization_format] if count else []
    formats += other_formats(options, store)
    total = size if all_known else None
    if options.json:
        ends = {
            name: entry and {"key": entry.key, "timestamp": entry.timestamp}
            for name, entry in (("oldest", oldest), ("newest", newest))
        }
        say_json({"items": count, "bytes": total, "formats": formats, **ends})
        return 0
    say(f"items    {count}")
    say(f"bytes    {format_size(total, human=options.human_readable)}")
    say(f"formats  {', '.join(formats) or 'none'}")
    for name, found in (("oldest", oldest), ("newest", newest)):
        if found is not None:
            say(f"{name}   {format_time(found.timestamp)} {found.key}")
    return 0


def du(options: Namespace) -> int:
    """Show bytes and number of items below each prefix."""
    store = open_existing(options)
    selection = Selection(options.selection)
    depth = 0 if options.summarize else options.max_depth
    base = len(selection.prefix)
    sizes: dict[tuple[str, ...], list[int]] = {}
    total = [0, 0]
    for entry in entries(store, selection):
        parts = entry.key.split("/")
        # An item belongs to the prefixes above it; its own key is none of them.
        for end in range(base + 1, min(base + depth, len(parts) - 1) + 1):
            _add(sizes.setdefault(tuple(parts[:end]), [0, 0]), entry)
        _add(total, entry)
    if not total[1]:
        fail_if_nothing_is_selected(options, store, selection)
    for prefix, numbers in sorted(sizes.items()):
        _say_usage(options, format_key(prefix) + "/", *numbers)
    _say_usage(options, format_key(selection.prefix) + "/" if base else ".", *total)
    return 0


def entries(store: PersiDict[Any], selection: Selection) -> Iterator[Entry]:
    """Yield the selected items, without those that vanish during the listing."""
    for key, found in selection.scan(store):
        try:
            entry = Entry(format_key(key), found.etag, found.timestamp, found.size)
        except KeyError:
            continue
        yield entry


def _ordered(found: Iterator[Entry], options: Namespace) -> Iterator[Entry]:
    """Sort and limit the entries; memory grows with the limit, if there is one."""
    limit: int | None = options.limit
    if options.sort is None:
        for number, entry in enumerate(found):
            if number == limit:
                return
            yield entry
        return
    by: Callable[[Entry], Any] = itemgetter(0)
    if options.sort == "time":
        by = itemgetter(2)
    elif options.sort == "size":
        by = _size_of
    descending = (options.sort != "name") is not options.reverse
    if limit is None:
        yield from sorted(found, key=by, reverse=descending)
    else:
        yield from (heapq.nlargest if descending else heapq.nsmallest)(limit, found, key=by)


def _size_of(entry: Entry) -> int:
    return -1 if entry.size is None else entry.size


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number of at least 0 is needed, got {text!r}")
    return int(text)


def _add(numbers: list[int], entry: Entry) -> None:
    numbers[0] += entry.size or 0
    numbers[1] += 1


def _say_usage(options: Namespace, prefix: str, size: int, count: int) -> None:
    if options.json:
        say_json({"prefix": prefix, "bytes": size, "items": count})
    else:
        say(f"{format_size(size, human=options.human_readable):>12} {count:>9} {prefix}")
