"""Listing a tree of files in constant memory while others change it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from persidict.core.keys import NonEmptySafeStrTuple
from persidict.file.paths import Layout


def entries_below(
    path: str, components: tuple[str, ...], layout: Layout
) -> Iterator[tuple[NonEmptySafeStrTuple, os.DirEntry[str]]]:
    """Yield the key and the entry of each item's file below a directory.

    Args:
        path: The directory.
        components: What its path stands for.
        layout: Tells items from foreign files.
    """
    make_key, key_class = tuple.__new__, NonEmptySafeStrTuple  # found once, not per entry
    head = ""  # of a component that is too long for one name
    listing: Any = _listing(path)
    above: list[tuple[tuple[str, ...], str, Any]] = []
    try:
        while True:
            for entry in listing:
                name = entry.name
                component = layout.file_component(head, name)
                if component is not None and entry.is_file():
                    yield make_key(key_class, (*components, component)), entry
                elif entry.is_dir(follow_symlinks=False):
                    start = layout.continued(name) if not head else None
                    component = layout.directory_component(head, name)
                    state = components, head, listing
                    if start is not None:
                        head = start
                    elif component is not None:
                        components, head = (*components, component), ""
                    else:
                        continue
                    above.append(state)
                    listing = _listing(entry.path)
                    break
            else:
                listing.close()
                if not above:
                    return
                components, head, listing = above.pop()
    finally:
        listing.close()
        for _, _, unfinished in above:
            unfinished.close()


def first_components(path: str, layout: Layout, head: str = "") -> Iterator[str]:
    """Yield the components directly below a directory, of items and of directories.

    One listing is enough, since a directory does not outlive its last item for long.
    """
    listing = _listing(path)
    try:
        for entry in listing:
            component = layout.file_component(head, entry.name)
            if component is not None and entry.is_file():
                yield component
            elif entry.is_dir(follow_symlinks=False):
                start = layout.continued(entry.name) if not head else None
                component = layout.directory_component(head, entry.name)
                if start is not None:
                    yield from first_components(entry.path, layout, start)
                elif component is not None:
                    yield component
    finally:
        listing.close()


def directories_below(path: str, layout: Layout) -> Iterator[str]:
    """Return the paths of the directories that keys lead to, each after those that are in it."""
    found = []
    pending = [(path, "")]
    while pending:
        path, head = pending.pop()
        with closing(_listing(path)) as listing:
            for entry in listing:
                if not entry.is_dir(follow_symlinks=False):
                    continue
                start = layout.continued(entry.name) if not head else None
                if start is not None or layout.directory_component(head, entry.name) is not None:
                    found.append(entry.path)
                    pending.append((entry.path, start or ""))
    return reversed(found)


def _listing(path: str) -> Any:
    try:
        return os.scandir(path)
    except (FileNotFoundError, NotADirectoryError):
        return _closable(())  # never made, or removed meanwhile


def _closable(entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    yield from entries
