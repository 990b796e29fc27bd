import asyncio

import pytest

pytest.importorskip("key_value")
from persidict.adapters.key_value import KeyValueStore


def test_entries(any_dict):
    async def main():
        store = KeyValueStore(any_dict)
        await store.put("a", {"x": 1})
        assert await store.get("a") == {"x": 1}
        assert await store.get("no") is None
        await store.put("a", {"x": 2})
        assert await store.get("a") == {"x": 2}
        assert await store.delete("a")
        assert not await store.delete("a")

    asyncio.run(main())


def test_many_entries(any_dict):
    async def main():
        store = KeyValueStore(any_dict)
        await store.put_many(["a", "b"], [{"n": 1}, {"n": 2}], ttl=100)
        assert await store.get_many(["b", "no", "a"]) == [{"n": 2}, None, {"n": 1}]
        assert all(0 < ttl <= 100 for _, ttl in await store.ttl_many(["a", "b"]))
        assert await store.delete_many(["a", "no"]) == 1

    asyncio.run(main())


def test_time_to_live(any_dict):
    async def main():
        store = KeyValueStore(any_dict)
        await store.put("short", {"x": 1}, ttl=1e-6)
        await store.put("long", {"x": 1}, ttl=1000)
        await store.put("ever", {"x": 1})
        assert await store.get("short") is None
        value, ttl = await store.ttl("long")
        assert value == {"x": 1}
        assert 900 < ttl <= 1000
        assert await store.ttl("ever") == ({"x": 1}, None)
        assert sorted(await store.keys()) == ["ever", "long"]
        await store.cull()
        assert len(store.wrapped) == 2

    asyncio.run(main())


def test_collections(any_dict):
    async def main():
        store = KeyValueStore(any_dict, default_collection="mine")
        await store.put("a/b c", {"x": 1}, collection="other one")
        await store.put("a", {"x": 2})
        assert sorted(await store.collections()) == ["mine", "other one"]
        assert await store.keys("other one") == ["a/b c"]
        assert await store.destroy_collection("other one")
        assert await store.get("a/b c", collection="other one") is None
        assert await store.destroy()
        assert await store.get("a") is None

    asyncio.run(main())


def test_one_of_many_callers_inserts(any_dict):
    async def main():
        store = KeyValueStore(any_dict)
        claims = [store.put_if_absent("job", {"owner": n}) for n in range(20)]
        won = await asyncio.gather(*claims)
        assert sum(won) == 1
        assert await store.get("job") == {"owner": won.index(True)}
        assert not await store.put_if_absent("job", {"owner": "late"})

    asyncio.run(main())


def test_an_expired_entry_is_absent_for_put_if_absent(any_dict):
    async def main():
        store = KeyValueStore(any_dict)
        assert await store.put_if_absent("job", {"owner": 1}, ttl=1e-6)
        assert await store.put_if_absent("job", {"owner": 2}, ttl=1000)
        assert await store.get("job") == {"owner": 2}

    asyncio.run(main())
