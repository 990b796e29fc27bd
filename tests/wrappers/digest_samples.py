"""Prints digests of values that are easily written down differently in another process."""

import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import pathlib
import sys
import uuid
import zoneinfo
from collections import OrderedDict
from typing import NamedTuple

from persidict.wrappers import stable_digest


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass
class Point:
    x: int
    tags: set


class Pair(NamedTuple):
    first: int
    second: list


def plain():
    words = [f"word {i}" for i in range(50)]
    return {
        "none": None,
        "ellipsis": ...,
        "bools": [True, False],
        "numbers": [0, -1, 2**5000, 0.1, -0.0, float("nan"), float("-inf"), 1 + 2j],
        "many ints": list(range(1000)),
        "many floats": [i / 7 for i in range(1000)],
        "texts": ["", "ä", "\ud800", "a\0b"],
        "bytes": [b"", b"\xff", bytearray(b"x")],
        "set": set(words),
        "frozenset": frozenset(words),
        "mixed set": {1, "a", None, (1, 2), 2.5, b"b", frozenset({"x", "y"})},
        "dict": {word: {word: i} for i, word in enumerate(words)},
        "dict with odd keys": {None: 1, (1, 2): 2, 3.5: 3, b"b": 4},
        "ordered": OrderedDict.fromkeys(words),
        "ranges": [range(1, 10, 2), slice(None, 5)],
        "dates": [
            datetime.date(2024, 2, 29),
            datetime.time(12, 30, fold=1),
            datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
            datetime.datetime(2024, 1, 1, 0, 0, 0, 7),  # noqa: DTZ001  # naive on purpose
            datetime.timedelta(days=-1, microseconds=3),
            datetime.timezone(datetime.timedelta(hours=5)),
        ],
        "exact": [decimal.Decimal("1.50"), decimal.Decimal("NaN"), fractions.Fraction(1, 3)],
        "identifiers": [uuid.UUID(int=5), pathlib.Path("a/b"), pathlib.PurePosixPath("/x")],
        "members": [Colour.RED, Number.ONE],
        "objects": [Point(1, {"a", "b", "c"}), Pair(1, [2])],
        "names": [Point, len, json.dumps, int, plain, datetime.datetime],
    }


def arrays():
    import numpy as np
    import pandas as pd

    inner = np.arange(24).reshape(2, 3, 4)
    record = np.array([(1, 2.0, "x")], dtype=[("a", "i2"), ("b", "f8"), ("c", "U3")])
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "f": [0.5, None],
            "s": ["x", None],
            "c": pd.Categorical(["u", "v"]),
            "i": pd.array([1, None], dtype="Int64"),
            "t": pd.to_datetime(["2024-01-01", None]),
        },
        index=pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["k", None]),
    )
    return {
        "array": inner,
        "transposed": inner.T,
        "strided": inner[:, ::2],
        "texts": np.array(["a", "bcd"]),
        "times": np.array(["2024-01-01"], dtype="M8[ns]"),
        "objects": np.array([1, "a", {"x", "y"}, None], dtype=object),
        "record": record,
        "scalar": np.float32(0.1),
        "dtype": np.dtype("<f8"),
        "frame": frame,
        "series": frame["s"],
        "index": frame.index,
        "stamp": pd.Timestamp("2024-01-01", tz="UTC"),
        "missing": [pd.NA, pd.NaT],
    }


def zones():
    return {
        "zone": zoneinfo.ZoneInfo("Europe/Berlin"),
        "aware": datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    }


def digests(*groups):
    samples = {name: value for group in groups for name, value in globals()[group]().items()}
    return {name: stable_digest(value) for name, value in samples.items()}


if __name__ == "__main__":
    print(json.dumps(digests(*sys.argv[1:])))
