"""Commands that read values: ``get`` and ``verify``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from persidict.core._cli.arguments import (
    RUNS_CODE,
    Parsers,
    add_command,
    add_json,
    add_quiet,
    add_store,
)
from persidict.core._cli.output import (
    FAILURE,
    NEGATIVE,
    CommandFailed,
    ProgressBar,
    one_line,
    say,
    say_bytes,
    say_json,
)
from persidict.core._cli.selection import Selection, format_key, parse_key
from persidict.core._cli.stores import (
    fail_if_nothing_is_selected,
    fail_on_wrong_format,
    open_existing,
)
from persidict.core._cli.values import encode_for_output
from persidict.core.backend import StatLike
from persidict.core.base import PersiDict
from persidict.core.copied_values import ITEM_ERRORS, Unreadable, each_value
from persidict.core.errors import BackendError
from persidict.core.keys import NonEmptySafeStrTuple

_BATCH = 256
# After so many failures in a row that are no damage, the store itself has failed.
_MAX_FAILURES_IN_A_ROW = 3


def add_to(commands: Parsers) -> None:
    """Add the commands of this module."""
    parser = add_command(
        commands,
        "get",
        get,
        "print a value",
        "Print a value: text as it is, values that JSON can represent as JSON, bytes and other "
        f"objects as Python shows them. {RUNS_CODE}",
    )
    add_store(parser)
    parser.add_argument("key", metavar="KEY")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON on one line")
    form.add_argument("--raw", action="store_true", help="print text or bytes without a line end")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the value to a file")
    parser = add_command(
        commands,
        "verify",
        verify,
        "read every item",
        "Read and decode every item and report damaged ones. The exit status is 1 if there are "
        "any, and 3 if the store failed to read an item, which may be intact. "
        f"{RUNS_CODE}",
    )
    add_store(parser, selection=True)
    add_quiet(parser)
    add_json(parser, "print one JSON object")


def get(options: Namespace) -> int:
    """Print a value."""
    store = open_existing(options)
    key = parse_key(options.key)
    try:
        value = store[key]
    except KeyError:
        fail_on_wrong_format(options, store)
        below = ", but there are items below it" if store.get_subdict(key) else ""
        raise CommandFailed(f"there is no item {options.key}{below}") from None
    # A file gets text and bytes as they are, without a line end.
    to_file = options.output is not None and isinstance(value, (bytes, str)) and not options.json
    data = encode_for_output(value, as_json=options.json, raw=options.raw or to_file)
    if options.output is not None:
        Path(options.output).write_bytes(data)
    else:
        say_bytes(data)
    return 0


def verify(options: Namespace) -> int:
    """Read every item and report those that are damaged."""
    store = open_existing(options)
    selection = Selection(options.selection)
    found: dict[str, list[dict[str, str]]] = {"damaged": [], "unreadable": []}
    count = 0
    with ProgressBar(
        lambda: sum(1 for _ in selection.keys(store)), wanted=not options.quiet
    ) as bar:
        for key, value in read_all(store, selection.scan(store)):
            count += 1
            bar.step()
            if isinstance(value, Unreadable):
                kind = "damaged" if status_of(value) == NEGATIVE else "unreadable"
                shown = {"key": format_key(key), "error": one_line(value.error)}
                found[kind].append(shown)
                if not options.json:
                    bar.say(f"{kind} {shown['key']}: {shown['error']}")
    if not count:
        fail_if_nothing_is_selected(options, store, selection)
    if options.json:
        say_json({"items": count, **found})
    else:
        unreadable = f", {len(found['unreadable'])} unreadable" if found["unreadable"] else ""
        say(f"{count} items, {len(found['damaged'])} damaged{unreadable}")
    if found["unreadable"]:
        return FAILURE
    return NEGATIVE if found["damaged"] else 0


def status_of(value: Any) -> int:
    """Return the exit status for an item in trouble: `FAILURE` if the store failed to read it."""
    has_failed = isinstance(value, Unreadable) and not isinstance(value.error, ITEM_ERRORS)
    return FAILURE if has_failed else NEGATIVE


def read_all(
    store: PersiDict[Any], listing: Iterator[tuple[NonEmptySafeStrTuple, StatLike | None]]
) -> Iterator[tuple[NonEmptySafeStrTuple, Any]]:
    """Yield key and value of every item, an `Unreadable` instead of a value that can't be read.

    Raises:
        BackendError: Several items in a row can't be read, but are not damaged.
    """
    failures = 0
    while batch := list(islice(listing, _BATCH)):
        for key, value in each_value(store, batch, (BackendError, TypeError)):
            failures = failures + 1 if status_of(value) == FAILURE else 0
            if failures == _MAX_FAILURES_IN_A_ROW:
                raise value.error
            yield key, value
