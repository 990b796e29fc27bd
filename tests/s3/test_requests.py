"""How many requests each operation takes, counted by the server."""

import random
import threading
from collections import Counter
from contextlib import contextmanager
from urllib.parse import parse_qs

import pytest
from botocore.config import Config
from botocore.utils import parse_timestamp

from persidict.core import ETAG_IS_THE_SAME, KEEP_CURRENT, BackendError
from persidict.s3 import BasicS3Dict, S3Dict
from persidict.s3.client import read_date
from persidict.s3.errors import OddAnswer

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]


@pytest.fixture(params=["basic", "cached"])
def d(request, basic, moto_place, tmp_path):
    if request.param == "basic":
        return basic
    return S3Dict(base_dir=tmp_path, **moto_place)


@pytest.fixture
def spend(moto):
    @contextmanager
    def spending(*, exactly=None, **expected):
        with moto.counting() as seen:
            yield
        assert seen == Counter(exactly if exactly is not None else expected)

    return spending


def test_construction(d, spend, moto_place):
    with spend(HEAD_BUCKET=1):
        twin = type(d)(**d.get_params())
    with spend(exactly={}):
        twin.get_subdict("x").get_subdict("y")
        twin.__copy__()
        twin.get_params()
    with spend(HEAD_BUCKET=1):
        BasicS3Dict(**moto_place, config=Config())


def test_single_items(d, spend):
    with spend(PUT=1):
        d["a"] = 1
    with spend(GET=1):
        assert d["a"] == 1
    with spend(GET=1), pytest.raises(KeyError):
        d["no"]
    with spend(HEAD=1):
        assert "a" in d
    with spend(HEAD=1):
        etag = d.etag("a")
    with spend(HEAD=1):
        d.timestamp("a")
    with spend(GET=1):
        assert not d.get_item_if(
            "a", condition=ETAG_IS_THE_SAME, expected_etag=etag
        ).value_was_mutated
    with spend(PUT=1, GET=1):
        assert d.setdefault("a", 2) == 1
    with spend(PUT=1):
        assert d.setdefault("b", 2) == 2
    with spend(PUT=1):
        outcome = d.set_item_if("a", value=3, condition=ETAG_IS_THE_SAME, expected_etag=etag)
    with spend(PUT=1, GET=1):
        assert not d.set_item_if("a", value=4, condition=ETAG_IS_THE_SAME, expected_etag=etag)[0]
    with spend(GET=1, PUT=1):
        d.transform_item("a", transformer=lambda value: value + 1)
    with spend(DELETE=1, HEAD=1):
        d.discard_if("a", condition=ETAG_IS_THE_SAME, expected_etag=outcome.resulting_etag)
    current = d.etag("a")
    with spend(DELETE=1):
        d.discard_if("a", condition=ETAG_IS_THE_SAME, expected_etag=current)


def test_unchanged_values_are_not_transferred(d, moto):
    d["a"] = 1
    etag = d.etag("a")
    with moto.counting():
        d.get_item_if("a", condition=ETAG_IS_THE_SAME, expected_etag=etag)
        assert (moto.seen["GET"], moto.seen["GET 304"]) == (1, 1)
        if isinstance(d, S3Dict):
            assert d["a"] == d.get("a") == next(d.get_many("a"))[1] == 1
            assert (moto.seen["GET"], moto.seen["GET 304"]) == (4, 4)


def test_bytes_are_those_of_the_value_and_little_more(d, moto):
    def moved(act):
        before = moto.seen.copy()
        act()
        return [moto.seen[name] - before[name] for name in ("bytes received", "bytes sent")]

    large = random.Random(1).randbytes(100_000)
    received, sent = moved(lambda: d.__setitem__("a", large))
    assert 100_000 < received < 100_200
    assert sent == 0
    assert moved(lambda: d["a"]) in ([0, received], [0, 0])  # the cache has it
    assert moved(lambda: ("a" in d, d.etag("a"))) == [0, 0]
    seen = {"condition": ETAG_IS_THE_SAME, "expected_etag": d.etag("a")}
    assert moved(lambda: d.get_item_if("a", **seen)) == [0, 0]
    received, sent = moved(lambda: d.set_item_if("a", value=1, **seen))
    assert received < 100
    assert sent == 0


def test_deletion_takes_two_requests_where_the_server_knows_no_star(d, spend):
    d["a"] = d["b"] = 1
    with spend(HEAD=1, DELETE=1):
        del d["a"]
    with spend(HEAD=1, DELETE=1):
        assert d.discard("b")
    with spend(HEAD=1):
        assert not d.discard("b")


@pytest.mark.slow
def test_many_items(d, spend):
    n = 30
    with spend(PUT=n):
        d.update({("x", f"{i:02}"): i for i in range(n)})
    with spend(GET=n):
        assert len(dict(d.get_many(("x", f"{i:02}") for i in range(n)))) == n
    with spend(LIST=1):
        assert len(d) == n
    with spend(LIST=1):
        assert sum(1 for _ in d) == n
    with spend(LIST=1):
        assert list(d.subdicts()) == ["x"]
    with spend(LIST=1):
        assert len(d.get_subdict("x")) == n
    with spend(LIST=1):
        assert bool(d)
    with spend(**({"LIST": 1, "GET": n} if isinstance(d, BasicS3Dict) else {"LIST": 1})):
        assert sorted(iter(d.values())) == list(range(n))
    with spend(LIST=1, DELETE_MANY=1):
        d.clear()


