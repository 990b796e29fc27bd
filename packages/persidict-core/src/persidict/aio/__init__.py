"""Any dict from `async` code, under asyncio or trio.

`AsyncPersiDict` wraps a dict and offers its methods as coroutines and async iterators. They run
in a small pool of threads of its own, so the event loop never waits for a disk or a server.
"""

from persidict.aio.async_dict import AsyncPersiDict
from persidict.aio.stream import AsyncStream

__all__ = ["AsyncPersiDict", "AsyncStream"]
