"""`KeyValueStore`: a py-key-value store in any dict, for FastMCP and others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from persidict.adapters._frameworks import framework
from persidict.aio import AsyncPersiDict
from persidict.core import DELETE_CURRENT, ITEM_NOT_AVAILABLE, KEEP_CURRENT, PersiDict
from persidict.core.text_keys import key_from_text, text_from_key

with framework("key_value", "key_value"):
    from key_value.aio.stores.base import (
        BaseCullStore,
        BaseDestroyCollectionStore,
        BaseDestroyStore,
        BaseEnumerateCollectionsStore,
        BaseEnumerateKeysStore,
        ManagedEntry,
    )


class KeyValueStore(
    BaseCullStore,
    BaseDestroyStore,
    BaseDestroyCollectionStore,
    BaseEnumerateCollectionsStore,
    BaseEnumerateKeysStore,
):
    """A py-key-value store: collections of entries with a time to live, in any dict.

    Collections and keys may be any text. A collection or key that is longer than 253 characters
    can't be enumerated.

    Args:
        wrapped: Where the entries are kept: each is a dict with ``value``, ``created_at`` and
            ``expires_at`` (ISO 8601), so any value format will do.
        default_collection: The collection of calls that name none.

    Raises:
        TypeError: `wrapped` is no `PersiDict`.

    Example:
        >>> import asyncio
        >>> from persidict import LocalDict
        >>> async def main():
        ...     store = KeyValueStore(LocalDict())
        ...     await store.put("session", {"user": "Ann"}, ttl=60)
        ...     return await store.get("session"), await store.put_if_absent("session", {})
        >>> asyncio.run(main())
        ({'user': 'Ann'}, False)
    """

    def __init__(self, wrapped: PersiDict[Any], *, default_collection: str | None = None) -> None:
        self.wrapped = wrapped
        self._dict = AsyncPersiDict(wrapped)
        super().__init__(default_collection=default_collection, stable_api=True)

    async def put_if_absent(
        self,
        key: str,
        value: dict[str, Any],
        *,
        collection: str | None = None,
        ttl: float | None = None,
    ) -> bool:
        """Store an entry unless there is one that has not expired; of many callers one gets True.

        Args:
            key: The entry's key.
            value: Its value.
            collection: Its collection; None: the default collection.
            ttl: Seconds that it lives; None: for ever.
        """
        created = datetime.now(UTC)
        expires = None if ttl is None else datetime.fromtimestamp(created.timestamp() + ttl, UTC)
        item = _item(ManagedEntry(value=value, created_at=created, expires_at=expires))
        is_stored = False

        def stored(found: Any) -> Any:
            nonlocal is_stored
            is_stored = found is ITEM_NOT_AVAILABLE or _entry(found).is_expired
            return item if is_stored else KEEP_CURRENT

        await self._dict.transform_item(
            _key(collection or self.default_collection, key), transformer=stored, n_retries=None
        )
        return is_stored

    async def _get_managed_entry(self, *, collection: str, key: str) -> ManagedEntry | None:
        item = await self._dict.get(_key(collection, key))
        return None if item is None else _entry(item)

    async def _get_managed_entries(
        self, *, collection: str, keys: Sequence[str]
    ) -> list[ManagedEntry | None]:
        wanted = [_key(collection, key) for key in keys]
        found = {key: _entry(item) async for key, item in self._dict.get_many(wanted)}
        return [found.get(key) for key in wanted]

    async def _put_managed_entry(
        self, *, collection: str, key: str, managed_entry: ManagedEntry
    ) -> None:
        await self._dict.set_item(_key(collection, key), _item(managed_entry))

    async def _put_managed_entries(
        self,
        *,
        collection: str,
        keys: Sequence[str],
        managed_entries: Sequence[ManagedEntry],
        **_: Any,
    ) -> None:
        pairs = zip(keys, managed_entries, strict=True)
        await self._dict.set_many([(_key(collection, key), _item(entry)) for key, entry in pairs])

    async def _delete_managed_entry(self, *, key: str, collection: str) -> bool:
        return await self._dict.discard(_key(collection, key))

    async def _get_collection_keys(self, *, collection: str, limit: int | None = None) -> list[str]:
        below = await self._dict.get_subdict(key_from_text(collection))
        keys: list[str] = []
        async for key, item in below.items():
            if limit is not None and len(keys) >= limit:
                break
            if not _entry(item).is_expired:
                keys.append(text_from_key(key))
        return keys

    async def _get_collection_names(self, *, limit: int | None = None) -> list[str]:
        return [text_from_key(name) for name in islice(await self._dict.subdicts(), limit)]

    async def _delete_collection(self, *, collection: str) -> bool:
        below = await self._dict.get_subdict(key_from_text(collection))
        was_empty = await below.is_empty()
        await below.clear()
        return not was_empty

    async def _delete_store(self) -> bool:
        await self._dict.clear()
        return True

    async def _cull(self) -> None:
        async for key in self._dict:
            await self._dict.transform_item(key, transformer=_culled, n_retries=None)


def _key(collection: str, key: str) -> Any:
    return key_from_text(collection) + key_from_text(key)


def _item(entry: ManagedEntry) -> dict[str, Any]:
    return {
        "value": dict(entry.value),
        "created_at": entry.created_at_isoformat,
        "expires_at": entry.expires_at_isoformat,
    }


def _entry(item: dict[str, Any]) -> ManagedEntry:
    created, expires = item["created_at"], item["expires_at"]
    return ManagedEntry(
        value=item["value"],
        created_at=None if created is None else datetime.fromisoformat(created),
        expires_at=None if expires is None else datetime.fromisoformat(expires),
    )


def _culled(item: Any) -> Any:
    is_there = item is not ITEM_NOT_AVAILABLE
    return DELETE_CURRENT if is_there and _entry(item).is_expired else KEEP_CURRENT
