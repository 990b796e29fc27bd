"""`MutableDictCached`: serves a cached value only if the main dict has no newer version."""

from __future__ import annotations

from typing import Any

from persidict.core.base import PersiDict
from persidict.core.blobs import BlobDict
from persidict.core.results import ValueType
from persidict.wrappers.paired_entries import PairedEntries
from persidict.wrappers.revalidating_cache import RevalidatingCache
from persidict.wrappers.wrapper import validate_distinct, validate_wrapped


class MutableDictCached(RevalidatingCache[ValueType]):
    """A cache in front of a dict that others may change: every read asks whether it is current.

    A read sends the ETag of the cached version to the main dict, which transfers the value only
    if it has another version. Listings carry ETags, so reading all values of a cached dict takes
    the listing alone. A write goes to the main dict first, then to the caches. Writes of many
    items at once (`update`, `set_many`) go to the main dict only; their values are cached when
    they are read.

    Args:
        main_dict: The dict that is cached.
        data_cache: Holds copies of values, quicker to reach.
        etag_cache: Holds strings: for each cached value, which version of the main dict it is.
        max_cached_items: How many values the data cache may hold; the least recently used ones
            are deleted. None: any number. Processes that share a cache may exceed it by an
            eighth each, and know each other's writes to it, not each other's reads.
        max_cached_bytes: How many bytes they may take; a larger value is not cached. It needs a
            data cache that stores bytes, such as a `FileDirDict`.

    Raises:
        TypeError: An argument is not a `PersiDict`, or a bound not an int.
        ValueError: One of the dicts is append-only, two are the same store, `etag_cache` rejects
            strings, a bound is not positive, or the data cache does not store bytes that
            `max_cached_bytes` could count.

    Notes:
        Any number of processes may share the caches. An entry of the ETag cache names the ETag
        that the *data cache* gave to the copy. So a copy never passes for another version, in
        whatever order processes write to the two caches, and wherever one of them dies.
        A cache that fails costs a read from the main dict and a message in the log
        ``persidict.wrappers``, never an error.

    Example:
        >>> from persidict import LocalDict
        >>> main = LocalDict()
        >>> d = MutableDictCached(main_dict=main, data_cache=LocalDict(), etag_cache=LocalDict())
        >>> d["a"] = 1
        >>> main["a"] = 2  # somebody else, without the cache
        >>> d["a"]
        2
    """

    def __init__(
        self,
        main_dict: PersiDict[ValueType],
        *,
        data_cache: PersiDict[ValueType],
        etag_cache: PersiDict[Any],
        max_cached_items: int | None = None,
        max_cached_bytes: int | None = None,
    ) -> None:
        dicts: dict[str, PersiDict[Any]] = {
            "main_dict": main_dict,
            "data_cache": data_cache,
            "etag_cache": etag_cache,
        }
        for name, one in dicts.items():
            validate_wrapped(name, one)
        for name, one in dicts.items():
            if one.append_only:
                raise ValueError(f"{name} can't be append-only")
        text_class = etag_cache.base_class_for_values
        if text_class is not None and not issubclass(str, text_class):
            raise ValueError(f"etag_cache must hold str, not {text_class.__qualname__}")
        validate_distinct(**dicts)
        if max_cached_bytes is not None and not isinstance(data_cache, BlobDict):
            raise ValueError(
                "max_cached_bytes needs a data_cache that stores bytes, such as a FileDirDict, "
                f"not a {type(data_cache).__name__}"
            )
        self._pair = PairedEntries(main_dict, data_cache, etag_cache)
        super().__init__(main_dict, self._pair, max_cached_items, max_cached_bytes)

    @property
    def main_dict(self) -> PersiDict[ValueType]:
        """The dict that is cached; a sub-dict's, its sub-dict."""
        return self._main_here()

    @property
    def data_cache(self) -> PersiDict[ValueType]:
        """The copies of values; a sub-dict's, its sub-dict."""
        return self._pair.data.here(self._prefix)

    @property
    def etag_cache(self) -> PersiDict[Any]:
        """The versions of the copies; a sub-dict's, its sub-dict."""
        return self._pair.etags.here(self._prefix)
