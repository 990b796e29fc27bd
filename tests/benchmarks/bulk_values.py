"""Large values for the benchmarks, the same in every process, and the rows about JSON."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import Any

JSON_KINDS = ("text", "floats", "records")


def json_values() -> dict[str, Any]:
    """Return what JSON is measured with: text, numbers, and objects."""
    noise = random.Random(1)
    words = ["alpha", "beta", 'a "quoted" word', "12345", "naïve", "3.14", "line\n"]
    records = [
        {"id": number, "name": f"item{number}", "score": noise.random(), "tags": ["a", "b"]}
        for number in range(20_000)
    ]
    return {
        "text": " ".join(noise.choices(words, k=160_000))[:1_000_000],
        "floats": [noise.random() for _ in range(50_000)],
        "records": records,
    }


def zeros() -> Any:
    """Return ten megabytes of zeros."""
    import numpy as np

    return np.zeros(10_000_000 // 8)


class JsonRows(ABC):
    """The operations of the rows about JSON, by two methods that take the kind of the value."""

    @abstractmethod
    def _get_json(self, kind: str) -> None: ...

    @abstractmethod
    def _set_json(self, kind: str) -> None: ...

    def get_text(self, _: str) -> None:
        self._get_json("text")

    def set_text(self, _: str) -> None:
        self._set_json("text")

    def get_floats(self, _: str) -> None:
        self._get_json("floats")

    def set_floats(self, _: str) -> None:
        self._set_json("floats")

    def get_records(self, _: str) -> None:
        self._get_json("records")

    def set_records(self, _: str) -> None:
        self._set_json("records")
