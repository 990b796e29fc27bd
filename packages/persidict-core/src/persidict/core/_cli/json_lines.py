"""Commands for JSON lines: ``export`` and ``import``."""

from __future__ import annotations

import base64
import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from persidict.core._cli.arguments import (
    RUNS_CODE,
    Parsers,
    add_command,
    add_json,
    add_quiet,
    add_store,
)
from persidict.core._cli.output import ProgressBar, one_line, say, say_json, warn
from persidict.core._cli.reading import read_all, status_of
from persidict.core._cli.selection import Selection, format_key, parse_key
from persidict.core._cli.stores import fail_if_nothing_is_selected, open_existing, open_named
from persidict.core._cli.values import is_json
from persidict.core._codecs.equality import strictly_equal
from persidict.core.backend import StatLike
from persidict.core.base import PersiDict
from persidict.core.copied_values import Unreadable
from persidict.core.keys import NonEmptySafeStrTuple

_BATCH = 256


def add_to(commands: Parsers) -> None:
    """Add the commands of this module."""
    parser = add_command(
        commands,
        "export",
        export,
        "print items as JSON lines",
        'Print each item as a line of JSON: {"key": "a/b", "value": ...}, or "base64" instead of '
        '"value" for bytes. Items that JSON can\'t represent are reported and left out, and the '
        f"exit status is 1. {RUNS_CODE}",
    )
    add_store(parser, selection=True)
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted export: keep the complete lines of FILE and skip their keys",
    )
    add_quiet(parser)
    parser = add_command(
        commands,
        "import",
        import_,
        "write items from JSON lines",
        "Write the items that export has printed. An existing item with an equal value counts as "
        "unchanged, so that you can run the command again after an interruption. An existing item "
        "with another value is reported and left alone, and the exit status is 1.",
    )
    add_store(parser)
    parser.add_argument("file", metavar="FILE", nargs="?", help="default: standard input")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite existing items")
    add_json(parser, "print the counts as one JSON object")


def export(options: Namespace) -> int:
    """Print the selected items as JSON lines."""
    if options.resume and options.output is None:
        raise ValueError("--resume continues a file: name it with --output")
    store = open_existing(options)
    selection = Selection(options.selection)
    code = 0
    with ExitStack() as stack:
        bar = stack.enter_context(
            ProgressBar(lambda: sum(1 for _ in selection.keys(store)), wanted=not options.quiet)
        )
        done: set[NonEmptySafeStrTuple] = set()
        output: BinaryIO = sys.stdout.buffer
        if options.output is not None:
            path = Path(options.output)
            output = stack.enter_context(
                path.open("r+b" if options.resume and path.exists() else "w+b")
            )
            if options.resume:
                done = _keep_complete_lines(output)
        is_empty = not done
        for key, value in read_all(store, _without(selection.scan(store), done)):
            is_empty = False
            bar.step()
            problem = _write_line(output, key, value)
            if problem is not None:
                warn(f"{format_key(key)} was left out: {problem}")
                code = max(code, status_of(value))
        output.flush()
    if is_empty:
        fail_if_nothing_is_selected(options, store, selection)
    return code


def import_(options: Namespace) -> int:
    """Write items from JSON lines."""
    store = open_named(options)
    counts = {"written": 0, "unchanged": 0, "existing": 0}
    with ExitStack() as stack:
        source: BinaryIO = sys.stdin.buffer
        if options.file not in (None, "-"):
            source = stack.enter_context(Path(options.file).open("rb"))
        items = _parsed(source)
        try:
            while batch := list(islice(items, _BATCH)):
                for key, outcome in _written(store, batch, force=options.force):
                    counts[outcome] += 1
                    if outcome == "existing":
                        warn(f"{format_key(key)} exists with another value; --force overwrites it")
        finally:
            if options.json:
                say_json(counts)
            else:
                shown = [f"{count} {outcome}" for outcome, count in counts.items() if count]
                say(", ".join(shown) or "no items")
    return 1 if counts["existing"] else 0


def _without(
    listing: Iterator[tuple[NonEmptySafeStrTuple, StatLike]], done: set[NonEmptySafeStrTuple]
) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
    return (found for found in listing if found[0] not in done)


def _keep_complete_lines(output: BinaryIO) -> set[NonEmptySafeStrTuple]:
    """Return the keys in a file, and cut off the line that an interruption left incomplete."""
    done, end = set(), 0
    for number, line in enumerate(output, 1):
        if not line.endswith(b"\n"):
            break
        done.add(_parse_line(line, number)[0])
        end += len(line)
    output.seek(end)
    output.truncate()
    return done


def _write_line(output: BinaryIO, key: NonEmptySafeStrTuple, value: Any) -> str | None:
    """Write an item; return the reason if that is impossible."""
    if isinstance(value, Unreadable):
        return one_line(value.error)
    line: dict[str, Any] = {"key": format_key(key)}
    if type(value) is bytes:
        line["base64"] = base64.b64encode(value).decode()
    elif is_json(value):
        line["value"] = value
    else:
        return f"JSON can't hold a value of type {type(value).__name__}"
    try:
        data = json.dumps(line, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate
        data = json.dumps(line).encode()
    output.write(data + b"\n")
    return None


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[NonEmptySafeStrTuple, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _parse_line(line, number)


def _parse_line(line: bytes, number: int) -> tuple[NonEmptySafeStrTuple, Any]:
    try:
        found = json.loads(line)
        key = parse_key(found["key"])
        if "base64" in found:
            return key, base64.b64decode(found["base64"], validate=True)
        return key, found["value"]
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"line {number} is not an exported item: {error}") from error
    except KeyError as error:
        raise ValueError(f"line {number} is not an exported item: it has no {error}") from error


def _written(
    store: PersiDict[Any], batch: list[tuple[NonEmptySafeStrTuple, Any]], *, force: bool
) -> Iterator[tuple[NonEmptySafeStrTuple, str]]:
    """Write a batch; yield the outcome of each item."""
    if force:
        store.set_many(batch)
        yield from ((key, "written") for key, _ in batch)
        return
    existing = []
    items = [(key, store._validate_value(value)) for key, value in batch]
    for (key, value), inserted in zip(batch, store._insert_many(items), strict=True):
        if inserted:
            yield key, "written"
        else:
            existing.append((key, value))
    there = dict(read_all(store, iter([(key, None) for key, _ in existing])))
    for key, value in existing:
        yield key, "unchanged" if strictly_equal(there.get(key), value) else "existing"
