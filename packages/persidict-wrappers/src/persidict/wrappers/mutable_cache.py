"""`MutableDictCached`: values are kept nearby and served only if the main dict has no newer one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, NamedTuple, cast

from persidict.core.backend import Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.blobs import BlobDict
from persidict.core.flags import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    VALUE_NOT_RETRIEVED,
    AnyETagFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagIfExists, ETagValue, ValueType
from persidict.wrappers.lru import Recency
from persidict.wrappers.wrapper import Answers, WrapperDict, batches, inner, require_distinct

_LOG = logging.getLogger("persidict.wrappers")
_MISSING: Any = object()
# Keys looked up at a time when many values are read, and forgotten at a time when many go: as
# many as a main dict on S3 deletes with a few requests at once.
_READ_AT_ONCE = 256
_ERASED_AT_ONCE = 8000


class _Certificate(NamedTuple):
    """Says that the entry of the data cache with one ETag is the main dict's version of another."""

    of_main: ETagValue
    of_data: ETagValue

    def text(self) -> str:
        return f"{len(self.of_main)}:{self.of_main}{self.of_data}"

    @classmethod
    def from_text(cls, text: Any) -> _Certificate | None:
        """Read it back; None if it is something else."""
        if not isinstance(text, str):
            return None
        length, _, etags = text.partition(":")
        if not (length.isascii() and length.isdigit()) or len(etags) <= int(length[:9]):
            return None
        return cls(ETagValue(etags[: int(length)]), ETagValue(etags[int(length) :]))