@pytest.mark.slow
def test_keys_take_the_requests_of_a_plain_loop(d, moto):
    moto.fill("tests", [f"{d.root_prefix}k/{i}.pkl" for i in range(1001)])
    with moto.counting() as loop:
        assert sum(1 for _ in d) == 1001
    assert loop == {"LIST": 2}
    for gather in (list, sorted, lambda d: [*d.keys()], lambda d: tuple(d.get_subdict("k"))):
        with moto.counting() as seen:
            assert len(gather(d)) == 1001
        assert seen == loop


@pytest.mark.parametrize("view", ["items", "values"])
def test_items_take_the_requests_of_a_plain_loop(basic, spend, view):
    basic.update({f"k{number}": number for number in range(30)})
    with spend(LIST=1, GET=30):
        assert len(list(getattr(basic, view)())) == 30


def queries(moto):
    asked = []
    moto.gate = lambda environ: asked.append(parse_qs(environ["QUERY_STRING"]))
    return asked


def test_bool_asks_for_one_key(d, moto):
    d.update({str(i): i for i in range(5)})
    asked = queries(moto)
    assert d
    assert [query["max-keys"] for query in asked] == [["1"]]


def test_subdicts_of_a_large_dict_take_one_listing_for_each_that_is_in_doubt(basic, moto):
    names = [*(f"many/{i}.pkl" for i in range(1001)), "foreign/a.txt", "here.pkl", "z/a.pkl"]
    moto.fill("tests", [basic.root_prefix + name for name in names])
    asked = queries(moto)
    assert sorted(basic.subdicts()) == ["here", "many", "z"]
    prefixes = [query["prefix"][0].removeprefix(basic.root_prefix) for query in asked]
    assert sorted(prefixes) == ["", "", "foreign/", "z/"]


def test_subdicts_are_only_those_that_hold_items(basic, moto):
    names = ["foreign/a.txt", "other/a.json", "marker/", "deep/er/a.pkl", "we ird/a.pkl", "a.pkl"]
    moto.fill("tests", [basic.root_prefix + name for name in names])
    assert sorted(basic.subdicts()) == ["a", "deep"]
    assert list(basic.get_subdict("deep").subdicts()) == ["er"]


@pytest.mark.slow
def test_a_cold_cache_takes_the_listing_and_each_value(basic, moto_place, tmp_path, spend):
    basic.update({str(i): i for i in range(30)})
    d = S3Dict(base_dir=tmp_path, **moto_place)
    with spend(LIST=1, GET=30):
        assert len(dict(d.items())) == 30
    with spend(LIST=1):
        assert len(dict(d.items())) == 30
    with spend(GET=30):
        assert len(dict(d.get_many(map(str, range(30))))) == 30


def test_foreign_objects_are_ignored(basic):
    client = basic._connection.client()
    names = ("readme.txt", "b.json", "we ird.pkl", "x//y.pkl", "only/foreign.txt", ".pkl")
    for name in names:
        client.put_object(Bucket="tests", Key=basic.root_prefix + name, Body=name.encode())
    assert not basic
    assert list(basic) == []
    basic["z", "y"] = 1
    assert basic
    assert list(basic) == [("z", "y")]
    assert "we ird" not in basic.subdicts()
    basic.update({"b": 1, ("x", "y"): 2, ("only", "foreign"): 3})
    basic.clear()
    assert not basic
    for name in names:
        found = client.get_object(Bucket="tests", Key=basic.root_prefix + name)
        assert found["Body"].read() == name.encode()


@pytest.mark.slow
def test_pages(basic, moto):
    moto.fill("tests", [f"{basic.root_prefix}k{i}.pkl" for i in range(1001)])
    with moto.counting() as seen:
        assert len(basic) == 1001
        basic.clear()
    assert seen["LIST"] == 4
    assert seen["DELETE_MANY"] == 2
    assert not basic


@pytest.mark.parametrize("operation", ["read", "write"])
def test_requests_overlap(basic, moto, operation):
    """The server answers nothing until eight requests are there at once."""
    items = {str(i): i for i in range(40)}
    basic.update(items)
    together = threading.Barrier(8)
    method = {"read": "GET", "write": "PUT"}[operation]

    def wait(environ):
        if environ["REQUEST_METHOD"] == method and "list-type" not in environ["QUERY_STRING"]:
            together.wait(30)

    moto.gate = wait
    with moto.counting():
        if operation == "read":
            assert len(list(basic.items())) == 40
        else:
            basic.update(items)
        assert 8 <= moto.most_in_flight <= basic.max_workers


