"""Find out which value formats a place has items of."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from persidict.core.base import PersiDict

# The formats to look for where the names of files can't be sampled.
_USUAL_FORMATS = ("pkl", "json", "txt")
_MAX_SAMPLE = 2000
_MAX_CANDIDATES = 5


def formats_present(directory: str | None, open_as: Callable[[str], PersiDict[Any]]) -> list[str]:
    """Return the formats that have items.

    Args:
        directory: The store's directory, None if it has none.
        open_as: Opens the store in a format.
    """
    if directory is None:
        # Each look may list the whole bucket, so the first find ends it.
        return [name for name in _USUAL_FORMATS if open_as(name)][:1]
    extensions = Counter(_extensions(directory))
    candidates = [name for name, _ in extensions.most_common(_MAX_CANDIDATES)]
    return [name for name in candidates if open_as(name)]


def _extensions(directory: str) -> Iterator[str]:
    """Yield the extensions of a sample of the files in a directory."""
    left = _MAX_SAMPLE
    waiting = [directory]
    while waiting and left > 0:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                left -= 1
                if left < 0:
                    return
                if entry.name.startswith("+"):
                    continue  # a directory of the store's own
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif "." in entry.name:
                    yield entry.name.rpartition(".")[2]
