"""Commands that change items: ``put``, ``rm`` and ``mv``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from persidict.core._cli.arguments import RUNS_CODE, Parsers, add_command, add_json, add_store
from persidict.core._cli.output import CommandFailed, say_json, warn
from persidict.core._cli.selection import Selection, format_key, parse_key
from persidict.core._cli.stores import fail_on_wrong_format, open_existing, open_named
from persidict.core._cli.values import read_value
from persidict.core._codecs.equality import strictly_equal
from persidict.core.base import PersiDict
from persidict.core.errors import MutationPolicyError
from persidict.core.flags import (
    ANY_ETAG,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
)
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ConditionalOperationResult, ETagIfExists, ETagValue


def add_to(commands: Parsers) -> None:
    """Add the commands of this module."""
    _add_put(commands)
    parser = add_command(commands, "rm", rm, "delete items", "Delete items.")
    add_store(parser)
    parser.add_argument("keys", metavar="KEY", nargs="+", help="a key or a quoted pattern")
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="delete the items below each KEY too"
    )
    parser.add_argument("-f", "--force", action="store_true", help="ignore items that don't exist")
    parser.add_argument(
        "--if-etag", metavar="ETAG", help="delete only if this is the item's ETag (for one KEY)"
    )
    parser = add_command(
        commands,
        "mv",
        mv,
        "rename items",
        "Rename an item. It is written under the new key first and then deleted, so that an "
        "interruption loses nothing; run the command again to finish. An item that somebody "
        f"changes in the meantime is kept under both keys. {RUNS_CODE}",
    )
    add_store(parser)
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("new_key", metavar="NEW_KEY")
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="rename the items below KEY too"
    )
    parser.add_argument("-f", "--force", action="store_true", help="overwrite existing items")


def _add_put(commands: Parsers) -> None:
    parser = add_command(
        commands,
        "put",
        put,
        "write a value",
        "Write a value: JSON by default (quote text), or text in a store of text. The value comes "
        "from the argument, a file, or standard input.",
    )
    add_store(parser)
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("value", metavar="VALUE", nargs="?", help="default: standard input")
    parser.add_argument("--file", metavar="FILE", help="read the value from a file")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--text", action="store_true", help="the value is text, not JSON")
    kind.add_argument("--bytes", action="store_true", help="the value is bytes, not JSON")
    condition = parser.add_mutually_exclusive_group()
    condition.add_argument(
        "--if-absent", action="store_true", help="write only if there is no such item"
    )
    condition.add_argument(
        "--if-etag", metavar="ETAG", help="write only if this is the item's ETag"
    )
    add_json(parser, "print the key and the new ETag as JSON")


def put(options: Namespace) -> int:
    """Write a value."""
    store = open_named(options)
    key = parse_key(options.key)
    value = read_value(options, store)
    if not (options.json or options.if_absent or options.if_etag):
        store[key] = value
        return 0
    outcome = _put_if(options, store, key, value)
    if not outcome.condition_was_satisfied:
        raise CommandFailed(f"nothing was written: {_state(options.key, outcome.actual_etag)}")
    if options.json:
        say_json({"key": format_key(key), "etag": outcome.resulting_etag})
    return 0


def rm(options: Namespace) -> int:
    """Delete items."""
    if options.if_etag:
        return _rm_version(options)
    selections = [Selection(text) for text in options.keys]
    store = open_existing(options)
    code = 0
    for selection in selections:
        if not _delete(options, store, selection) and not options.force:
            warn(f"there is no item {selection.text}")
            code = 1
    if code:
        fail_on_wrong_format(options, store)
    return code


def mv(options: Namespace) -> int:
    """Rename items."""
    old, new = parse_key(options.key), parse_key(options.new_key)
    if old == new:
        raise ValueError("KEY and NEW_KEY are the same")
    if options.recursive and new[: len(old)] == tuple(old):
        raise ValueError("the items below KEY can't be moved to a place below KEY")
    store = open_existing(options)
    if store.append_only:
        raise MutationPolicyError("append-only")
    count, problems = 0, 0
    for key in list(Selection(options.key).keys(store)) if options.recursive else [old]:
        count += 1
        target = NonEmptySafeStrTuple((*new, *key[len(old) :]))
        problem = _move(store, key, target, force=options.force)
        if problem:
            warn(problem)
            problems += 1
    if problems or not count:
        fail_on_wrong_format(options, store)
    if not count:
        raise CommandFailed(f"there is no item {options.key}, and none below it")
    return 1 if problems else 0


def _put_if(
    options: Namespace, store: PersiDict[Any], key: NonEmptySafeStrTuple, value: Any
) -> ConditionalOperationResult[Any]:
    if options.if_absent:
        return store.setdefault_if(
            key,
            default_value=value,
            condition=ETAG_IS_THE_SAME,
            expected_etag=ITEM_NOT_AVAILABLE,
            retrieve_value=NEVER_RETRIEVE,
        )
    return store.set_item_if(
        key,
        value=value,
        condition=ETAG_IS_THE_SAME if options.if_etag else ANY_ETAG,
        expected_etag=ETagValue(options.if_etag) if options.if_etag else ITEM_NOT_AVAILABLE,
        retrieve_value=NEVER_RETRIEVE,
    )


def _rm_version(options: Namespace) -> int:
    if len(options.keys) > 1 or options.recursive:
        raise ValueError("--if-etag is for one key, without --recursive")
    store = open_existing(options)
    outcome = store.discard_if(
        parse_key(options.keys[0]),
        condition=ETAG_IS_THE_SAME,
        expected_etag=ETagValue(options.if_etag),
    )
    if not outcome.condition_was_satisfied:
        raise CommandFailed(f"nothing was deleted: {_state(options.keys[0], outcome.actual_etag)}")
    return 0


def _delete(options: Namespace, store: PersiDict[Any], selection: Selection) -> bool:
    """Delete what is selected; tell whether there was anything."""
    if not (options.recursive or selection.is_pattern):
        return store.discard(parse_key(selection.text))
    has_any = False

    def noted(keys: Iterator[NonEmptySafeStrTuple]) -> Iterator[NonEmptySafeStrTuple]:
        nonlocal has_any
        for key in keys:
            has_any = True
            yield key

    store.discard_many(noted(selection.keys(store)))
    return has_any


def _move(
    store: PersiDict[Any], old: NonEmptySafeStrTuple, new: NonEmptySafeStrTuple, *, force: bool
) -> str | None:
    """Move one item; return what went wrong, or None."""
    found = store.get_with_etag(old)
    if found.actual_etag is ITEM_NOT_AVAILABLE:
        return f"there is no item {format_key(old)}"
    if force:
        store[new] = found.new_value
    else:
        inserted = store.setdefault_if(
            new,
            default_value=found.new_value,
            condition=ANY_ETAG,
            expected_etag=ITEM_NOT_AVAILABLE,
        )
        # An equal value is left from an interrupted move.
        is_new = inserted.actual_etag is ITEM_NOT_AVAILABLE
        if not is_new and not strictly_equal(inserted.new_value, found.new_value):
            return f"{format_key(new)} exists; --force overwrites it"
    deleted = store.discard_if(old, condition=ETAG_IS_THE_SAME, expected_etag=found.actual_etag)
    if not deleted.condition_was_satisfied:
        return f"{format_key(old)} has changed in the meantime and was kept"
    return None


def _state(key: str, etag: ETagIfExists) -> str:
    if etag is ITEM_NOT_AVAILABLE:
        return f"there is no item {key}"
    return f"{key} exists, its ETag is {etag}"