def test_reading_ahead_is_bounded(moto_place, moto):
    d = BasicS3Dict(**{**moto_place, "max_workers": 2})
    d.update({str(i): i for i in range(30)})
    with moto.counting():
        values = iter(d.values())
        next(values)
        values.close()
        assert moto.seen["GET"] <= 5
    assert not [t for t in threading.enumerate() if t.name.startswith("persidict-s3")]


def test_writes_of_one_key_keep_their_order(basic):
    basic.set_many(("a", i) for i in range(40))
    assert basic["a"] == 39


def test_an_error_leaves_no_thread(basic):
    def items():
        yield "a", 1
        yield "b", 2
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        basic.set_many(items())
    assert dict(basic.items()) == {("a",): 1, ("b",): 2}
    basic._connection.client().put_object(
        Bucket="tests", Key=f"{basic.root_prefix}bad.pkl", Body=b"?"
    )
    with pytest.raises(BackendError, match="bad"):
        list(basic.values())
    assert not [t for t in threading.enumerate() if t.name.startswith("persidict-s3")]


def test_deletions_that_fail_are_named(basic, monkeypatch):
    from persidict.s3.boto_objects import BotoObjects

    basic["a"] = 1
    failed = [(basic.root_prefix + "a.pkl", "AccessDenied: no")]
    monkeypatch.setattr(BotoObjects, "delete_many", lambda *_: failed)
    with pytest.raises(BackendError, match=r"a\.pkl: AccessDenied") as caught:
        basic.clear()
    assert caught.value.key == ("a",)


def test_small_bodies_wait_for_no_permission(d, moto):
    asked = []
    moto.gate = lambda environ: asked.append(environ.get("HTTP_EXPECT"))
    with moto.counting() as seen:
        d["small"] = 1
        d.setdefault("b", b"x" * 1000)
        d.update(c=b"x" * 100_000)
    assert asked == [None, None, None]
    assert not seen["100-continue"]


def test_checksums_only_where_required(basic, moto):
    headers = []
    moto.gate = headers.extend
    basic["a"] = 1
    assert basic["a"] == 1
    assert not [name for name in headers if "CHECKSUM" in name]


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05Z",
        "Fri, 02 Jan 2026 03:04:05 GMT",
        "Fri, 02 Jan 2026 03:04:05 +0100",
        "2026-01-02T03:04:05+02:00",
        "1767323045",
        1767323045.5,
    ],
)
def test_dates_are_read_as_botocore_does(text):
    assert read_date(text).timestamp() == parse_timestamp(text).timestamp()


@pytest.mark.parametrize("text", ["", "Z", "GMT", "soonZ", "not a date GMT"])
def test_what_is_no_date(text):
    with pytest.raises(OddAnswer, match="no date"):
        read_date(text)


def test_the_cache_may_be_bounded(moto_place, tmp_path):
    d = S3Dict(base_dir=tmp_path, max_cached_items=3, max_cached_bytes=10_000, **moto_place)
    for number in range(5):
        d[str(number)] = b"x" * number
    d["large"] = random.randbytes(20_000)
    names = [path.name for path in tmp_path.rglob("*.pkl")]
    assert 0 < len(names) <= 3
    assert not [name for name in names if name.startswith("large")]
    assert len(d["large"]) == 20_000
    assert type(d)(**d.get_params()) == d
    for bound in ({"max_cached_items": 3}, {"max_cached_bytes": 3}):
        with pytest.raises(ValueError, match="append-only"):
            S3Dict(base_dir=tmp_path, append_only=True, **bound, **moto_place)


def test_changes_in_a_row_take_one_request_each(basic, spend):
    def increment(number):
        return number + 1

    basic.transform_item("n", transformer=increment, default=0)
    with spend(PUT=3):
        for expected in (2, 3, 4):
            assert basic.transform_item("n", transformer=increment).new_value == expected


def test_own_writes_in_between_are_no_conflicts(basic, spend):
    basic.transform_item("n", transformer=lambda _: 1)
    basic["n"] = 5
    with spend(GET=1, PUT=2):
        basic.transform_item("n", transformer=lambda n: n + 1)
        assert basic.transform_item("n", transformer=lambda n: n + 1).new_value == 7


def test_a_change_by_others_is_never_lost(basic, moto_place):
    other = BasicS3Dict(**moto_place)
    seen = []

    def append(values):
        seen.append(list(values))
        values.append(len(values))
        return values

    basic.transform_item("a", transformer=append, default=[])
    other["a"] = ["other"]
    assert basic.transform_item("a", transformer=append, n_retries=0).new_value == ["other", 1]
    assert seen[-1] == ["other"]
    del other["a"]
    assert basic.transform_item("a", transformer=append, n_retries=0, default=[]).new_value == [0]


def test_an_outdated_version_decides_nothing(basic, moto_place):
    other = BasicS3Dict(**moto_place)
    basic.transform_item("a", transformer=lambda _: 1)
    other["a"] = 2
    seen = []

    def refuse_old(value):
        seen.append(value)
        return KEEP_CURRENT if value == 2 else 1 / 0

    assert basic.transform_item("a", transformer=refuse_old).new_value == 2
    assert seen[-1] == 2
