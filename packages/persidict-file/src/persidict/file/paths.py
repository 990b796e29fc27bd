"""How keys become paths and paths become keys again.

A component is followed by ``_`` and the start of its digest, which keeps components apart that
differ only in case; the last one is followed by ``.`` and the format. Two marks from outside
the alphabet of keys cover what would not fit into that:

* A directory whose name ends like a file (``a.pkl``, without digests) gets a ``+``.
* A component too long for one file name has its first 150 characters in a directory of its
  own, whose name ends with a ``,``.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache, partial

from persidict.core.key_components import (
    COMPONENT_PATTERN,
    MAX_COMPONENT_LENGTH,
    get_safe_chars,
    is_component,
)

try:
    # What hashlib uses without OpenSSL: half the time for a few bytes, and there are many.
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    import hashlib

    # A fingerprint against collisions of case, nothing to do with security.
    md5 = partial(hashlib.md5, usedforsecurity=False)

_ESCAPED = "+"
_CONTINUED = ","
# Every component that needs splitting is longer, also with 26 + 50 characters of digest and format.
_HEAD = 150
# Bytes that a name can have on all common file systems; components are ASCII.
_MAX_NAME = 255
MAX_FORMAT_LENGTH = 50
# Bytes of names that were checked: of some 200,000 items.
_MOST_CHECKED = 4_000_000

_SAFE_BYTES = "".join([*get_safe_chars(), "/"]).encode()
# Base32 (RFC 4648) in lower case, two characters at a time.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + two for one in _ALPHABET for two in _ALPHABET]
# The digits that `int` takes for base 32.
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")


class Layout:
    """Names of one format and digest length.

    Args:
        serialization_format: The extension of the files.
        digest_len: How many characters of its digest follow a component; 0: none.
    """

    def __init__(self, serialization_format: str, digest_len: int) -> None:
        self.suffix = "." + serialization_format
        self._digest_len = digest_len
        self._tail = digest_len + 1 if digest_len else 0
        digest = f"_[a-z2-7]{{{digest_len}}}" if digest_len else ""
        ending = digest + re.escape(self.suffix)
        # Of "..", only the part before the digest counts.
        self._is_like_a_file = re.compile(
            rf"(?!\.\.?{ending}\Z){COMPONENT_PATTERN}{ending}"
        ).fullmatch
        self._is_like_the_end_of_a_file = re.compile(f"[^/]*{ending}").fullmatch
        # Names of files that follow each other in a listing, joined, and were found to be ours.
        self._checked: set[str] = set()
        self._checked_size = 0
        self.directory_names = lru_cache(maxsize=4096)(self._directory_names)
        self.directory_component = lru_cache(maxsize=4096)(self._directory_component)
        self.file_names = lru_cache(maxsize=4096)(self._file_names)

    def directories(self, components: tuple[str, ...]) -> list[str]:
        """Return the names of the directories that lead to what is below the components."""
        return [name for part in components for name in self.directory_names(part)]

    def path(self, key: tuple[str, ...]) -> list[str]:
        """Return the names that lead to a key's file, the file's last."""
        if len(key) == 1:
            return list(self.file_names(key[0]))
        return [*self.directories(key[:-1]), *self.file_names(key[-1])]

    def files(self, head: str, files: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
        """Return the files whose names stand for components: foreign ones are left out.

        Args:
            head: The start of the components, from the name of the directory.
            files: Any number; many together cost a third of one by one.
        """
        if head:
            return [entry for entry in files if self._ends(head, entry.name)]
        suffix = self.suffix
        found = [entry for entry in files if entry.name.endswith(suffix)]
        names = [entry.name for entry in found]
        text = "/".join(names)
        if text in self._checked:  # most are, in a listing of what has not changed since another
            return found
        ours = self._ours(names)
        if len(ours) == len(names):
            self._remember(text)
            return found
        good = set(ours)
        return [entry for entry in found if entry.name in good]

    def components(self, head: str, files: list[os.DirEntry[str]]) -> list[str]:
        """Return the components that files stand for."""
        end = -self._tail - len(self.suffix)
        if head:
            return [head + entry.name[:end] for entry in files]
        return [entry.name[:end] for entry in files]

    @staticmethod
    def continued(name: str) -> str | None:
        """Return the start of a component if that is what a directory's name stands for."""
        return name[:-1] if name.endswith(_CONTINUED) and len(name) == _HEAD + 1 else None

    def _remember(self, text: str) -> None:
        if self._checked_size > _MOST_CHECKED:
            self._checked, self._checked_size = set(), 0
        self._checked.add(text)
        self._checked_size += len(text)

    def _ours(self, names: list[str]) -> list[str]:
        """Return those of names with the suffix that are components and their digests before it."""
        if not self._are_like_files(names):
            names = [name for name in names if self._is_like_a_file(name)]
        length = self._digest_len
        if not length:
            return names
        start, end = -self._tail - len(self.suffix), -len(self.suffix)
        components = [name[:start] for name in names]
        tails = [name[start:end] for name in names]
        if _are_digests(tails, components, length):
            return names
        pairs = zip(names, components, strict=True)
        return [name for name, component in pairs if self._stem(component) + self.suffix == name]

    def _are_like_files(self, names: list[str]) -> bool:
        """Tell whether all names, which have the suffix, surely match what each of them must.

        By a few calls for all. False says nothing.
        """
        text = "/".join(["", *names, ""])
        after = "_" if self._tail else self.suffix + "/"
        longest = MAX_COMPONENT_LENGTH + self._tail + len(self.suffix)
        return (
            text.isascii()
            and not text.encode().translate(None, _SAFE_BYTES)
            and text.count("/") == len(names) + 1
            and len(max(names, key=len, default="")) <= longest
            and not any(f"/{dots}{after}" in text for dots in ("", ".", ".."))
        )

    def _ends(self, head: str, name: str) -> bool:
        """Tell whether a file's name is the end of one that had to be split after the head."""
        # The same component has one name only: split if and only if it had to be.
        if not self._is_like_the_end_of_a_file(name) or len(head) + len(name) <= _MAX_NAME:
            return False
        component = head + name[: -self._tail - len(self.suffix)]
        return bool(is_component(component)) and self._stem(component) + self.suffix == head + name

    def _directory_component(self, head: str, name: str) -> str | None:
        """Return the component that a directory's name ends, or None if it is none of ours."""
        stem = name.removesuffix(_ESCAPED)
        if (stem != name) is not self._looks_like_a_file(stem):
            return None
        full = head + stem
        if bool(head) is not (len(full) + len(_ESCAPED) > _MAX_NAME):
            return None
        component = full[: -self._tail] if self._tail else full
        return component if is_component(component) and self._stem(component) == full else None

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
        return f"{component}_{_digest(component, length)}" if length else component


