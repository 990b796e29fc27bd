"""Paths of old versions of items in the temporary folder of a store."""

from __future__ import annotations

import itertools
import os

# Outside the alphabet of keys, so that no component has this name.
FOLDER_NAME = "+tmp"
_numbers = itertools.count()


def kept_path(root: str) -> str:
    """Return a path that nobody uses, for an old version of an item of the store in `root`."""
    return os.path.join(root, FOLDER_NAME, f"old-{os.urandom(8).hex()}{next(_numbers):x}")
