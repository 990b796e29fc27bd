"""Contests drawn from a seed: which store, with which parameters, plans, kills and faults."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from tests.torture.contests import Contest, Verdict
from tests.torture.plans import (
    ALL,
    EXACT_IN_SPITE_OF_LOST_ANSWERS,
    HOT,
    KEYS,
    draw_hot_plan,
    draw_plan,
)

__all__ = ["KEYS", "OPERATIONS", "Drawn", "on_files", "on_s3"]

PROCESSES = 6
OPERATIONS = 30
# Of the server that runs beside them; the processes are forks of one that began without it.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Drawn(NamedTuple):
    """A contest with what is needed to run it again."""

    store: str
    seed: int
    params: dict[str, Any]
    contest: Contest
    injected: Counter[str]
    """How often each HTTP fault was made, once it has run."""

    def run(self) -> Verdict:
        return self.contest.run()

    def __repr__(self) -> str:
        return f"{self.store}:{self.seed} {self.params}"


def on_files(seed: int, directory: Path) -> Drawn:
    """Draw a contest on a `FileDirDict`; the directory is empty."""
    dice = random.Random(seed)
    params = {
        "base_dir": str(directory / "store"),
        "durable": dice.random() < 0.3,
        "digest_len": dice.choice([0, 4]),
        "serialization_format": dice.choice(["pkl", "json"]),
    }
    description = {"store": "persidict.FileDirDict", "params": params}
    plans = [draw_plan(dice, OPERATIONS, ALL) for _ in range(PROCESSES)]
    deaths = _deaths(dice, OPERATIONS)
    contest = Contest(directory, [description] * PROCESSES, plans, deaths, dice)
    return Drawn("FileDirDict", seed, params, contest, Counter())


def on_s3(
    seed: int,
    directory: Path,
    moto: Any,
    store: str,
    *,
    faulty: bool,
    hot: bool = False,
    operations: int = OPERATIONS,
) -> Drawn:
    """Draw a contest on a `BasicS3Dict` or an `S3Dict`, on a server that may lose answers.

    In a hot one, each process has several threads, and all of them change one item.
    """
    dice = random.Random(seed)
    params: dict[str, Any] = {
        "bucket_name": "contests",
        "endpoint_url": moto.url,
        "root_prefix": f"{uuid.uuid4().hex}/",
        "serialization_format": dice.choice(["pkl", "json"]),
    }
    descriptions = []
    is_shared = dice.random() < 0.5
    bound = dice.choice([None, None, 1])
    for n in range(PROCESSES):
        own = {}
        if store == "S3Dict":
            cache = directory / ("cache" if is_shared else f"cache{n % 3}")
            own = {"base_dir": str(cache), "max_cached_items": bound}
        description = {"store": f"persidict.{store}", "params": {**params, **own}}
        descriptions.append({**description, "environment": ENVIRONMENT})
    weights = EXACT_IN_SPITE_OF_LOST_ANSWERS if faulty else HOT if hot else ALL
    draw = draw_plan
    if hot:
        draw, operations = draw_hot_plan, max(operations // 10, 2)
    plans = [draw(dice, operations, weights, deletes=not faulty) for _ in range(PROCESSES)]
    injected: Counter[str] = Counter()
    moto.faults = _Faults(random.Random(seed), injected) if faulty else None
    deaths = _deaths(dice, operations)
    contest = Contest(directory, descriptions, plans, deaths, dice, may_fail=faulty)
    kind = f"{store}{'-hot' if hot else ''}{'-faulty' if faulty else ''}"
    return Drawn(kind, seed, params, contest, injected)


def _deaths(dice: random.Random, operations: int) -> dict[int, int]:
    """Draw some of the processes, and after how many operations each of them is killed."""
    victims = dice.sample(range(PROCESSES), dice.choice([0, 1, 2, 3]))
    return {victim: dice.randrange(1, operations) for victim in victims}


class _Faults:
    """What goes wrong at the server, at some requests' first attempts."""

    _KINDS = (
        "drop",  # it acts, and the answer gets lost
        ("409 Conflict", "ConditionalRequestConflict"),
        ("500 Internal Server Error", "InternalError"),
        ("503 Slow Down", "SlowDown"),
    )

    def __init__(self, dice: random.Random, injected: Counter[str]) -> None:
        self._dice = dice
        self._injected = injected
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any]) -> Any:
        with self._lock:
            if self._dice.random() >= 0.06:
                return None
            kind = self._dice.choice(self._KINDS)
            is_put = environ["REQUEST_METHOD"] == "PUT"
            conditional = "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ
            if kind[0].startswith("409") and not (is_put and conditional):
                return None
            self._injected[kind if isinstance(kind, str) else kind[1]] += 1
            return kind
