"""Open the stores that the command line names."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from persidict.core._cli.formats import formats_present
from persidict.core._cli.output import CommandFailed
from persidict.core._cli.selection import Selection
from persidict.core._opening.open_store import open_store
from persidict.core._opening.urls import address_of
from persidict.core.base import PersiDict

# The options of a store and the parameters of its constructor.
_PARAMS = {
    "digest_len": "digest_len",
    "append_only": "append_only",
    "durable": "durable",
    "object_tags": "object_tags",
    "region": "region",
    "endpoint_url": "endpoint_url",
    "cache_dir": "base_dir",
    "sign_request": "anonymous",
}


def open_existing(options: Namespace, name: str = "store") -> PersiDict[Any]:
    """Open a store for reading; it must exist already.

    Raises:
        CommandFailed: There is no such directory.
    """
    place = address_of(getattr(options, name), windows=os.name == "nt").place
    if "base_dir" in place and not os.path.isdir(place["base_dir"]):
        raise CommandFailed(f"there is no directory {place['base_dir']}")
    return open_named(options, name, create=False)


def open_named(options: Namespace, name: str = "store", *, create: bool = True) -> PersiDict[Any]:
    """Open a store in its own format, or, if the user names none, in the format of its items.

    Args:
        options: The parsed options.
        name: The argument that names the store: ``"store"``, ``"source"`` or ``"target"``.
        create: Whether to create a missing bucket.

    Raises:
        ValueError: The store has items in several formats, and the user chose none.
    """
    chosen = chosen_format(options, name)
    if chosen is None:
        present = find_formats(options, name)
        if len(present) > 1:
            flag = "--target-format" if name == "target" else "--format"
            raise ValueError(
                f"{getattr(options, name)} has items in the formats {' and '.join(present)}: "
                f"choose one with {flag}"
            )
        chosen = present[0] if present else None
    return _open(options, name, chosen, create=create)


def chosen_format(options: Namespace, name: str = "store") -> str | None:
    """Return the format that the URL or an option names."""
    query = address_of(getattr(options, name), windows=os.name == "nt").query
    given: str | None = getattr(options, f"{name}_format")
    if given is not None and "serialization_format" in query:
        raise ValueError("the format is given twice: in the URL and as an option")
    return query.get("serialization_format", given)


def find_formats(options: Namespace, name: str = "store") -> list[str]:
    """Return the formats of the items in a store's place."""
    address = address_of(getattr(options, name), windows=os.name == "nt")
    directory = address.place.get("base_dir")
    if directory is not None and not os.path.isdir(directory):
        return []
    return formats_present(
        directory, lambda other: _open(options, name, other, create=False, values=False)
    )


def other_formats(options: Namespace, store: PersiDict[Any], name: str = "store") -> list[str]:
    """Return the formats, other than the store's own, of the items in its place."""
    own = store.serialization_format
    return [found for found in find_formats(options, name) if found != own]


def fail_on_wrong_format(options: Namespace, store: PersiDict[Any], name: str = "store") -> None:
    """Raise an error if the store looks empty only because its items have another format.

    Raises:
        CommandFailed: There are no items of the chosen format, but of others.
    """
    if not store and (others := other_formats(options, store, name)):
        flag = "--target-format" if name == "target" else "--format"
        raise CommandFailed(
            f"there are no items of the format {store.serialization_format} here, but of "
            f"{' and '.join(others)}: add ?format={others[0]} to the store, or {flag} {others[0]}"
        )


def fail_if_nothing_is_selected(
    options: Namespace, store: PersiDict[Any], selection: Selection
) -> None:
    """Raise an error if the user has named items that don't exist.

    Raises:
        CommandFailed: No item is selected, and the reason is not that the store is empty.
    """
    fail_on_wrong_format(options, store)
    if not selection.is_everything:
        raise CommandFailed(f"there is no item {selection.text}, and none below it")


def _open(
    options: Namespace,
    name: str,
    serialization_format: str | None,
    *,
    create: bool,
    values: bool = True,
) -> PersiDict[Any]:
    """Open a store in a format; without `values`, only to list its items."""
    url: str = getattr(options, name)
    address = address_of(url, windows=os.name == "nt")
    texts = _texts(options, name)
    for param in texts.keys() & {*address.query, *address.place}:
        raise ValueError(f"{param} is given twice: in the URL and as an option")
    texts = {**address.query, **texts}
    if not values:
        # A format may refuse these, and they don't matter for keys.
        texts.pop("object_tags", None)
        texts.pop("base_class_for_values", None)
    if serialization_format is not None:
        texts["serialization_format"] = serialization_format
    query = "&".join(f"{quote(param)}={quote(text)}" for param, text in texts.items())
    base = url.partition("?")[0]
    given: dict[str, Any] = {**_signing_key(options, name)}
    if not create and address.store == "BasicS3Dict":
        given["create_bucket"] = False
    return open_store(f"{base}?{query}" if query else base, **given)


def _texts(options: Namespace, name: str) -> dict[str, str]:
    """Return the parameters that the options give as texts."""
    found: dict[str, str] = {}
    for option, param in _PARAMS.items():
        text = getattr(options, f"{name}_{option}")
        if text is not None:
            found[param] = text
    for pair in getattr(options, f"{name}_param"):
        param, equals, text = pair.partition("=")
        if not equals or not param:
            raise ValueError(f"--param takes NAME=VALUE, got {pair!r}")
        if param in found:
            raise ValueError(f"{param} is given twice")
        found[param] = text
    if "format" in found or "serialization_format" in found:
        raise ValueError("give the format with --format, not with --param")
    return found


def _signing_key(options: Namespace, name: str) -> dict[str, bytes]:
    """Return the secret in a file, which must not be in a URL, as a parameter."""
    key_file = getattr(options, f"{name}_signing_key_file")
    if key_file is None:
        return {}
    secret = Path(key_file).read_bytes()
    line_end = b"\r\n" if secret.endswith(b"\r\n") else b"\n"
    return {"signing_key": secret.removesuffix(line_end)}
