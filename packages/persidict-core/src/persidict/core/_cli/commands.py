"""The commands of the command line, each a function from its options to the exit code."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from pathlib import Path

from persidict.core._cli.output import (
    ProgressBar,
    Refusal,
    as_bytes,
    key_of,
    one_line,
    prefix_of,
    say,
    say_json,
    shown,
    time_of,
    warn,
)
from persidict.core._cli.stores import (
    all_values,
    etags,
    existing,
    hint_at_formats,
    known,
    opened,
    other_formats,
    shown_in,
    value_to_write,
)
from persidict.core.copying import CopyCounts
from persidict.core.errors import BackendError
from persidict.core.flags import (
    ANY_ETAG,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
)
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue
from persidict.core.transfer import Unreadable, relative_scan


def ls(options: Namespace) -> int:
    """List keys."""
    store = existing(options)
    show = shown_in(options)
    is_empty = True
    if not options.long and not options.json:
        for key in store:
            is_empty = False
            say(show(key))
    for key, found in known(relative_scan(store)) if options.long or options.json else ():
        is_empty = False
        if options.json:
            say_json({"key": show(key), **found})
        else:
            size = "-" if found["bytes"] is None else found["bytes"]
            say(f"{time_of(found['timestamp'])} {size:>12} {found['etag']} {show(key)}")
    if is_empty:
        hint_at_formats(store)
    return 0


def get(options: Namespace) -> int:
    """Print a value."""
    store = existing(options)
    key = key_of(options.key)
    try:
        value = store[key]
    except KeyError:
        hint_at_formats(store)
        raise Refusal(f"there is no item {options.key}") from None
    # For a file, text and bytes are what they are without a line end of ours.
    to_file = options.output is not None and isinstance(value, (bytes, str)) and not options.json
    data = as_bytes(value, as_json=options.json, raw=options.raw or to_file)
    if options.output is not None:
        Path(options.output).write_bytes(data)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    return 0


def put(options: Namespace) -> int:
    """Write a value."""
    store = opened(options.store, options.signing_key_file)
    key = key_of(options.key)
    value = value_to_write(options, store)
    if not (options.json or options.if_absent or options.if_etag):
        store[key] = value
        return 0
    if options.if_absent:
        outcome = store.setdefault_if(
            key,
            default_value=value,
            condition=ETAG_IS_THE_SAME,
            expected_etag=ITEM_NOT_AVAILABLE,
            retrieve_value=NEVER_RETRIEVE,
        )
    else:
        outcome = store.set_item_if(
            key,
            value=value,
            condition=ETAG_IS_THE_SAME if options.if_etag else ANY_ETAG,
            expected_etag=ETagValue(options.if_etag) if options.if_etag else ITEM_NOT_AVAILABLE,
            retrieve_value=NEVER_RETRIEVE,
        )
    if not outcome.condition_was_satisfied:
        raise Refusal(f"nothing was written: {_state(options.key, outcome.actual_etag)}")
    if options.json:
        say_json({"key": shown(key), "etag": outcome.resulting_etag})
    return 0


def rm(options: Namespace) -> int:
    """Delete items."""
    keys = [key_of(text) for text in options.keys]
    if options.if_etag and (len(keys) > 1 or options.recursive):
        raise ValueError("--if-etag is for one key")
    store = existing(options)
    if options.if_etag:
        outcome = store.discard_if(
            keys[0], condition=ETAG_IS_THE_SAME, expected_etag=ETagValue(options.if_etag)
        )
        if not outcome.condition_was_satisfied:
            raise Refusal(f"nothing was deleted: {_state(options.keys[0], outcome.actual_etag)}")
        return 0
    code = 0
    for key in keys:
        below = store.get_subdict(key)
        has_any = options.recursive and bool(below)
        if has_any:
            below.clear()
        if not store.discard(key) and not has_any:
            warn(f"there is no item {shown(key)}")
            code = 1
    if code:
        hint_at_formats(store)
    return code


def stat(options: Namespace) -> int:
    """Show number and size of the items, formats, the oldest and the newest."""
    store = existing(options)
    show = shown_in(options)
    count, size = 0, 0
    all_known = True
    oldest: tuple[float, str] | None = None
    newest: tuple[float, str] | None = None
    for key, found in known(relative_scan(store)):
        count += 1
        if found["bytes"] is None:
            all_known = False
        else:
            size += found["bytes"]
        entry = (found["timestamp"], show(key))
        oldest = entry if oldest is None else min(oldest, entry)
        newest = entry if newest is None else max(newest, entry)
    formats = [store.serialization_format] if count else []
    formats += other_formats(store)
    if options.json:
        say_json(
            {
                "items": count,
                "bytes": size if all_known else None,
                "formats": formats,
                "oldest": oldest and {"key": oldest[1], "timestamp": oldest[0]},
                "newest": newest and {"key": newest[1], "timestamp": newest[0]},
            }
        )
        return 0
    say(f"items    {count}")
    say(f"bytes    {size if all_known else 'unknown'}")
    say(f"formats  {', '.join(formats) or 'none'}")
    for name, entry_or_none in (("oldest", oldest), ("newest", newest)):
        if entry_or_none is not None:
            say(f"{name}   {time_of(entry_or_none[0])} {entry_or_none[1]}")
    if not count:
        hint_at_formats(store)
    return 0


def cp(options: Namespace) -> int:
    """Copy all items to another store."""
    return _copy(options, delete=False)


def sync(options: Namespace) -> int:
    """Copy all items to another store, and delete there what the source lacks."""
    return _copy(options, delete=True)


def verify(options: Namespace) -> int:
    """Read every item and report those that are damaged."""
    store = existing(options)
    show = shown_in(options)
    damaged: list[dict[str, str]] = []
    count = 0
    with ProgressBar(store.__len__, wanted=not options.quiet) as bar:
        for key, value in all_values(store):
            count += 1
            bar.step()
            if isinstance(value, Unreadable):
                damaged.append({"key": show(key), "error": one_line(value.error)})
                if not options.json:
                    bar.say(f"damaged {show(key)}: {damaged[-1]['error']}")
    if options.json:
        say_json({"items": count, "damaged": damaged})
    else:
        say(f"{count} items, {len(damaged)} damaged")
    if not count:
        hint_at_formats(store)
    return 1 if damaged else 0


def watch(options: Namespace) -> int:
    """Report changes until Ctrl-C."""
    if not 0 <= options.interval < float("inf"):
        raise ValueError(f"--interval must be a number of seconds, got {options.interval}")
    store = existing(options)
    before = etags(store)
    try:
        warn(f"watching {len(before)} items; Ctrl-C ends it")
        while True:
            time.sleep(options.interval)
            try:
                now = etags(store)
                # A listing may miss what is replaced meanwhile; that is no deletion.
                missed = [key for key in before.keys() - now.keys() if key in store]
            except BackendError as error:
                warn(f"{one_line(error)}; trying again")
                continue
            now.update((key, before[key]) for key in missed)
            for key in sorted(before.keys() | now.keys()):
                _report_change(options, key, before.get(key), now.get(key))
            sys.stdout.flush()
            before = now
    except KeyboardInterrupt:
        return 0


def _copy(options: Namespace, *, delete: bool) -> int:
    prefix = prefix_of(options.prefix)
    source = existing(options, "source")
    target_key = options.target_signing_key_file
    target = opened(options.target, target_key, make=not options.dry_run).get_subdict(prefix)
    if delete and not options.allow_empty and not source and target:
        hint_at_formats(source)
        raise Refusal(
            "the source has no items: sync would delete everything in the target "
            "(--allow-empty, if that is meant)"
        )
    show = shown_in(options)
    counts = dict.fromkeys(CopyCounts._fields, 0)

    def note(key: NonEmptySafeStrTuple, outcome: str) -> None:
        counts[outcome] += 1
        bar.step()
        if options.verbose and outcome != "unchanged":
            if options.json:
                say_json({"key": show(key), "outcome": outcome})
            else:
                bar.say(f"{outcome:9} {show(key)}")

    transfer = source.sync_to if delete else source.copy_to
    with ProgressBar(source.__len__, wanted=not options.quiet) as bar:
        try:
            transfer(target, progress=note, dry_run=options.dry_run, compare=options.compare)
        except BaseException:
            if any(counts.values()):
                _report_counts(options, counts)
            raise
    _report_counts(options, counts)
    if not source:
        hint_at_formats(source)
    return 1 if counts["conflict"] else 0


def _report_counts(options: Namespace, counts: dict[str, int]) -> None:
    if options.json:
        say_json({**counts, "dry_run": options.dry_run})
        return
    told = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    would = "would be: " if options.dry_run else ""
    say(would + (", ".join(told) or "no items"))


def _report_change(
    options: Namespace, key: NonEmptySafeStrTuple, before: str | None, now: str | None
) -> None:
    if before == now:
        return
    show = shown_in(options)
    event, sign = ("new", "+") if before is None else ("changed", "~")
    if now is None:
        event, sign = "deleted", "-"
    if options.json:
        say_json({"event": event, "key": show(key), "etag": now})
    else:
        say(f"{sign} {show(key)}")


def _state(key: str, etag: str | object) -> str:
    if etag is ITEM_NOT_AVAILABLE:
        return f"there is no item {key}"
    return f"{key} exists, its ETag is {etag}"
