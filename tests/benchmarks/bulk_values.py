"""Large values for the benchmarks, the same in every process."""

from __future__ import annotations

import random
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
