"""Paths of old versions of items in the temporary folder of a store."""

from __future__ import annotations

import itertools
import os

from persidict.file.system_errors import raise_foreign

# Outside the alphabet of keys, so that no component has this name.
FOLDER_NAME = "+tmp"
_numbers = itertools.count()


def kept_path(root: str) -> str:
    """Return a path that nobody uses, for an old version of an item of the store in `root`."""
    return os.path.join(root, FOLDER_NAME, f"old-{os.urandom(8).hex()}{next(_numbers):x}")


def delete_kept(path: str) -> None:
    """Delete a file in the temporary folder; if the system refuses, a later write does it."""
    try:
        os.unlink(path)
    except OSError as error:
        raise_foreign(error)
