"""Reads and writes the stored results of one memoized function."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from persidict.core.base import PersiDict
from persidict.core.errors import BackendError, DecodingError
from persidict.core.flags import ALWAYS_RETRIEVE, ANY_ETAG, ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagIfExists
from persidict.wrappers._memoize.call_keys import CallKeys
from persidict.wrappers._memoize.counts import Count
from persidict.wrappers._memoize.names import main_module, work_for
from persidict.wrappers._memoize.protocol import CacheInfo

_LOG = logging.getLogger("persidict.wrappers")
_NOTHING: Any = object()


class Lookup(NamedTuple):
    """The store's answer for a key."""

    value: Any
    """A result, also an old one; `_NOTHING` where there is none."""
    is_current: bool
    is_stale: bool
    """Whether it may be served while somebody computes the next one."""
    replaces: ETagIfExists
    """The version that a new result replaces."""

    @property
    def is_usable(self) -> bool:
        """Whether there is a result to serve."""
        return self.is_current or self.is_stale


_ABSENT = Lookup(_NOTHING, is_current=False, is_stale=False, replaces=ITEM_NOT_AVAILABLE)


class Settings(NamedTuple):
    """How results are kept; see `memoize`."""

    max_age: float | None
    stale: float | None
    exceptions: tuple[type[Exception], ...]
    lease_store: PersiDict[Any] | None
    lease: float


@dataclass
class Results:
    """The store of one function's results. It can be pickled if its store can."""

    store: PersiDict[Any]
    keys: CallKeys
    settings: Settings
    hits: Count = field(default_factory=Count)
    misses: Count = field(default_factory=Count)
    # Keys whose stale results this process is replacing, where there are no leases.
    refreshing: dict[NonEmptySafeStrTuple, object] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "store": self.store,
            "keys": self.keys,
            "settings": self.settings,
            "main": main_module(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        work_for(state.pop("main"))
        self.__dict__.update(state, hits=Count(), misses=Count(), refreshing={})

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        """Delete the result of a call with these arguments; tell whether there was one."""
        return self.store.discard(self.keys.key_of(*args, **kwargs))

    def cache_info(self) -> CacheInfo:
        """Return the counts so far; the store is listed for the number of results."""
        currsize = len(self.store.get_subdict(self.keys.prefix))
        return CacheInfo(self.hits.total, self.misses.total, currsize)

    def cache_clear(self) -> None:
        """Delete the results of the function's current version, and begin to count anew."""
        self.store.get_subdict(self.keys.prefix).clear()
        self.hits, self.misses = Count(), Count()

    def replace(self, key: NonEmptySafeStrTuple, value: Any) -> None:
        """Store a result over an existing one; log a failure instead of raising."""
        try:
            self.store[key] = value
        except BackendError as error:
            _LOG.warning("the result %r can't be kept: %r", key, error)

    def find(self, key: NonEmptySafeStrTuple) -> Lookup:
        """Read a result."""
        damaged: ETagIfExists = ITEM_NOT_AVAILABLE
        try:
            try:
                return self._read(key)
            except DecodingError:
                # Once more, to know which version is damaged: others may be mending it.
                damaged = self.store.etag(key)
                return self._read(key)
        except KeyError:
            return _ABSENT
        except DecodingError as error:
            _LOG.warning("the result %r is computed again: %r", key, error)
            return _ABSENT._replace(replaces=damaged)

    def keep(self, key: NonEmptySafeStrTuple, value: Any, replaces: ETagIfExists) -> Any:
        """Store a result, unless another one is there by now, and return the one that is there.

        Raises:
            TypeError: The store can't hold such a value.
        """
        try:
            if replaces is ITEM_NOT_AVAILABLE:
                outcome = self.store.setdefault_if(
                    key,
                    default_value=value,
                    condition=ANY_ETAG,
                    expected_etag=ITEM_NOT_AVAILABLE,
                    retrieve_value=ALWAYS_RETRIEVE,
                )
            elif self.store.append_only:
                return value
            else:
                outcome = self.store.set_item_if(
                    key, value=value, condition=ETAG_IS_THE_SAME, expected_etag=replaces
                )
            if outcome.new_value is not ITEM_NOT_AVAILABLE:
                return outcome.new_value
        except BackendError as error:
            _LOG.warning("the result %r can't be kept: %r", key, error)
        return value

    def _read(self, key: NonEmptySafeStrTuple) -> Lookup:
        max_age, stale = self.settings.max_age, self.settings.stale
        if max_age is None:
            return Lookup(self.store[key], True, False, ITEM_NOT_AVAILABLE)
        value, stat = self.store._load(self.store._complete(key), None)
        age = time.time() - stat.timestamp
        return Lookup(
            self.store._validate_class(value),
            is_current=age <= max_age,
            is_stale=stale is not None and age <= max_age + stale,
            replaces=stat.etag,
        )
