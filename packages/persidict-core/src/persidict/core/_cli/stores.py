"""Open the stores that the command line names."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from persidict.core._cli.formats import Layout, digest_len_of, layouts_present
from persidict.core._cli.output import CommandFailed
from persidict.core._cli.selection import Selection
from persidict.core._opening.open_store import open_store
from persidict.core._opening.urls import Address, address_of
from persidict.core.base import PersiDict

_FORMAT = "serialization_format"
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
    place = _address(options, name).place
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
    texts = _texts(options, name)
    digest_len: int | None = None
    if chosen is None or (is_directory(options, name) and "digest_len" not in texts):
        layouts = find_layouts(options, name, create=create)
        formats = list(dict.fromkeys(layout.serialization_format for layout in layouts))
        if chosen is None and len(formats) > 1:
            raise ValueError(
                f"{getattr(options, name)} has items in the formats {' and '.join(formats)}: "
                f"choose one with {format_option(name)}"
            )
        if chosen is None and formats:
            (chosen,) = formats
        if "digest_len" not in texts:
            digest_len = digest_len_of(layouts, chosen or "pkl")
    return _open(options, name, chosen, digest_len=digest_len, create=create)


def chosen_format(options: Namespace, name: str = "store") -> str | None:
    """Return the format that the URL or an option names."""
    query = _address(options, name).query
    given: str | None = getattr(options, f"{name}_format")
    if given is not None and _FORMAT in query:
        raise ValueError("the format is given twice: in the URL and as an option")
    return query.get(_FORMAT, given)


def format_option(name: str) -> str:
    """Return the option that chooses the format of a store."""
    return "--target-format" if name == "target" else "--format"


def is_directory(options: Namespace, name: str = "store") -> bool:
    """Tell whether a store is in files."""
    return _address(options, name).store == "FileDirDict"


def find_layouts(options: Namespace, name: str = "store", *, create: bool = False) -> list[Layout]:
    """Return the formats and digest lengths of the items in a store's place.

    Args:
        options: The parsed options.
        name: The argument that names the store.
        create: Whether to create a missing bucket.
    """
    directory = _address(options, name).place.get("base_dir")
    if directory is not None and not os.path.isdir(directory):
        return []
    given = _texts(options, name).get("digest_len")
    layouts = layouts_present(
        lambda other: _open(options, name, other, create=create, only_keys=True),
        is_directory=directory is not None,
    )
    return [layout for layout in layouts if given is None or str(layout.digest_len) == given]


def other_formats(options: Namespace, store: PersiDict[Any], name: str = "store") -> list[str]:
    """Return the formats, other than the store's own, of the items in its place."""
    formats = dict.fromkeys(layout.serialization_format for layout in find_layouts(options, name))
    return [found for found in formats if found != store.serialization_format]


def fail_on_wrong_format(options: Namespace, store: PersiDict[Any], name: str = "store") -> None:
    """Raise an error if the store looks empty only because its items have another format.

    Raises:
        CommandFailed: There are no items of the chosen format, but of others.
    """
    if not store and (others := other_formats(options, store, name)):
        raise CommandFailed(
            f"there are no items of the format {store.serialization_format} here, but of "
            f"{' and '.join(others)}: add ?format={others[0]} to the store, or "
            f"{format_option(name)} {others[0]}"
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


def _address(options: Namespace, name: str) -> Address:
    return address_of(getattr(options, name), windows=os.name == "nt")


def _open(
    options: Namespace,
    name: str,
    serialization_format: str | None,
    *,
    create: bool,
    digest_len: int | None = None,
    only_keys: bool = False,
) -> PersiDict[Any]:
    """Open a store in a format; with `only_keys`, only to list its items."""
    address = _address(options, name)
    texts = _texts(options, name)
    if only_keys:
        # A format may refuse these.
        texts.pop("object_tags", None)
        texts.pop("base_class_for_values", None)
    if serialization_format is not None:
        texts[_FORMAT] = serialization_format
    if digest_len is not None:
        texts["digest_len"] = str(digest_len)
    query = "&".join(f"{quote(param)}={quote(text)}" for param, text in texts.items())
    base = getattr(options, name).partition("?")[0]
    given: dict[str, Any] = {**_signing_key(options, name)}
    if not create and address.store == "BasicS3Dict":
        given["create_bucket"] = False
    store = open_store(f"{base}?{query}" if query else base, **given)
    store._expect_other_layouts()  # the command line reports them itself
    return store


def _texts(options: Namespace, name: str) -> dict[str, str]:
    """Return the parameters that the URL's query and the options give, apart from the format."""
    address = _address(options, name)
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
    for param in found.keys() & {*address.query, *address.place}:
        raise ValueError(f"{param} is given twice: in the URL and as an option")
    if "format" in found or "serialization_format" in found:
        raise ValueError("give the format with --format, not with --param")
    query = {param: text for param, text in address.query.items() if param != _FORMAT}
    return {**query, **found}


def _signing_key(options: Namespace, name: str) -> dict[str, bytes]:
    """Return the secret in a file, which must not be in a URL, as a parameter."""
    key_file = getattr(options, f"{name}_signing_key_file")
    if key_file is None:
        return {}
    secret = Path(key_file).read_bytes()
    line_end = b"\r\n" if secret.endswith(b"\r\n") else b"\n"
    return {"signing_key": secret.removesuffix(line_end)}
