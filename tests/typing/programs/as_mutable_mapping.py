"""Pass a dict to a function that takes any mapping."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from persidict import FileDirDict


def fill(target: MutableMapping[str, Any]) -> None:
    target["a"] = 1


def show(source: Mapping[str, Any]) -> None:
    print(dict(source.items()))


store = FileDirDict("data")
fill(store)
show(store)
