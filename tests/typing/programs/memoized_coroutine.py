"""Memoize a coroutine."""

import asyncio

from persidict import FileDirDict, memoize


@memoize(FileDirDict("pages"), once=True)
async def fetch(url: str, *, pause: float = 10) -> bytes:
    await asyncio.sleep(pause)
    return url.encode()


async def main() -> None:
    pages = await asyncio.gather(fetch("a"), fetch("b", pause=1))
    print(pages[0].decode(), len(pages[1]))


asyncio.run(main())