class MutableDictCached(WrapperDict[ValueType]):
    """A cache in front of a dict that others may change: every read asks whether it is current.

    The main dict is asked with the ETag of the cached version, and transfers the value only if
    it has another one; a listing carries the ETags, so that reading all values of a cached dict
    takes the listing alone. Writes go to the main dict first, then to the caches; those of many
    items at once (`update`, `set_many`) go to the main dict only and are cached when read.

    Args:
        main_dict: The dict that is cached.
        data_cache: Holds copies of values, quicker to reach.
        etag_cache: Holds strings: for each cached value, which version of the main dict it is.
        max_cached_items: How many values the data cache may hold; those that were not used for
            longest make room. None: all. Processes that share a cache may exceed it by an
            eighth each, and know each other's writes to it, not each other's reads.
        max_cached_bytes: How many bytes they may take, likewise; a larger value is not kept. It
            needs a data cache that stores bytes, such as a `FileDirDict`.

    Raises:
        TypeError: An argument is no `PersiDict`, or a bound no int.
        ValueError: One of the dicts is append-only, two are the same store, `etag_cache` refuses
            strings, a bound is not positive, or the data cache does not store bytes that
            `max_cached_bytes` could count.

    Notes:
        Any number of processes may share the caches. An entry of the ETag cache names the ETag
        that the *data cache* gave to the value it is about. So a value is never taken for
        another version, in whatever order writers get to the two caches, and wherever one dies.
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
        *,
        main_dict: PersiDict[ValueType],
        data_cache: PersiDict[ValueType],
        etag_cache: PersiDict[Any],
        max_cached_items: int | None = None,
        max_cached_bytes: int | None = None,
    ) -> None:
        inners = {
            "main_dict": inner("main_dict", main_dict),
            "data_cache": inner("data_cache", data_cache),
            "etag_cache": inner("etag_cache", etag_cache),
        }
        for name, one in inners.items():
            if one.wrapped.append_only:
                raise ValueError(f"{name} can't be append-only")
        text_class = etag_cache.base_class_for_values
        if text_class is not None and not issubclass(str, text_class):
            raise ValueError(f"etag_cache must hold str, not {text_class.__qualname__}")
        require_distinct(**inners)
        super().__init__(inners["main_dict"])
        self._data = inners["data_cache"]
        self._etags = inners["etag_cache"]
        if max_cached_bytes is not None and not isinstance(data_cache, BlobDict):
            raise ValueError(
                "max_cached_bytes needs a data_cache that stores bytes, such as a FileDirDict, "
                f"not a {type(data_cache).__name__}"
            )
        bounds = (max_cached_items, max_cached_bytes)
        self._recency = None if bounds == (None, None) else Recency(*bounds)

    @property
    def main_dict(self) -> PersiDict[ValueType]:
        """The dict that is cached; a sub-dict's, its sub-dict."""
        return self._main.at(self._prefix)

    @property
    def data_cache(self) -> PersiDict[ValueType]:
        """The copies of values; a sub-dict's, its sub-dict."""
        return self._data.at(self._prefix)

    @property
    def etag_cache(self) -> PersiDict[Any]:
        """What certifies the copies; a sub-dict's, its sub-dict."""
        return self._etags.at(self._prefix)

    @property
    def max_cached_items(self) -> int | None:
        """How many values the data cache may hold."""
        return None if self._recency is None else self._recency.max_items

    @property
    def max_cached_bytes(self) -> int | None:
        """How many bytes they may take."""
        return None if self._recency is None else self._recency.max_bytes

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        try:
            return self._main.stat(key)
        except KeyError:
            self._forget(key)
            raise

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        cached: Any = VALUE_NOT_RETRIEVED
        ask_with = known
        certificate = self._certificate(key)
        if certificate is not None and certificate.of_main != known:
            # Before main is asked, so that its "unchanged" is about a value that is at hand.
            found = self._cached(key, certificate)
            if found is not _MISSING:
                cached, ask_with = found, certificate.of_main
        try:
            value, stat = self._main.load(key, ask_with)
        except KeyError:
            self._forget(key)
            raise
        if value is VALUE_NOT_RETRIEVED:
            return cached, stat
        self._fill(key, value, stat)
        return (VALUE_NOT_RETRIEVED if stat.etag == known else value), stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        stat = self._main.store(key, value, expected)
        self._fill(key, value, stat)
        return stat

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        try:
            self._main.erase(key, expected)
        except KeyError:
            self._forget(key)
            raise
        self._forget(key)

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        for batch in batches(keys, _ERASED_AT_ONCE):
            self._main.erase_many(batch)
            for cache in (self._etags, self._data):
                try:
                    cache.erase_many(batch)
                except Exception as error:  # noqa: BLE001  # what stays there is not served anyway
                    _LOG.warning("cache entries can't be deleted: %r", error)

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        for batch in batches(wanted, _READ_AT_ONCE):
            certificates = [self._certificate(key, stat) for key, stat in batch]
            with closing(self._ask(batch, certificates)) as answers:
                for (key, stat), certificate in zip(batch, certificates, strict=True):
                    found: tuple[Any, StatLike] | None
                    if stat is not None and certificate is not None:
                        found = (self._cached(key, certificate), stat)
                    else:
                        found = answers.of(key)
                        if found is None:
                            self._forget(key)
                        elif found[0] is not VALUE_NOT_RETRIEVED:
                            self._fill(key, *found)
                        elif certificate is not None:
                            found = (self._cached(key, certificate), found[1])
                    if found is not None and found[0] is _MISSING:
                        found = self._asked_alone(key)
                    if found is not None:
                        yield key, *found

    def _ask(
        self,
        batch: list[tuple[NonEmptySafeStrTuple, StatLike | None]],
        certificates: list[_Certificate | None],
    ) -> Answers[Any]:
        """Ask main for what the listing, if there was one, doesn't already tell to be current."""
        pairs = zip(batch, certificates, strict=True)
        asked = [(*pair, cert) for pair, cert in pairs if cert is None or pair[1] is None]
        if all(certificate is None for _, _, certificate in asked):
            return Answers(self._main.load_many((key, stat) for key, stat, _ in asked))
        return Answers(
            self._main.revalidate_many((key, cert and cert.of_main) for key, _, cert in asked)
        )

    def _asked_alone(self, key: NonEmptySafeStrTuple) -> tuple[Any, StatLike] | None:
        """Read an item whose cached value turned out to be gone or unreadable."""
        try:
            return self._load(key, None)
        except KeyError:
            return None

    def _certificate(
        self, key: NonEmptySafeStrTuple, listed: StatLike | None = None
    ) -> _Certificate | None:
        """Return what certifies the cached value, None if it is not about the listed version."""
        try:
            certificate = _Certificate.from_text(self._etags.load(key, None)[0])
        except KeyError:
            return None
        except Exception as error:  # noqa: BLE001  # whatever ails a cache, main has the answer
            _LOG.warning("cached ETag of %r can't be read: %r", key, error)
            return None
        if certificate is not None and listed is not None:
            try:
                return certificate if certificate.of_main == listed.etag else None
            except KeyError:  # vanished since it was listed
                return None
        return certificate

    def _cached(self, key: NonEmptySafeStrTuple, certificate: _Certificate) -> Any:
        """Return the cached value if it is the certified one."""
        try:
            value, stat = self._data.load(key, None)
            if stat.etag != certificate.of_data:
                return _MISSING
        except KeyError:
            return _MISSING
        except Exception as error:  # noqa: BLE001  # whatever ails a cache, main has the answer
            _LOG.warning("cached value of %r can't be read: %r", key, error)
            return _MISSING
        if self._recency is not None:
            self._recency.used(key)
        return value

    def _fill(self, key: NonEmptySafeStrTuple, value: ValueType, stat: StatLike) -> None:
        try:
            of_main = cast("ETagIfExists", stat.etag)
            if of_main is ITEM_NOT_AVAILABLE:
                return  # a null device keeps nothing
            entry = self._data.store(key, value, ANY_ETAG)
            self._etags.store(key, _Certificate(of_main, entry.etag).text(), ANY_ETAG)
            if self._recency is not None:
                for evicted in self._recency.added(key, entry, self._data):
                    self._forget(evicted)
        except Exception as error:  # noqa: BLE001  # whatever ails a cache, main has the value
            _LOG.warning("value of %r can't be cached: %r", key, error)

    def _forget(self, key: NonEmptySafeStrTuple) -> None:
        if self._recency is not None:
            self._recency.forgotten(key)
        for cache in (self._etags, self._data):
            try:
                cache.erase(key, ANY_ETAG)
            except KeyError:
                continue
            except Exception as error:  # noqa: BLE001  # what stays there is not served anyway
                _LOG.warning("cache entry of %r can't be deleted: %r", key, error)
