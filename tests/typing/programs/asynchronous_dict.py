"""Use a dict from coroutines."""

import asyncio

from persidict import FileDirDict
from persidict.aio import AsyncPersiDict


async def main() -> None:
    async with AsyncPersiDict(FileDirDict("data")) as d:
        await d.set_item("a", 1)
        print(await d.get("a"))
        async for key, value in d.items():
            print(key[0], value)


asyncio.run(main())
