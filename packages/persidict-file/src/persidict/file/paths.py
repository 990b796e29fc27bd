"""How keys become paths and paths become keys again.

``_`` and the start of its digest follow each component, so that components that differ only in case
have different names. ``.`` and the format follow the last one. Two marks, which keys can't contain,
cover the other cases:

* A directory whose name ends like a file (``a.pkl``, without digests) gets a ``+``.
* A component too long for one file name has its first 150 characters in a directory of its
  own, whose name ends with a ``,``.
"""

from __future__ import annotations

import os
import re
from functools import cache, lru_cache

from persidict.core.key_components import is_component
from persidict.file.name_check import NameCheck, md5

_ESCAPED = "+"
_CONTINUED = ","
# Every component that needs splitting is longer, also with 26 + 50 characters of digest and format.
_HEAD = 150
# Bytes that a name can have on all common file systems; components are ASCII.
_MAX_NAME = 255
MAX_FORMAT_LENGTH = 50
# Characters of an MD5 in base32.
MAX_DIGEST_LEN = 26
# Base32 (RFC 4648) in lower case, two characters at a time.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class Layout:
    """Names of one format and digest length.

    Args:
        serialization_format: The extension of the files.
        digest_len: How many characters of its digest follow a component; 0: none. There are no
            more than `MAX_DIGEST_LEN`.

    Attributes:
        has_digests: Whether names tell the directories of items from those of other programs.
    """

    def __init__(self, serialization_format: str, digest_len: int) -> None:
        digest_len = min(digest_len, MAX_DIGEST_LEN)
        self.suffix = "." + serialization_format
        self._digest_len = digest_len
        self.has_digests = digest_len > 0
        self._tail = digest_len + 1 if digest_len else 0
        self._pairs = _pairs()
        digest = f"_[a-z2-7]{{{digest_len}}}" if digest_len else ""
        self._is_like_the_end_of_a_file = re.compile(
            f"[^/]*{digest}{re.escape(self.suffix)}"
        ).fullmatch
        self._check = NameCheck(self.suffix, digest_len, self._stem)
        self._directory_path = lru_cache(maxsize=4096)(self._uncached_directory_path)
        self._file_path = lru_cache(maxsize=4096)(self._uncached_file_path)
        self.directory_component = lru_cache(maxsize=4096)(self._directory_component)

    def directory(self, components: tuple[str, ...]) -> str:
        """Return the path of what is below the components: a separator before each name."""
        return "".join(map(self._directory_path, components))

    def file(self, key: tuple[str, ...]) -> str:
        """Return the path of a key's file: a separator before each name."""
        if len(key) == 1:
            return self._file_path(key[0])
        return "".join([*map(self._directory_path, key[:-1]), self._file_path(key[-1])])

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
        ours = self._check.items(names)
        if len(ours) == len(names):
            return found
        good = set(ours)
        return [entry for entry in found if entry.name in good]

    def is_item(self, name: str) -> bool:
        """Tell whether a file's name stands for a whole component."""
        component = name[: -self._tail - len(self.suffix)]
        return bool(is_component(component)) and self._file_path(component) == os.sep + name

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

    def _ends(self, head: str, name: str) -> bool:
        """Tell whether a file's name is the end of one that had to be split after the head."""
        # The same component has one name only: split if and only if it had to be.
        if not self._is_like_the_end_of_a_file(name) or len(head) + len(name) <= _MAX_NAME:
            return False
        component = head + name[: -self._tail - len(self.suffix)]
        whole = self._stem(component) + self.suffix
        return bool(is_component(component)) and whole == head + name

    def _directory_component(self, head: str, name: str) -> str | None:
        """Return the component that a directory's name ends, or None if it is none of ours."""
        stem = name.removesuffix(_ESCAPED)
        if (stem != name) is not stem.lower().endswith(self.suffix.lower()):
            return None
        full = head + stem
        if bool(head) is not (len(full) + len(_ESCAPED) > _MAX_NAME):
            return None
        component = full[: -self._tail] if self._tail else full
        if is_component(component) and self._stem(component) == full:
            return component
        return None

    def _uncached_directory_path(self, component: str) -> str:
        stem = self._stem(component)
        path = os.sep + stem
        if len(stem) + len(_ESCAPED) > _MAX_NAME:
            path = f"{os.sep}{component[:_HEAD]}{_CONTINUED}{os.sep}{stem[_HEAD:]}"
        # Without regard to case, since some file systems have none.
        return path + _ESCAPED if stem.lower().endswith(self.suffix.lower()) else path

    def _uncached_file_path(self, component: str) -> str:
        name = self._stem(component) + self.suffix
        if len(name) > _MAX_NAME:
            return f"{os.sep}{component[:_HEAD]}{_CONTINUED}{os.sep}{name[_HEAD:]}"
        return os.sep + name

    def _stem(self, component: str) -> str:
        """Return a component with the first characters of its MD5 in base32, if any."""
        length = self._digest_len
        if not length:
            return component
        data: bytes = md5(component.encode()).digest()
        pairs = self._pairs
        if length == 4:  # the usual one: twenty bits
            first, second, third = data[:3]
            start, end = pairs[first << 2 | second >> 6], pairs[(second & 63) << 4 | third >> 4]
            return f"{component}_{start}{end}"
        bits = int.from_bytes(data, "big") << 2
        digest = "".join(
            [pairs[bits >> shift & 1023] for shift in range(120, 120 - 5 * length, -10)]
        )
        return f"{component}_{digest[:length]}"


@cache
def _pairs() -> list[str]:
    """Return all pairs of two characters of the alphabet, in order."""
    return [one + two for one in _ALPHABET for two in _ALPHABET]
