"""Listing a tree of files in constant memory while others change it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any, TypeAlias

from persidict.file.locks import LOCK_NAME
from persidict.file.paths import Layout
from persidict.file.system_errors import raise_foreign
from persidict.file.windows import list_shared

Found: TypeAlias = tuple[tuple[str, ...], str, list[os.DirEntry[str]]]
"""The components above some files, the start of what their names end, and the files."""

# Entries looked at together: looking for any item must not cost a long list.
_FIRST_BATCH = 4
_MAX_BATCH = 512
# Never created, removed meanwhile, or too deep for the system, which writes refuse.
_NO_DIRECTORY = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def items_below(
    path: str, components: tuple[str, ...], layout: Layout
) -> Generator[Found, None, None]:
    """Yield the items' files below a directory, some at a time: few at first, then many.

    Args:
        path: The directory.
        components: What its path stands for.
        layout: Tells items from foreign files.

    Yields:
        See `Found`.
    """
    size = _FIRST_BATCH
    # Each with the directories of its last batch that are still to be listed.
    levels: list[tuple[tuple[str, ...], str, Any, Iterator[os.DirEntry[str]]]]
    levels = [(components, "", _listing(path), iter(()))]
    try:
        while levels:
            components, head, listing, directories = levels[-1]
            for entry in directories:
                start = layout.continued(entry.name) if not head else None
                component = layout.directory_component(head, entry.name)
                if start is not None:
                    levels.append((components, start, _listing(entry.path), iter(())))
                elif component is not None:
                    within = (*components, component)
                    levels.append((within, "", _listing(entry.path), iter(())))
                else:
                    continue
                break
            else:
                entries = list(islice(listing, size))
                if not entries:
                    levels.pop()
                    listing.close()
                    continue
                size = min(2 * size, _MAX_BATCH)
                files, below = _sorted(entries)
                levels[-1] = components, head, listing, iter(below)
                found = layout.files(head, files)
                if found:
                    yield components, head, found
    finally:
        for _, _, listing, _ in levels:
            listing.close()


def first_components(path: str, layout: Layout, head: str = "") -> list[str]:
    """Return the components directly below a directory that begin the keys of items."""
    found = []
    with closing(_listing(path)) as listing:
        while entries := list(islice(listing, _MAX_BATCH)):
            files, directories = _sorted(entries)
            found += layout.components(head, layout.files(head, files))
            for entry in directories:
                component = layout.directory_component(head, entry.name)
                if component is not None:
                    if has_items(entry.path, layout):
                        found.append(component)
                elif not head and (start := layout.continued(entry.name)) is not None:
                    found += first_components(entry.path, layout, start)
    return found


def has_items(path: str, layout: Layout) -> bool:
    """Tell whether there is any item below a directory."""
    with closing(_listing(path)) as listing:
        # Most directories begin with a file of an item, which is found in half the time of a scan.
        first = next((entry for entry in listing if entry.name != LOCK_NAME), None)
        if first is not None and layout.is_item(first.name) and _is_file(first):
            return True
    with closing(items_below(path, (), layout)) as below:
        return next(below, None) is not None


def names_of(start: int, found: Iterable[Found]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the directories and the names of files that `items_below` has found.

    Args:
        start: The length of the root's path with its separator.
        found: What `items_below` yields.
    """
    for _, _, entries in found:
        directories = entries[0].path[start:].split(os.sep)[:-1]
        yield directories, [entry.name for entry in entries]


def directories_below(path: str, layout: Layout) -> Iterator[str]:
    """Return the paths of the directories that keys lead to, each after those that are in it."""
    found: list[str] = []
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


def _sorted(
    entries: list[os.DirEntry[str]],
) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
    """Return the files, and the directories (not the symlinks to one)."""
    try:
        files = list(filter(os.DirEntry.is_file, entries))
    except OSError as error:
        raise_foreign(error)
        files = [entry for entry in entries if _is_file(entry)]
    if len(files) == len(entries):
        return files, []
    return files, [entry for entry in entries if entry.is_dir(follow_symlinks=False)]


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError as error:
        raise_foreign(error)
        if entry.is_symlink():
            return False  # to itself, or to where we may not look
        raise


def _listing(path: str) -> Any:
    try:
        return list_shared(path) if sys.platform == "win32" else os.scandir(path)
    except OSError as error:
        if error.errno == errno.ESTALE and os.path.isdir(path):  # looked up anew
            return os.scandir(path)
        if error.errno not in _NO_DIRECTORY:
            raise
        return _closable(())


def _closable(entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    yield from entries
