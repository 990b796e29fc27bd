"""Stores and values as the command line's arguments name them."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from persidict.core._cli.output import Refusal, prefix_of, shown, warn
from persidict.core._opening.open_store import open_store
from persidict.core._opening.urls import address_of
from persidict.core.backend import StatLike
from persidict.core.base import PersiDict
from persidict.core.errors import BackendError, DecodingError
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.transfer import Unreadable, each_value, relative_scan

# Formats to look for where a store turns out to be empty.
_USUAL_FORMATS = ("pkl", "json", "txt")
_READ_AT_ONCE = 256
# Items in a row that can't be read for another reason than damage: then it is the store.
_FAILURES_IN_A_ROW = 3


def opened(url: str, key_file: str | None, *, make: bool = True) -> PersiDict[Any]:
    """Open a store, with the secret in a file if its values are signed.

    Args:
        url: The store.
        key_file: The file's name, or None.
        make: Whether a bucket may be made.
    """
    given: dict[str, Any] = {}
    if not make and address_of(url, windows=os.name == "nt").store == "BasicS3Dict":
        given["create_bucket"] = False
    if key_file is not None:
        secret = Path(key_file).read_bytes()
        line_end = b"\r\n" if secret.endswith(b"\r\n") else b"\n"
        given["signing_key"] = secret.removesuffix(line_end)
    return open_store(url, **given)


def existing(options: Namespace, name: str = "store") -> PersiDict[Any]:
    """Open a store that must be there already, at the prefix that was asked for."""
    store = opened(getattr(options, name), options.signing_key_file, make=False)
    # That of an S3Dict is a cache.
    directory = "." if hasattr(store, "bucket_name") else getattr(store, "base_dir", ".")
    if not os.path.isdir(directory):
        raise Refusal(f"there is no directory {directory}")
    return store.get_subdict(prefix_of(getattr(options, "prefix", None)))


def shown_in(options: Namespace) -> Callable[[NonEmptySafeStrTuple], str]:
    """Return what shows a key of the sub-dict that was asked for as the whole store knows it."""
    prefix = prefix_of(options.prefix)
    return lambda key: shown((*prefix, *key))


def known(
    listing: Iterator[tuple[NonEmptySafeStrTuple, StatLike]],
) -> Iterator[tuple[NonEmptySafeStrTuple, dict[str, Any]]]:
    """Yield what is known of each item without its value."""
    for key, found in listing:
        try:
            known = {
                "etag": found.etag,
                "timestamp": found.timestamp,
                "bytes": found.size,
            }
        except KeyError:
            continue  # vanished since it was listed
        yield key, known


def etags(store: PersiDict[Any]) -> dict[NonEmptySafeStrTuple, str]:
    """Return the ETag of every item."""
    return {key: found["etag"] for key, found in known(relative_scan(store))}


def all_values(store: PersiDict[Any]) -> Iterator[tuple[NonEmptySafeStrTuple, Any]]:
    """Yield every item, an `Unreadable` where it can't be read."""
    errors = (BackendError, TypeError)
    failures = 0
    listing = relative_scan(store)
    while batch := list(islice(listing, _READ_AT_ONCE)):
        for key, value in each_value(store, batch, errors):
            error = value.error if isinstance(value, Unreadable) else None
            is_damaged = error is None or isinstance(error, (DecodingError, TypeError))
            failures = 0 if is_damaged else failures + 1
            if error is not None and failures == _FAILURES_IN_A_ROW:
                raise error
            yield key, value


def value_to_write(options: Namespace, store: PersiDict[Any]) -> Any:
    """Return the value to write, as it is said to be: text, bytes or JSON."""
    if options.value is not None and options.file is not None:
        raise ValueError("give either VALUE or --file")
    if options.value is not None:
        data = options.value.encode("utf-8", "surrogateescape")
    elif options.file is not None and options.file != "-":
        data = Path(options.file).read_bytes()
    else:
        data = sys.stdin.buffer.read()
    if options.bytes:
        return data
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the value is no UTF-8 text ({error}); --bytes takes any bytes") from None
    text_class = store.base_class_for_values
    if options.text or (text_class is not None and issubclass(text_class, str)):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"the value is not JSON ({error}); --text takes it as text") from None


def other_formats(store: PersiDict[Any]) -> list[str]:
    """Return the usual formats that the store's place has items of, apart from its own."""
    found = []
    params = store.get_params()
    for name in _USUAL_FORMATS:
        if name == store.serialization_format or "serialization_format" not in params:
            continue
        changed = {
            "serialization_format": name,
            "base_class_for_values": None if name in ("pkl", "json") else str,
            "object_tags": True,  # pkl refuses False; no value is read
        }
        other = type(store)(**{key: changed.get(key, value) for key, value in params.items()})
        if other:
            found.append(name)
    return found


def hint_at_formats(store: PersiDict[Any]) -> None:
    """Tell somebody who finds nothing that there are items of other formats."""
    if not store and (others := other_formats(store)):
        own = store.serialization_format
        warn(
            f"there are no items of the format {own} here, but of {' and '.join(others)}: "
            f"add ?format={others[0]} to the store"
        )
