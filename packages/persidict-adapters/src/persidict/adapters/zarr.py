"""`ZarrStore`: zarr groups and arrays in any dict."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Self

from persidict.adapters._frameworks import framework
from persidict.aio import AsyncPersiDict
from persidict.core import PersiDict
from persidict.core.text_keys import key_from_text, text_from_key

with framework("zarr", "zarr"):
    from zarr.abc.store import (
        ByteRequest,
        OffsetByteRequest,
        RangeByteRequest,
        Store,
        SuffixByteRequest,
    )
    from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype

_SEPARATOR = "/"


class ZarrStore(Store):
    """A zarr v3 store in any dict of bytes: in files, on S3, in memory.

    Every write is atomic, and `set_if_not_exists` inserts for exactly one of many callers.

    Args:
        wrapped: Where the chunks and the metadata are kept.
        read_only: Raise ``ValueError`` for every write.

    Raises:
        TypeError: `wrapped` is no `PersiDict`.

    Example:
        >>> import zarr
        >>> from persidict import LocalDict
        >>> group = zarr.create_group(ZarrStore(LocalDict()))
        >>> array = group.create_array("a", shape=(3,), dtype="int32")
        >>> array[:] = 7
        >>> int(zarr.open_group(group.store, mode="r")["a"][0])
        7
    """

    supports_writes: bool = True
    supports_deletes: bool = True
    supports_listing: bool = True

    def __init__(self, wrapped: PersiDict[Any], *, read_only: bool = False) -> None:
        super().__init__(read_only=read_only)
        self.wrapped = wrapped
        self._dict = AsyncPersiDict(wrapped)

    def with_read_only(self, read_only: bool = False) -> Self:  # noqa: FBT002  # zarr's signature
        """Return a store on the same dict."""
        return type(self)(self.wrapped, read_only=read_only)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ZarrStore)
            and self.read_only == other.read_only
            and self.wrapped == other.wrapped
        )

    __hash__ = None  # type: ignore[assignment]  # like the dict that it keeps

    def __repr__(self) -> str:
        return f"ZarrStore({self.wrapped!r}, read_only={self.read_only})"

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return what is stored under a key, or a part of it."""
        await self._ensure_open()
        data = await self._dict.get(_key(key))
        if data is None:
            return None
        cls = (prototype or default_buffer_prototype()).buffer
        return cls.from_bytes(data[_range_of(byte_range, len(data))])

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of several values."""
        return [await self.get(key, prototype, wanted) for key, wanted in key_ranges]

    async def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        await self._ensure_open()
        return await self._dict.contains(_key(key))

    async def set(self, key: str, value: Buffer) -> None:
        """Store a value, in one atomic step."""
        data = await self._writable_bytes(value)
        await self._dict.set_item(_key(key), data)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Store a value unless there is one; of many callers one inserts."""
        data = await self._writable_bytes(value)
        await self._dict.setdefault(_key(key), data)

    async def delete(self, key: str) -> None:
        """Delete a value, if there is one."""
        self._check_writable()
        await self._ensure_open()
        await self._dict.discard(_key(key))

    async def delete_dir(self, prefix: str) -> None:
        """Delete all values below a prefix."""
        self._check_writable()
        await self._ensure_open()
        below = await self._below(prefix)
        await below.clear()

    async def getsize(self, key: str) -> int:
        """Return the number of bytes of a value."""
        data = await self._dict.get(_key(key))
        if data is None:
            raise FileNotFoundError(key)
        return len(data)

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield all keys that start with a text."""
        await self._ensure_open()
        directory, _, start = prefix.rpartition(_SEPARATOR)
        below = await self._below(directory)
        head = f"{directory}{_SEPARATOR}" if directory else ""
        async for found in below:
            key = text_from_key(found, separator=_SEPARATOR)
            if key.startswith(start):
                yield head + key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names directly below a prefix."""
        await self._ensure_open()
        below = await self._below(prefix)
        for name in await below.subdicts():
            yield text_from_key(name)

    async def _below(self, prefix: str) -> AsyncPersiDict[Any]:
        directory = prefix.rstrip(_SEPARATOR)
        return await self._dict.get_subdict(_key(directory)) if directory else self._dict

    async def _writable_bytes(self, value: Buffer) -> bytes:
        self._check_writable()
        await self._ensure_open()
        if not isinstance(value, Buffer):
            raise TypeError(f"value must be a zarr Buffer, got {type(value).__name__}")
        return value.to_bytes()


def _key(key: str) -> Any:
    return key_from_text(key, separator=_SEPARATOR)


def _range_of(wanted: ByteRequest | None, size: int) -> slice:
    match wanted:
        case None:
            return slice(None)
        case RangeByteRequest():
            return slice(wanted.start, wanted.end)
        case OffsetByteRequest():
            return slice(wanted.offset, None)
        case SuffixByteRequest():
            return slice(max(0, size - wanted.suffix), None)
    raise TypeError(f"Unexpected byte_range, got {wanted!r:.100}; it must be a zarr ByteRequest")
