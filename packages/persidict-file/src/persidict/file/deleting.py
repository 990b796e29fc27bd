"""Deleting files: neighbours under one lock, and the directories that are empty then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, groupby, islice
from operator import itemgetter

from persidict.file.directory import Directory

# Files deleted before their directory is synced, and under one lock.
_SYNCED_AT_ONCE = 4096
_LOCKED_AT_ONCE = 256


def erase_names(
    root: str,
    names: Iterable[tuple[list[str], list[str]]],
    erase: Callable[[Directory, str], None],
    *,
    durable: bool,
) -> None:
    """Delete files, and the directories that are empty afterwards.

    Args:
        root: The store's base directory.
        names: The directories that lead to some files, and the names of those.
        erase: Deletes one file: `erase_if_file` or `erase_listed`.
        durable: Whether each directory is synced, once for all that is deleted in it.
    """
    for directories, group in groupby(names, key=itemgetter(0)):
        together = chain.from_iterable(map(itemgetter(1), group))
        while batch := list(islice(together, _SYNCED_AT_ONCE)):
            _erase_batch(root, directories, batch, erase, durable=durable)
        remove_empty(root, directories)


def erase_if_file(directory: Directory, name: str) -> None:
    """Delete what may be missing or no file."""
    if directory.regular(name) is not None:
        directory.unlink(name)


def erase_listed(directory: Directory, name: str) -> None:
    """Delete what a listing has just shown as a file; a directory there since then stays."""
    try:
        directory.unlink(name)
    except FileNotFoundError:
        return
    except OSError:  # what a directory gives differs between systems
        if directory.regular(name) is not None:
            raise


def remove_empty(root: str, directories: list[str]) -> None:
    """Remove the directories of a deleted item that are empty now, from the deepest up."""
    while directories and is_removed(root, directories):
        directories = directories[:-1]


def is_removed(root: str, directories: list[str]) -> bool:
    """Remove a directory if it is empty; no symlink on the way to it is followed."""
    try:
        with Directory(root, directories[:-1], None) as above:
            return above.remove_empty(directories[-1])
    except OSError:
        return False  # gone, with what it is in


def _erase_batch(
    root: str,
    directories: list[str],
    names: list[str],
    erase: Callable[[Directory, str], None],
    *,
    durable: bool,
) -> None:
    try:
        with Directory(root, directories, None) as directory:
            for start in range(0, len(names), _LOCKED_AT_ONCE):
                directory.lock()
                try:
                    for name in names[start : start + _LOCKED_AT_ONCE]:
                        erase(directory, name)
                finally:
                    directory.unlock()
            if durable:
                directory.sync()
    except (FileNotFoundError, NotADirectoryError):
        return  # somebody else has deleted them all
