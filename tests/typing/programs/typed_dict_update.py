"""Store the parts of a configuration that has a type of its own."""

from typing import TypedDict

from persidict import FileDirDict, LocalDict


class Settings(TypedDict):
    threads: int
    name: str


def save(settings: Settings) -> None:
    config = FileDirDict("config", serialization_format="json")
    config.update(settings)
    config.update({"threads": 4, "name": "default"})
    config |= settings
    LocalDict().update(settings)
