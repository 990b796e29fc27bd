"""Commands for two stores: ``cp``, ``sync`` and ``diff``."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from persidict.core._cli.arguments import (
    RUNS_CODE,
    Parsers,
    add_command,
    add_json,
    add_quiet,
    add_store_options,
)
from persidict.core._cli.diskcache_source import SCHEME, DiskcacheItems
from persidict.core._cli.output import CommandFailed, ProgressBar, one_line, say, say_json
from persidict.core._cli.reading import read_all, status_of
from persidict.core._cli.selection import Selection, format_key, parse_key
from persidict.core._cli.stores import fail_on_wrong_format, open_existing, open_named
from persidict.core._codecs.equality import strictly_equal
from persidict.core.base import PersiDict
from persidict.core.copied_values import Unreadable
from persidict.core.copy_counts import CopyCounts
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple

_BATCH = 256
_RULE = (
    "An item of TARGET that is newer is left alone. So is an item that somebody changes in the "
    "meantime: a conflict, for which the exit status is 1. After an interruption, run the command "
    f"again to continue. Values are decoded and encoded again. {RUNS_CODE}"
)
_SIGNS = {"only in SOURCE": "-", "only in TARGET": "+", "different": "~", "unreadable": "!"}


def add_to(commands: Parsers) -> None:
    """Add the commands of this module."""
    parser = add_command(commands, "cp", cp, "copy a store", f"Copy all items to TARGET. {_RULE}")
    _add_transfer(parser)
    parser = add_command(
        commands,
        "sync",
        sync,
        "make a store equal to another",
        f"Copy all items to TARGET, and delete its items that SOURCE lacks. {_RULE}",
    )
    _add_transfer(parser)
    parser.add_argument(
        "--allow-empty", action="store_true", help="continue even if SOURCE has no items"
    )
    parser = add_command(
        commands,
        "diff",
        diff,
        "compare two stores",
        "Compare the values of two stores. Print keys that are only in SOURCE (-) or only in "
        "TARGET (+), have different values (~), or can't be read (!). The exit status is 1 if "
        f"there are any. The keys of SOURCE are held in memory. {RUNS_CODE}",
    )
    _add_stores(parser)
    parser.add_argument("selection", metavar="KEY", nargs="?", help="a key, prefix or pattern")
    add_json(parser)


def cp(options: Namespace) -> int:
    """Copy all items to another store."""
    return _copy(options, delete=False)


def sync(options: Namespace) -> int:
    """Copy all items to another store, and delete there what the source lacks."""
    return _copy(options, delete=True)


def diff(options: Namespace) -> int:
    """Compare two stores."""
    source = open_existing(options, "source")
    target = open_existing(options, "target")
    selection = Selection(options.selection)
    code = 0
    for key, outcome, unreadable in _differences(source, target, selection):
        code = max(code, status_of(unreadable))
        error = unreadable and one_line(unreadable.error)
        if options.json:
            say_json({"key": format_key(key), "outcome": outcome, "error": error})
        else:
            say(f"{_SIGNS[outcome]} {format_key(key)}" + (f": {error}" if error else ""))
    for store, name in ((source, "source"), (target, "target")):
        fail_on_wrong_format(options, store, name)
    return code


def _add_stores(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="path or URL, see persidict --help")
    parser.add_argument("target", metavar="TARGET", help="path or URL of the other store")
    add_store_options(parser, "source")
    add_store_options(parser, "target")


def _add_transfer(parser: argparse.ArgumentParser) -> None:
    _add_stores(parser)
    parser.add_argument(
        "--prefix",
        metavar="PREFIX",
        help="only items below PREFIX (whole components: runs/1 is not a prefix of runs/10)",
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="change nothing")
    parser.add_argument(
        "--compare",
        action="store_true",
        help="read and compare items that are newer in TARGET, to tell changes from copies",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="report every item that is not unchanged"
    )
    add_quiet(parser)
    add_json(parser, "print the outcome as one JSON object")


def _copy(options: Namespace, *, delete: bool) -> int:
    prefix = parse_key(options.prefix.removesuffix("/")) if options.prefix else SafeStrTuple()
    source = _opened_source(options).get_subdict(prefix)
    target = open_named(options, "target", create=not options.dry_run).get_subdict(prefix)
    if delete and not options.allow_empty and not source and target:
        raise CommandFailed(
            "SOURCE has no items, so sync would delete all items of TARGET; "
            "if you want that, add --allow-empty"
        )
    counts = dict.fromkeys(CopyCounts._fields, 0)

    def note(key: NonEmptySafeStrTuple, outcome: str) -> None:
        counts[outcome] += 1
        bar.step()
        if options.verbose and outcome != "unchanged":
            shown = format_key((*prefix, *key))
            if options.json:
                say_json({"key": shown, "outcome": outcome})
            else:
                bar.say(f"{outcome:9} {shown}")

    transfer = source.sync_to if delete else source.copy_to
    with ProgressBar(source.__len__, wanted=not options.quiet) as bar:
        try:
            transfer(target, progress=note, dry_run=options.dry_run, compare=options.compare)
        except BaseException:
            if any(counts.values()):
                _report(options, counts)
            raise
    _report(options, counts)
    return 1 if counts["conflict"] else 0


def _opened_source(options: Namespace) -> PersiDict[Any]:
    if options.source.startswith(SCHEME):
        return DiskcacheItems(directory=options.source.removeprefix(SCHEME))
    source = open_existing(options, "source")
    fail_on_wrong_format(options, source, "source")
    return source


def _report(options: Namespace, counts: dict[str, int]) -> None:
    if options.json:
        say_json({**counts, "dry_run": options.dry_run})
        return
    shown = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    would = "would be: " if options.dry_run else ""
    say(would + (", ".join(shown) or "no items"))


def _differences(
    source: PersiDict[Any], target: PersiDict[Any], selection: Selection
) -> Iterator[tuple[NonEmptySafeStrTuple, str, Unreadable | None]]:
    """Yield key, outcome and perhaps what can't be read of every item that differs."""
    met: set[NonEmptySafeStrTuple] = set()
    batch: dict[NonEmptySafeStrTuple, Any] = {}
    for key, value in read_all(source, selection.scan(source)):
        met.add(key)
        batch[key] = value
        if len(batch) == _BATCH:
            yield from _compare(batch, target)
            batch = {}
    yield from _compare(batch, target)
    for key in selection.keys(target):
        if key not in met:
            yield key, "only in TARGET", None


def _compare(
    batch: dict[NonEmptySafeStrTuple, Any], target: PersiDict[Any]
) -> Iterator[tuple[NonEmptySafeStrTuple, str, Unreadable | None]]:
    others = dict(read_all(target, iter([(key, None) for key in batch])))
    for key, value in batch.items():
        other = others.get(key, _ABSENT)
        for found in (value, other):
            if isinstance(found, Unreadable):
                yield key, "unreadable", found
                break
        else:
            if other is _ABSENT:
                yield key, "only in SOURCE", None
            elif not strictly_equal(value, other):
                yield key, "different", None


_ABSENT = object()
