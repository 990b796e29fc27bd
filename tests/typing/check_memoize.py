"""Read by type checkers only: a memoised function keeps its signature."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_type

from persidict import LocalDict, Memoized, NonEmptySafeStrTuple, PersiDict, memoize
from persidict.wrappers import CacheInfo

store: LocalDict[Any] = LocalDict()


@memoize(store)
def repeat(text: str, times: int = 1, *, sep: str = "") -> list[str]:
    return [text + sep] * times


@memoize(store, once=True, lease=5, ignore=("verbose",))
async def fetch(url: str, verbose: int = 0) -> bytes:
    return url.encode()


@dataclass
class Frame:
    size: int

    @memoize(store)
    def area(self, factor: int) -> float:
        return self.size**2 * factor


def calls() -> None:
    assert_type(repeat("a", 2, sep=","), list[str])
    assert_type(repeat.key_of("a"), NonEmptySafeStrTuple)
    assert_type(repeat.cache_info(), CacheInfo)
    assert_type(repeat.store, PersiDict[Any])
    assert_type(repeat.invalidate("a"), bool)
    assert_type(repeat.refresh("a", 2), list[str])
    assert_type(repeat.__wrapped__("a"), list[str])
    repeat(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    repeat("a", unknown=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    repeat.key_of(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    plain: Callable[[str, int], list[str]] = repeat
    assert_type(plain("a", 1), list[str])


async def awaited() -> None:
    assert_type(await fetch("u", verbose=1), bytes)


def methods(frame: Frame) -> None:
    assert_type(frame.area(2), float)
    assert_type(Frame.area(frame, 2), float)
    frame.area("2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def annotated(function: Memoized[[int], str]) -> str:
    return function(1)
