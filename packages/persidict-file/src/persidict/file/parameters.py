"""Validation of the constructor's parameters."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from persidict.core.keys import shown_key
from persidict.core.log import info
from persidict.file.paths import MAX_FORMAT_LENGTH
from persidict.file.windows import unparsed

# Bytes that the path of a file can have (PATH_MAX without the final zero).
MAX_PATH = {"win32": 32767, "darwin": 1023}.get(sys.platform, 4095)


DEFAULT_BASE_DIR = "__file_dir_dict__"


def validate_parameters(serialization_format: str, digest_len: object, dir_mode: object) -> None:
    """Raise ``TypeError`` or ``ValueError`` for parameters that no store can have."""
    _validate_format_length(serialization_format)
    _validate_digest_len(digest_len)
    _validate_dir_mode(dir_mode)


def _validate_format_length(serialization_format: str) -> None:
    """Raise for a format that is too long for file names."""
    if len(serialization_format) > MAX_FORMAT_LENGTH:
        raise ValueError(
            f"serialization_format has {len(serialization_format)} characters; "
            f"file names have room for {MAX_FORMAT_LENGTH}"
        )


def _validate_digest_len(digest_len: object) -> None:
    """Raise for an invalid digest length."""
    if not isinstance(digest_len, int) or isinstance(digest_len, bool):
        raise TypeError(f"digest_len must be an int, got {type(digest_len).__name__}")
    if digest_len < 0:
        raise ValueError(f"digest_len must not be negative, got {digest_len}")


def _validate_dir_mode(dir_mode: object) -> None:
    """Raise for an invalid mode, or one with which the owner could not use the store."""
    if not isinstance(dir_mode, int) or isinstance(dir_mode, bool):
        raise TypeError(f"dir_mode must be an int, got {dir_mode!r:.100}")
    if not 0 <= dir_mode <= 0o7777:
        raise ValueError(f"dir_mode must be permission bits such as 0o700, got {dir_mode}")
    if dir_mode & 0o700 != 0o700:  # such as 755, where 0o755 was meant
        raise ValueError(
            f"dir_mode must give the owner all rights, as 0o700 does, got {dir_mode:#o}; "
            "octal numbers begin with 0o"
        )


def validated_root(base_dir: str | os.PathLike[str]) -> str:
    """Return the absolute path of a base directory, or raise an error that says what is wrong."""
    if not isinstance(base_dir, (str, bytes, os.PathLike)):
        raise TypeError(f"base_dir must be a path, got {type(base_dir).__name__}")
    path = os.fspath(base_dir)
    if not isinstance(path, str) or not path or "\0" in path or not _has_bytes(path):
        raise ValueError(f"base_dir must be the path of a directory, got {base_dir!r:.500}")
    if "://" in path:
        raise ValueError(
            "base_dir must be the path of a directory, got a URL; open_store() opens stores by URL"
        )
    from persidict.core._opening.travel import is_arriving
    from persidict.core.home_paths import expand_home

    path = os.path.abspath(expand_home(path))
    if base_dir == DEFAULT_BASE_DIR:
        info("persidict.file", "no base_dir was given, so the items are in %s", path)
    # An unpickled handle touches no file: its first operation fails instead.
    if not is_arriving() and os.path.exists(path) and not os.path.isdir(path):
        raise ValueError(f"base_dir {path} is no directory")
    return unparsed(path) if os.name == "nt" else path


def _has_bytes(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False  # the system can't be asked for it
    return True


def refuse_path(path: str, key: Sequence[str]) -> NoReturn:
    """Raise for the path of an item that is too long for the system."""
    size = len(os.fsencode(path))
    raise ValueError(f"the path of {shown_key(key)} has {size} bytes; the system allows {MAX_PATH}")
