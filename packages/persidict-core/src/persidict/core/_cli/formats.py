"""Find out in which format a place has items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from persidict.core.base import PersiDict

# The formats to look for where a store can't tell which ones it has.
_USUAL_FORMATS = ("pkl", "json", "txt")
# No store has items of this one, so all that are there are others.
_NO_FORMAT = "no-format"
_DEFAULT_DIGEST_LEN = 4


class Layout(NamedTuple):
    """How items are stored; without a digest length on S3."""

    serialization_format: str
    digest_len: int | None


def layouts_present(
    open_as: Callable[[str], PersiDict[Any]], *, is_directory: bool
) -> list[Layout]:
    """Return how the items in a place are stored, the most frequent first.

    Args:
        open_as: Opens the store in a format.
        is_directory: Whether the store is in files, and so can tell.
    """
    probe = open_as(_NO_FORMAT)
    found = [
        Layout(params["serialization_format"], params.get("digest_len"))
        for params in probe._stored_otherwise()
    ]
    if found or is_directory:
        # A name with the right digest is an item's. Without digests, any file can look like one.
        return [layout for layout in found if layout.digest_len] or found
    # Each look may list the whole bucket, so the first find ends it.
    formats = (name for name in _USUAL_FORMATS if open_as(name))
    return [Layout(name, None) for name in formats][:1]


def digest_len_of(layouts: list[Layout], serialization_format: str) -> int | None:
    """Return the digest length of the items of a format, None if it is the default or unknown.

    Raises:
        ValueError: The items have several digest lengths.
    """
    lengths = {
        layout.digest_len
        for layout in layouts
        if layout.serialization_format == serialization_format
    }
    if len(lengths) <= 1:
        return next(iter(lengths), None)
    if _DEFAULT_DIGEST_LEN in lengths:
        return None
    raise ValueError(
        f"there are items with the digest lengths {sorted(map(str, lengths))}: "
        "choose one with --digest-len"
    )
