"""Finds the formats and digest lengths of the files in a directory."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from persidict.core.key_components import is_component
from persidict.core.other_layouts import with_format
from persidict.file.paths import MAX_DIGEST_LEN, Layout
from persidict.file.system_errors import raise_foreign

# Entries to look at: enough to find an item of any kind, and few enough to take a millisecond.
_MAX_ENTRIES = 1000
# Formats of files without a digest, whose names alone don't show that they are persidict's.
_KNOWN_WITHOUT_DIGEST = ("pkl", "json")
_ANY_FORMAT = "x"
_TAILS = re.compile(r"_([a-z2-7]{1,26})\.")


class FileLayout(NamedTuple):
    """How the names of a store's files end."""

    serialization_format: str
    digest_len: int


def stored_otherwise(root: str, serialization_format: str, digest_len: int) -> list[dict[str, Any]]:
    """Return the constructor's arguments for the other layouts of a directory's items."""
    own = FileLayout(serialization_format, min(digest_len, MAX_DIGEST_LEN))
    return [
        {**with_format(other.serialization_format), "digest_len": other.digest_len}
        for other in other_layouts(root, own)
    ]


def other_layouts(root: str, own: FileLayout) -> list[FileLayout]:
    """Return the layouts of a directory's items, the most frequent first; none if it has own ones.

    Looks at the first thousand entries of the directory and of those in it. Foreign files don't
    count.
    """
    found: Counter[FileLayout] = Counter()
    for name in _file_names(root):
        layout = _layout_of(name, own)
        if layout == own:
            return []
        if layout is not None:
            found[layout] += 1
    return [layout for layout, _ in found.most_common()]


def _layout_of(name: str, own: FileLayout) -> FileLayout | None:
    """Return the layout of a file name if its digest proves it, or if its extension is known."""
    for tail in _TAILS.finditer(name):
        component = name[: tail.start()]
        length = len(tail[1])
        if is_component(component) and _file_name(component, length) == name[: tail.end()]:
            return FileLayout(name[tail.end() :], length)
    for extension in (own.serialization_format, *_KNOWN_WITHOUT_DIGEST):
        if is_component(name.removesuffix(f".{extension}")) and name.endswith(f".{extension}"):
            return FileLayout(extension, 0)
    return None


def _file_name(component: str, digest_len: int) -> str:
    """Return how the name of a component's file begins: up to the dot before the format."""
    return _layout(digest_len).file((component,)).rpartition(os.sep)[2].removesuffix(_ANY_FORMAT)


@cache
def _layout(digest_len: int) -> Layout:
    return Layout(_ANY_FORMAT, digest_len)


def _file_names(root: str) -> Iterator[str]:
    """Yield the names of files in a directory and below, depth first."""
    left = _MAX_ENTRIES
    directories = [root]
    while directories:
        try:
            entries = os.scandir(directories.pop())
        except OSError as error:
            raise_foreign(error)
            continue  # gone, or closed to us: this is only about a hint
        with entries:
            for entry in entries:
                left -= 1
                if left < 0:
                    return
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.path)
                else:
                    yield entry.name
