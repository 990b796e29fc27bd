"""A store backend that keeps the results of ``joblib.Memory`` in any dict.

Importing this module registers the backend::

    import persidict.adapters.joblib
    memory = joblib.Memory("s3://bucket/cache", backend="persidict")
"""

from __future__ import annotations

import datetime as dt
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from persidict.adapters._frameworks import framework
from persidict.adapters._mapped_arrays import load_mapped
from persidict.core import PersiDict, open_store, register_format
from persidict.core.text_keys import key_from_text, text_from_key

with framework("joblib", "joblib"):
    from joblib import register_store_backend
    from joblib._store_backends import CacheItemInfo, StoreBackendBase, StoreBackendMixin

_OUTPUT = "output.pkl"
_FORMAT = "joblib"
_IS_CALL = re.compile("[a-f0-9]{32}").fullmatch


class JoblibStoreBackend(StoreBackendBase, StoreBackendMixin):  # type: ignore[misc]
    """Keeps results, metadata and the code of functions as items of a dict.

    joblib asks for files: this backend gives it files in memory, and writes each as one item in
    one atomic step.

    `joblib.Memory` takes an URL or a path of a store for `open_store`, or a store through
    ``backend_options={"store": d}``. The backend opens stores in the format ``joblib``: items hold
    joblib's own bytes. In such a store in files, ``mmap_mode="r"`` maps the arrays of results into
    memory. In any other store, ``mmap_mode`` shows arrays of the same type in what was read.
    """

    def configure(
        self, location: str, verbose: int = 1, backend_options: dict[str, Any] | None = None
    ) -> None:
        """Open the store; joblib calls it.

        Args:
            location: An URL or a path for `open_store`.
            verbose: How much joblib prints.
            backend_options: ``store`` is a dict to use instead; ``compress`` and ``mmap_mode``
                come from joblib.

        Raises:
            ValueError: ``mmap_mode`` would let programs change stored results.
        """
        options = backend_options or {}
        mode = options.get("mmap_mode")
        if mode not in (None, "r", "c"):
            raise ValueError(
                f"mmap_mode must be 'r' or 'c', which never change stored results; got {mode!r}"
            )
        self.location = location
        self.verbose = verbose
        self.compress = options.get("compress", False)
        self.mmap_mode = mode
        store = options.get("store")
        self._store: PersiDict[Any] = _opened(location) if store is None else store

    def load_item(self, call_id: Sequence[str], *args: Any, **kwargs: Any) -> Any:
        """Return a result; joblib calls it."""
        mode = self.mmap_mode
        if mode is None or self.compress:
            return super().load_item(call_id, *args, **kwargs)
        data = self._store[self._key(os.path.join(self.location, *call_id, _OUTPUT))]
        return load_mapped(data, mode)

    def _open_item(self, path: str, mode: str) -> io.BytesIO:
        if "w" in mode:
            return _WrittenFile(lambda data: self._store.__setitem__(self._key(path), data))
        try:
            return io.BytesIO(self._store[self._key(path)])
        except KeyError as error:
            raise FileNotFoundError(path) from error

    def _item_exists(self, path: str) -> bool:
        """Tell whether there is an item, or any item below."""
        key = self._key(path)
        return (bool(key) and key in self._store) or bool(self._store.get_subdict(key))

    def _concurrency_safe_write(
        self, to_write: Any, filename: str, write: Callable[[Any, str], None]
    ) -> None:
        """Write an item; a temporary one is not needed, since every write is atomic."""
        write(to_write, filename)

    def _move_item(self, source: str, target: str) -> None:
        self._store[self._key(target)] = self._store.pop(self._key(source))

    def create_location(self, location: str) -> None:
        """Do nothing: the place of an item comes with the item."""

    def clear_location(self, location: str) -> None:
        """Delete an item, or all items below a place."""
        key = self._key(location)
        if key:
            self._store.discard(key)
        self._store.get_subdict(key).clear()

    def object_exists(self, path: str) -> bool:
        """Tell whether there is an item, or any item below."""
        return self._item_exists(path)

    def get_items(self) -> list[CacheItemInfo]:
        """Return place, size and time of the last write of every result."""
        found: dict[str, tuple[int, float]] = {}
        for key, data, timestamp in self._store.items_and_timestamps():
            *call, _ = key
            if call and _IS_CALL(call[-1]):
                place = os.path.join(self.location, *map(text_from_key, call))
                size, last = found.get(place, (0, 0.0))
                found[place] = (size + len(data), max(last, timestamp))
        return [
            CacheItemInfo(place, size, dt.datetime.fromtimestamp(last))  # noqa: DTZ006  # joblib's
            for place, (size, last) in found.items()
        ]

    def _key(self, path: str) -> Any:
        """Return the key of a path below the location; an empty one for the location itself."""
        relative = os.path.relpath(path, self.location)
        parts: Iterable[str] = () if relative == os.curdir else relative.split(os.sep)
        return [key_from_text(part) for part in parts]


def _opened(location: str) -> PersiDict[Any]:
    return open_store(location, serialization_format=_FORMAT)


class _WrittenFile(io.BytesIO):
    """A file in memory that is stored when it is closed, unless an error has closed it."""

    def __init__(self, store: Callable[[bytes], None]) -> None:
        super().__init__()
        self._store = store

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and not self.closed:
            self._store(self.getvalue())
        super().__exit__(kind, error, traceback)


def _as_stored(data: Any) -> Any:
    return data


register_format(_FORMAT, _as_stored, _as_stored, memory_map=True)
register_store_backend("persidict", JoblibStoreBackend)
