"""Keys, prefixes and patterns as they are written on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

from persidict.core.backend import StatLike
from persidict.core.base import PersiDict
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.mapping import closable

_WILDCARD = re.compile(r"[*?[]")
_CLASS = re.compile(r"\[(?P<negated>[!^]?)(?P<members>\]?[^\]]*)\]")


def parse_key(text: str) -> NonEmptySafeStrTuple:
    """Return the key that ``a/b/c`` stands for."""
    return NonEmptySafeStrTuple(text.split("/"))


def format_key(key: Sequence[str]) -> str:
    """Return a key as it is written on the command line."""
    return "/".join(key)


class Selection:
    """The items that a command works on: all, those at and below a key, or those of a pattern.

    Args:
        text: ``runs`` or ``runs/`` selects the item ``runs`` and all items below it.
            ``runs/*/loss`` is a pattern for complete keys: ``*``, ``?`` and ``[...]`` match within
            a component, ``**`` matches any number of components. None selects all items.

    Raises:
        ValueError: The text can't be a key or a pattern.
    """

    def __init__(self, text: str | None) -> None:
        self.text = text or ""
        parts = self.text.removesuffix("/").split("/") if text else []
        n_literal = next((n for n, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
        self.prefix = SafeStrTuple(parts[:n_literal])
        self._pattern = re.compile(_regex(parts)) if n_literal < len(parts) else None

    @property
    def is_pattern(self) -> bool:
        """Whether the text has wildcards."""
        return self._pattern is not None

    @property
    def is_everything(self) -> bool:
        """Whether all items of the store are selected."""
        return not self.text

    def scan(self, store: PersiDict[Any]) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        """Yield complete key and stat of the selected items; no value is read."""
        if self.prefix and self._pattern is None:
            key = NonEmptySafeStrTuple(self.prefix)
            with suppress(KeyError):  # it can be only a prefix of other keys
                yield key, store._stat(key)
        with closing(closable(store._scan(self.prefix))) as listing:
            for key, stat in listing:
                if self.matches(key):
                    yield key, stat

    def keys(self, store: PersiDict[Any]) -> Iterator[NonEmptySafeStrTuple]:
        """Yield the complete keys of the selected items."""
        if self.prefix and self._pattern is None and NonEmptySafeStrTuple(self.prefix) in store:
            yield NonEmptySafeStrTuple(self.prefix)
        with closing(closable(store._keys(self.prefix))) as listing:
            yield from filter(self.matches, listing)

    def matches(self, key: Sequence[str]) -> bool:
        """Tell whether a key below `prefix` is selected."""
        return self._pattern is None or self._pattern.fullmatch(format_key(key)) is not None


def _regex(parts: list[str]) -> str:
    """Translate a pattern into a regular expression for keys with slashes."""
    pieces = []
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if part == "**":
            pieces.append(".+" if is_last else "(?:[^/]+/)*")
        else:
            pieces.append(_component_regex(part) + ("" if is_last else "/"))
    return "".join(pieces)


def _component_regex(part: str) -> str:
    literal = _WILDCARD.sub("", _CLASS.sub("", part))
    if literal.strip("."):
        SafeStrTuple(literal)  # raises the error of a key for characters that no key has
    if not part:
        raise ValueError("a component of the pattern is empty: there are two slashes in a row")
    regex, at = "", 0
    while at < len(part):
        if match := _CLASS.match(part, at):
            negation = "^/" if match["negated"] else ""
            members = re.sub(r"([\\\[\]^])", r"\\\1", match["members"])
            regex += f"[{negation}{members}]"
            at = match.end()
            continue
        regex += {"*": "[^/]*", "?": "[^/]"}.get(part[at]) or re.escape(part[at])
        at += 1
    return regex
