"""Iterators that `len` can fill, so that `list(d)` lists the store once.

`list(d)`, `tuple(d)` and `[*d]` call ``iter(d)`` and then ``len(d)``, to know how much memory they
need. Each would list the store. So the iterator is registered until the same thread asks for the
length; if the iterator has not begun by then, the listing that counts the items is also the one
that the iterator goes through.
"""

from __future__ import annotations

from _thread import _local  # what `threading` calls `local`; it takes a while to import
from _weakref import ref  # likewise from `weakref`
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from operator import length_hint
from typing import Any, TypeVar

from persidict.core.backend import Backend

_Listed = TypeVar("_Listed")
_Item = TypeVar("_Item")
_Store = TypeVar("_Store", bound=Backend[Any])


def begin_listing(
    store: _Store,
    scan: Callable[[_Store], Iterator[_Listed]],
    items: Callable[[_Store, Iterable[_Listed]], Iterable[_Item]],
) -> Iterator[_Item]:
    """Return an iterator over a store whose listing `length` can do.

    Args:
        store: What is listed.
        scan: Lists it.
        items: Makes the items of the iterator from the listing, one at a time.
    """
    content: list[Any] = [None]

    def begin(listed: list[_Listed] | None) -> Iterable[_Item]:
        content[0] = found = items(store, scan(store) if listed is None else listed)
        return found

    source = iter(content)
    listing: Any = _Listing.from_iterable(map(begin, source))
    listing.store, listing.scan = store, scan
    listing.content, listing.source = content, source
    _registered.latest = ref(listing)
    return listing  # type: ignore[no-any-return]  # a chain of these items


def length(store: Backend[Any]) -> int:
    """Return the number of items; an iterator that this thread has just asked for gets them."""
    if _registered.latest is not None:
        listing = _registered.latest()
        if listing is None:
            _registered.latest = None
        elif listing.store is store:
            _registered.latest = None
            if length_hint(listing.source):
                return listing.list_now()
    return store._count(store._prefix)


class _Listing(chain[Any]):
    """Goes through one listing as fast as C does.

    `content` holds None, or what `list_now` has listed, until the first item is needed; then the
    iterable of the items. `source` iterates over `content`: it is empty once that has happened.
    """

    __slots__ = ("__weakref__", "content", "scan", "source", "store")

    store: Any
    scan: Any
    content: list[Any]
    source: Iterator[Any]

    def list_now(self) -> int:
        """Return how many items there are, and keep the listing for the iterator."""
        listed = list(self.scan(self.store))
        # Another thread or a signal handler may have begun the iteration meanwhile.
        if length_hint(self.source):
            self.content[0] = listed
        return len(listed)

    def close(self) -> None:
        """End the iteration, and release what it holds open."""
        for rest in self.content:
            if isinstance(rest, list):
                rest.clear()
            elif isinstance(rest, Generator):
                rest.close()
        self.content.clear()


class _Registered(_local):
    """The iterator that this thread has asked for last; nothing is kept alive."""

    latest: ref[_Listing] | None = None


_registered = _Registered()
