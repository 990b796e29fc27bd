"""A shared cache in front of two buckets, with writers elsewhere and readers that get killed."""

import itertools
import os
from contextlib import closing

import pytest

from tests.s3 import cache_torture
from tests.s3.cache_torture import BUCKETS, KEYS, Book, Checker, read_all_ways, value_of

# The short form only shows that it works; the session `s3-real` has the time to search.
SECONDS = os.environ.get("PERSIDICT_TORTURE_SECONDS")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("moto", 2),
        pytest.param("seaweed", 2, marks=pytest.mark.s3_real),
        pytest.param("seaweed", 30, marks=[pytest.mark.s3_real, pytest.mark.minutes]),
    ],
)
def test_no_read_is_stale_foreign_or_damaged(request, tmp_path, seed, kind, seconds):
    url = request.getfixturevalue(kind).url
    params = {
        "endpoint_url": url,
        "root_prefix": f"torture-{seed}",
        "base_dir": str(tmp_path / "cache"),
    }
    violations, figures = cache_torture.torture(
        tmp_path / "book", params, float(SECONDS or seconds), seed
    )
    print(figures)
    assert violations == []


class Place:
    """A dict that others write to, with as much of a dict's methods as a reader uses."""

    def __init__(self):
        self.values = {}

    def get(self, key, default):
        return self.values.get(key, default)

    def get_many(self, keys):
        return [(key, self.values[key]) for key in keys if key in self.values]

    def items(self):
        return list(self.values.items())

    def get_with_etag(self, key):
        return Result(self.get(key, cache_torture.ITEM_NOT_AVAILABLE))


class Result:
    def __init__(self, value):
        self.new_value = value


class Dice:
    """Dice that show one way of reading of one item."""

    def __init__(self, bucket, key, way):
        self._choices = iter([bucket, key])
        self._way = way

    def choice(self, _):
        return next(self._choices)

    def randrange(self, _):
        return self._way


def read_after_writes(tmp_path, break_it):
    """Write and read each item twice, in each way; return what the checker says."""
    complaints = []
    dicts = {bucket: Place() for bucket in BUCKETS}
    broken = break_it(dicts)
    with closing(Book(tmp_path / "book")) as book:
        checker = Checker(book, 0, complaints.append)
        for count, way, bucket, key in itertools.product((1, 2), range(4), BUCKETS, KEYS):
            number = 4 * count + way
            dicts[bucket].values[key] = value_of(bucket, key, number)
            book.cells[book.item(bucket, key)] = number
            read_all_ways(broken, checker, Dice(bucket, key, way))
        assert book.cells[book.READS] > 0
    return complaints


class ServesForEver(Place):
    """A cache that never asks again."""

    def __init__(self, main):
        super().__init__()
        self._main = main

    def get(self, key, default):
        if key in self._main.values:
            self.values.setdefault(key, self._main.values[key])
        return self.values.get(key, default)


class SharesByName(ServesForEver):
    """A cache that asks each time, but keeps what all buckets have under one name."""

    entries = {}  # noqa: RUF012  # shared is what it is meant to be

    def get(self, key, default):
        if key not in self._main.values:
            return default
        current = self._main.values[key]
        return self.entries.setdefault((key, current["count"]), current)


class Tears(Place):
    """A cache whose entries lose their ends."""

    def __init__(self, main):
        super().__init__()
        self._main = main

    def get(self, key, default):
        value = self._main.get(key, default)
        return {**value, "end": value["end"][1:]} if isinstance(value, dict) else value


class TestChecker:
    def test_silent_about_a_sound_cache(self, tmp_path):
        assert read_after_writes(tmp_path, lambda dicts: dicts) == []

    @pytest.mark.parametrize(
        ("broken", "complaint"),
        [(ServesForEver, "stale"), (SharesByName, "foreign"), (Tears, "damaged")],
    )
    def test_names_what_a_broken_cache_does(self, tmp_path, broken, complaint):
        def break_it(dicts):
            return {bucket: broken(main) for bucket, main in dicts.items()}

        complaints = read_after_writes(tmp_path, break_it)
        assert complaints
        assert {text.partition(":")[0] for text in complaints} == {complaint}

    def test_a_reader_remembers_over_a_restart(self, tmp_path):
        complaints = []
        bucket, key = BUCKETS[0], KEYS[0]
        for count in (2, 1):
            with closing(Book(tmp_path / "book")) as book:
                checker = Checker(book, 0, complaints.append)
                checker.judge(bucket, key, value_of(bucket, key, count), checker.floors())
        assert len(complaints) == 1
        assert complaints[0].startswith("stale")
