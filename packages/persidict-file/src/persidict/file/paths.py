"""How keys become paths and paths become keys again.

A component is followed by ``_`` and the start of its digest, which keeps components apart that
differ only in case; the last one is followed by ``.`` and the format. Two marks from outside
the alphabet of keys cover what would not fit into that:

* A directory whose name ends like a file (``a.pkl``, without digests) gets a ``+``.
* A component too long for one file name has its first 150 characters in a directory of its
  own, whose name ends with a ``,``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from persidict.core.keys import COMPONENT_PATTERN, is_component

try:
    # What hashlib uses without OpenSSL: half the time for a few bytes, and there are many.
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    from hashlib import md5

_ESCAPED = "+"
_CONTINUED = ","
# Every component that needs splitting is longer, also with 26 + 50 characters of digest and format.
_HEAD = 150
_DOTS = (".", "..")
# Bytes that a name can have on all common file systems; components are ASCII.
_MAX_NAME = 255
MAX_FORMAT_LENGTH = 50

# Base32 (RFC 4648) in lower case, two characters at a time.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + two for one in _ALPHABET for two in _ALPHABET]


class Layout:
    """Names of one format and digest length.

    Args:
        serialization_format: The extension of the files.
        digest_len: How many characters of its digest follow a component; 0: none.
    """

    def __init__(self, serialization_format: str, digest_len: int) -> None:
        self.suffix = "." + serialization_format
        self._digest_len = digest_len
        digest = f"_([a-z2-7]{{{digest_len}}})" if digest_len else "()"
        ending = digest + re.escape(self.suffix)
        self._file_name = re.compile(COMPONENT_PATTERN + ending).fullmatch
        self._file_tail = re.compile("([^/]*)" + ending).fullmatch
        self.directory_names = lru_cache(maxsize=4096)(self._directory_names)
        self.file_names = lru_cache(maxsize=4096)(self._file_names)

    def directories(self, components: tuple[str, ...]) -> list[str]:
        """Return the names of the directories that lead to what is below the components."""
        return [name for part in components for name in self.directory_names(part)]

    def path(self, key: tuple[str, ...]) -> list[str]:
        """Return the names that lead to a key's file, the file's last."""
        if len(key) == 1:
            return list(self.file_names(key[0]))
        return [*self.directories(key[:-1]), *self.file_names(key[-1])]

    def file_component(self, head: str, name: str) -> str | None:
        """Return the component that a file's name ends, or None if it is none of ours."""
        if head:
            match = self._file_tail(name)
            # The same component has one name only: split if and only if it had to be.
            if match is None or len(head) + len(name) <= _MAX_NAME:
                return None
            component = head + match[1]
            return component if self._stem(component) + self.suffix == head + name else None
        match = self._file_name(name)
        if match is None:
            return None
        component, digest = match.groups()
        length = self._digest_len
        if length and _digest(component, length) != digest:
            return None
        return component if component not in _DOTS else None

    def directory_component(self, head: str, name: str) -> str | None:
        """Return the component that a directory's name ends, or None if it is none of ours."""
        stem = name.removesuffix(_ESCAPED)
        if (stem != name) is not self._looks_like_a_file(stem):
            return None
        full = head + stem
        if bool(head) is not (len(full) + len(_ESCAPED) > _MAX_NAME):
            return None
        component = full[: -self._digest_len - 1] if self._digest_len else full
        return component if component and self._stem(component) == full else None

    @staticmethod
    def continued(name: str) -> str | None:
        """Return the start of a component if that is what a directory's name stands for."""
        return name[:-1] if name.endswith(_CONTINUED) and len(name) == _HEAD + 1 else None

    def _directory_names(self, component: str) -> tuple[str, ...]:
        stem = self._stem(component)
        if len(stem) + len(_ESCAPED) > _MAX_NAME:
            return component[:_HEAD] + _CONTINUED, self._as_directory(stem[_HEAD:])
        return (self._as_directory(stem),)

    def _file_names(self, component: str) -> tuple[str, ...]:
        name = self._stem(component) + self.suffix
        if len(name) > _MAX_NAME:
            return component[:_HEAD] + _CONTINUED, name[_HEAD:]
        return (name,)

    def _as_directory(self, stem: str) -> str:
        return stem + _ESCAPED if self._looks_like_a_file(stem) else stem

    def _looks_like_a_file(self, stem: str) -> bool:
        # Without regard to case, since some file systems have none.
        return stem.lower().endswith(self.suffix.lower())

    def _stem(self, component: str) -> str:
        length = self._digest_len
        if not is_component(component):
            return ""
        return f"{component}_{_digest(component, length)}" if length else component


def _digest(component: str, length: int) -> str:
    """Return the first characters of a component's MD5 in base32.

    A fingerprint against collisions of case, nothing to do with security.
    """
    data: bytes = md5(component.encode(), usedforsecurity=False).digest()
    if length == 4:  # the usual one: twenty bits
        first, second, third = data[:3]
        return _PAIRS[first << 2 | second >> 6] + _PAIRS[(second & 63) << 4 | third >> 4]
    bits = int.from_bytes(data, "big") << 2
    pairs = [_PAIRS[bits >> shift & 1023] for shift in range(120, 120 - 5 * length, -10)]
    return "".join(pairs)[:length]
