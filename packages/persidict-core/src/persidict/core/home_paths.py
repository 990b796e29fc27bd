"""Paths that begin with the user's home directory."""

import os


def expand_home(path: str) -> str:
    """Return a path with ``~`` at its start replaced by the home directory.

    Raises:
        ValueError: The user has no home directory, as in some containers.
    """
    expanded = os.path.expanduser(path)
    if expanded == path and path[:1] == "~" and path[1:2] in ("", "/", os.sep):
        raise ValueError(
            f"{path!r} is in the home directory, but this user has none: set HOME or pass an "
            "absolute path"
        )
    return expanded
