"""`RequestsCacheBackend`: a backend of requests-cache in any dict.

Pass it to a session: ``CachedSession(backend=RequestsCacheBackend(FileDirDict("http")))``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from persidict.adapters._frameworks import framework
from persidict.core import PersiDict
from persidict.core.text_keys import key_from_text, text_from_key

with framework("requests_cache", "requests_cache"):
    from requests_cache.backends.base import BaseCache, BaseStorage


class RequestsCacheBackend(BaseCache):
    """Responses and redirects of requests-cache, in two sub-dicts of one dict.

    Args:
        wrapped: Where they are kept.
        cache_name: The name of the cache; another name is another cache in the same dict.
        **kwargs: What requests-cache gives its backends.

    Raises:
        TypeError: `wrapped` is no `PersiDict`.

    Example:
        >>> from persidict import LocalDict
        >>> RequestsCacheBackend(LocalDict()).responses["key"] = b"answer"
    """

    def __init__(
        self, wrapped: PersiDict[Any], cache_name: str = "http_cache", **kwargs: Any
    ) -> None:
        super().__init__(cache_name=cache_name, **kwargs)
        if not isinstance(wrapped, PersiDict):
            raise TypeError(f"wrapped must be a PersiDict, got {type(wrapped).__name__}")
        below = wrapped.get_subdict(key_from_text(cache_name))
        self.responses = RequestsCacheTable(below.get_subdict("responses"), **kwargs)
        self.redirects = RequestsCacheTable(below.get_subdict("redirects"), **kwargs)


class RequestsCacheTable(BaseStorage[str, Any]):
    """One table of requests-cache in a dict; keys may be any text."""

    def __init__(
        self, wrapped: PersiDict[Any], *, serializer: Any = "pickle", **kwargs: Any
    ) -> None:
        super().__init__(serializer=serializer, **kwargs)
        self.wrapped = wrapped

    def __getitem__(self, key: str) -> Any:
        return self.deserialize(key, self.wrapped[key_from_text(key)])

    def __setitem__(self, key: str, value: Any) -> None:
        self.wrapped[key_from_text(key)] = self.serialize(value)

    def __delitem__(self, key: str) -> None:
        del self.wrapped[key_from_text(key)]

    def __iter__(self) -> Iterator[str]:
        return map(text_from_key, self.wrapped)

    def __len__(self) -> int:
        return len(self.wrapped)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key_from_text(key) in self.wrapped

    def bulk_delete(self, keys: Iterable[str]) -> None:
        """Delete those keys that exist."""
        self.wrapped.discard_many(map(key_from_text, keys))

    def clear(self) -> None:
        """Delete all keys."""
        self.wrapped.clear()
