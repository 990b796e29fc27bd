"""The command ``watch``."""

from __future__ import annotations

import math
import sys
import time
from argparse import Namespace

from persidict.core._cli.arguments import Parsers, add_command, add_json, add_store
from persidict.core._cli.listing import entries
from persidict.core._cli.output import one_line, say, say_json, warn
from persidict.core._cli.selection import Selection, parse_key
from persidict.core._cli.stores import open_existing
from persidict.core.base import PersiDict
from persidict.core.errors import BackendError


def add_to(commands: Parsers) -> None:
    """Add the command of this module."""
    parser = add_command(
        commands,
        "watch",
        watch,
        "report changes",
        "Report new (+), changed (~) and deleted (-) items until you press Ctrl-C. The command "
        "lists the store again and again and compares ETags. It holds the keys and ETags of all "
        "items in memory, and reports several changes between two listings once.",
    )
    add_store(parser, selection=True)
    parser.add_argument(
        "--interval",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="time between two listings (default: %(default)s)",
    )
    add_json(parser)


def watch(options: Namespace) -> int:
    """Report changes until Ctrl-C."""
    if not (options.interval >= 0 and math.isfinite(options.interval)):
        raise ValueError(f"--interval must be a number of seconds, got {options.interval}")
    store = open_existing(options)
    selection = Selection(options.selection)
    before = etags(store, selection)
    warn(f"watching {len(before)} items; press Ctrl-C to stop")
    while True:
        time.sleep(options.interval)
        try:
            now = etags(store, selection)
            # A listing can miss an item that is being replaced; that is no deletion.
            missed = [key for key in before.keys() - now.keys() if parse_key(key) in store]
        except BackendError as error:
            warn(f"{one_line(error)}; trying again")
            continue
        now.update((key, before[key]) for key in missed)
        for key in sorted(before.keys() | now.keys()):
            _report_change(options, key, before.get(key), now.get(key))
        sys.stdout.flush()
        before = now


def etags(store: PersiDict[object], selection: Selection) -> dict[str, str]:
    """Return the ETag of every selected item."""
    return {entry.key: entry.etag for entry in entries(store, selection)}


def _report_change(options: Namespace, key: str, before: str | None, now: str | None) -> None:
    if before == now:
        return
    event, sign = ("new", "+") if before is None else ("changed", "~")
    if now is None:
        event, sign = "deleted", "-"
    if options.json:
        say_json({"event": event, "key": key, "etag": now})
    else:
        say(f"{sign} {key}")
