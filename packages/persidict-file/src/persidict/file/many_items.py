"""Operations on many items of a store: listing them, writing them in batches, deleting them all.

A store imports this module when it opens. An operation must not import anything: nothing can be
imported while the interpreter exits, nor by a signal handler that interrupts the same import.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from persidict.core.flags import AnyETagFlag, ItemNotAvailableFlag
from persidict.file.batches import Encoded, batches, write_batch
from persidict.file.erase import erase_names, is_removed, remove_lock_file
from persidict.file.folder import Folder
from persidict.file.paths import Layout
from persidict.file.scan import Found, directories_below, first_components, items_below, names_of


class ManyItems:
    """What a store does with many items at once.

    Args:
        folder: The temporary folder of the store.
        layout: Tells items from foreign files.
        durable: Whether changes are flushed.
    """

    def __init__(self, folder: Folder, layout: Layout, *, durable: bool) -> None:
        self._folder, self._layout, self._durable = folder, layout, durable

    def below(self, path: str, prefix: tuple[str, ...]) -> Iterator[Found]:
        """List the items' files below a directory, which stands for a prefix of keys."""
        return items_below(path, prefix, self._layout)

    def first_components(self, path: str) -> list[str]:
        """Return the components directly below a directory that begin the keys of items."""
        return first_components(path, self._layout)

    def write(
        self,
        items: Iterable[tuple[list[str], list[bytes]]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
        *,
        stop: bool,
    ) -> Iterator[bool]:
        """Write items with a few flushes for many of them; yield for each whether it was written.

        Args:
            items: The names that lead to an item's file, and its content in pieces.
            expected: Whether items may be replaced.
            stop: End at the first item that exists and may not be replaced.
        """
        for batch in batches(Encoded(names, pieces) for names, pieces in items):
            self._folder.prepare(expected)
            yield from write_batch(batch, expected, self._folder, stop=stop)

    def clear(self, directories: list[str], found: Iterator[Found]) -> None:
        """Delete all files of a listing, and the directories of items that are empty then.

        Without digests in the names, these are the directories of the files that it has deleted.

        Args:
            directories: Those that lead to the listed directory.
            found: What `below` yields for it.
        """
        folder = self._folder
        start = len(os.path.join(folder.root, ""))
        erase_names(folder, names_of(start, found), durable=self._durable)
        if self._layout.has_digests:  # otherwise they may be somebody else's, such as git's
            for path in directories_below(os.path.join(folder.root, *directories), self._layout):
                is_removed(folder, os.path.relpath(path, folder.root).split(os.sep))
        remove_lock_file(folder, directories)
