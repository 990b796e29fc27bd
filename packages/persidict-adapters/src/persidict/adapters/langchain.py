"""`LangChainStore`: a LangChain store in any dict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from persidict.adapters._frameworks import framework
from persidict.core import PersiDict
from persidict.core.text_keys import key_from_text, text_from_key

with framework("langchain_core", "langchain"):
    from langchain_core.stores import BaseStore


class LangChainStore(BaseStore[str, bytes]):
    """A LangChain store with any dict behind it, for embeddings, documents and messages.

    Keys may be any text. A key longer than 253 characters can't be listed by `yield_keys`.

    Args:
        wrapped: Where the values are kept.

    Raises:
        TypeError: `wrapped` is no `PersiDict`.

    Example:
        >>> from persidict import LocalDict
        >>> store = LangChainStore(LocalDict())
        >>> store.mset([("a/b", b"1")])
        >>> store.mget(["a/b", "c"]), list(store.yield_keys(prefix="a"))
        ([b'1', None], ['a/b'])
    """

    def __init__(self, wrapped: PersiDict[Any]) -> None:
        if not isinstance(wrapped, PersiDict):
            raise TypeError(f"wrapped must be a PersiDict, got {type(wrapped).__name__}")
        self.wrapped = wrapped

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values in the order of the keys, None for absent ones."""
        wanted = [key_from_text(key) for key in keys]
        found = dict(self.wrapped.get_many(wanted))
        return [found.get(key) for key in wanted]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Store several values."""
        self.wrapped.set_many((key_from_text(key), value) for key, value in key_value_pairs)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Delete the values that exist."""
        self.wrapped.discard_many(map(key_from_text, keys))

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """Yield the keys that start with `prefix`."""
        for key in self.wrapped:
            text = text_from_key(key)
            if text.startswith(prefix or ""):
                yield text