def unparsed(path: str) -> str:
    r"""Return an absolute Windows path in the form that the system takes as it is.

    Otherwise it would take ``CON.pkl`` for a device, drop a final dot, and end at 260 characters.

    Raises:
        ValueError: It leads to a device.

    Example:
        >>> print(unparsed(r"C:\data"), unparsed(r"\\server\share\data"))
        \\?\C:\data \\?\UNC\server\share\data
    """
    if path.startswith("\\\\.\\"):
        raise ValueError(f"base_dir must be the path of a directory, got the device {path}")
    if path.startswith("\\\\?\\"):
        return path
    if path.startswith("\\\\"):
        return "\\\\?\\UNC" + path[1:]
    return "\\\\?\\" + path


def _digest(component: str, length: int) -> str:
    """Return the first characters of a component's MD5 in base32."""
    data: bytes = md5(component.encode()).digest()
    if length == 4:  # the usual one: twenty bits
        first, second, third = data[:3]
        return _PAIRS[first << 2 | second >> 6] + _PAIRS[(second & 63) << 4 | third >> 4]
    bits = int.from_bytes(data, "big") << 2
    pairs = [_PAIRS[bits >> shift & 1023] for shift in range(120, 120 - 5 * length, -10)]
    return "".join(pairs)[:length]


def _are_digests(tails: list[str], components: list[str], length: int) -> bool:
    """Tell whether each tail is an underscore and the digest of its component."""
    if length % 4 or not components:
        return tails == [f"_{_digest(component, length)}" for component in components]
    # Four characters are five hexadecimal digits: two numbers are compared, instead of as many
    # strings as there are components.
    text, count, digits = "".join(tails), len(components), length // 4 * 5
    base32 = text.replace("_", "")
    if len(base32) != length * count or text[:: length + 1] != "_" * count:
        return False
    if base32.encode().translate(None, _ALPHABET.encode()):
        return False
    hashes = map(md5, "/".join(components).encode().split(b"/"))
    every = b"".join([one.digest() for one in hashes]).hex().encode()
    base16 = bytearray(digits * count)
    for place in range(digits):
        base16[place::digits] = every[place::32]
    return int(base16, 16) == int(base32.translate(_DIGITS), 32)
