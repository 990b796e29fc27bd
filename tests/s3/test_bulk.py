"""Operations on many items: how many requests are under way at a time, and what stays behind."""

import contextlib
import gc
import pickle
import sys
import threading
import tracemalloc
import uuid

import pytest
from botocore.config import Config

from persidict.core import BackendError, LocalDict, MutationPolicyError
from persidict.s3 import BasicS3Dict, S3Dict
from persidict.s3.boto_objects import BotoObjects
from persidict.s3.fast_objects import FastObjects
from persidict.s3.objects import Found, Page
from persidict.s3.parallel import ordered_map
from persidict.wrappers import MutableDictCached, WriteOnceDict
from tests.support.slow_s3 import SlowS3

WORKERS = 8
ROUNDS = 5
N = WORKERS * ROUNDS
ITEMS = {f"k{i:02}": i for i in range(N)}


@pytest.fixture(scope="module")
def own_process():
    server = SlowS3()
    yield server
    server.stop()


@pytest.fixture
def slow(own_process):
    """A server that answers at once until it is told otherwise."""
    own_process.configure()
    return own_process


@pytest.fixture
def place(slow):
    return {"endpoint_url": slow.url, "bucket_name": "b", "root_prefix": uuid.uuid4().hex[:8]}


def workers():
    return [t for t in threading.enumerate() if t.name.startswith("persidict-s3")]


def do_items(d):
    assert dict(d.items()) == {(key,): value for key, value in ITEMS.items()}


def do_get_many(d):
    assert [value for _, value in d.get_many(ITEMS)] == list(ITEMS.values())


def do_update(d):
    d.update(ITEMS)


@pytest.mark.parametrize(
    ("act", "kind"), [(do_items, "GET"), (do_get_many, "GET"), (do_update, "PUT")]
)
def test_as_many_requests_at_a_time_as_there_are_workers(slow, place, act, kind):
    """The server answers only full rounds: one request after the other would never end."""
    d = BasicS3Dict(max_workers=WORKERS, **place)
    d.update(ITEMS)
    slow.configure(together={kind: WORKERS})
    with slow.counting() as seen:
        act(d)
    assert seen[kind] == N
    assert seen[f"{kind} rounds"] == ROUNDS
    assert seen["most"] == WORKERS
    assert not workers()


@pytest.mark.slow
def test_ten_times_fewer_rounds_by_default(slow, place):
    d = BasicS3Dict(**place)
    items = {f"k{i:03}": i for i in range(d.max_workers * 10)}
    slow.configure(together={"GET": d.max_workers, "PUT": d.max_workers})
    with slow.counting() as seen:
        d.update(items)
        assert sorted(iter(d.values())) == list(items.values())
    assert seen["PUT rounds"] == seen["GET rounds"] == 10
    assert seen["PUT"] == seen["GET"] >= 300


@pytest.mark.parametrize("append_only", [False, True])
def test_cached_dicts_read_in_parallel(slow, place, tmp_path, append_only):
    place = {**place, "max_workers": WORKERS, "append_only": append_only}
    BasicS3Dict(**place).update(ITEMS)
    d = S3Dict(base_dir=tmp_path, **place)
    slow.configure(together={"GET": WORKERS})
    with slow.counting() as seen:
        do_get_many(d)
    assert seen["GET rounds"] == ROUNDS
    with slow.counting() as seen:
        do_items(d)
    assert seen["GET"] == 0
    with slow.counting() as seen:
        do_get_many(d)
    asked = 0 if append_only else N  # what can't change is not asked for
    assert seen["GET 304"] == seen["GET"] == asked
    assert seen["GET rounds"] == asked // WORKERS


def test_what_others_deleted_is_no_longer_served_from_the_cache(slow, place, tmp_path):
    d = S3Dict(base_dir=tmp_path, **place)
    d["a"], d["b"] = 1, 2
    assert len(list(d.get_many("ab"))) == 2
    del BasicS3Dict(**place)["a"]
    assert list(d.get_many("ab")) == [(("b",), 2)]


@pytest.mark.parametrize("cls", [BasicS3Dict, S3Dict])
def test_deletions_go_in_batches_at_once(slow, place, tmp_path, cls):
    d = cls(**place, **({"base_dir": tmp_path} if cls is S3Dict else {}))
    slow.fill([f"b/{d.root_prefix}{i}.pkl" for i in range(4000)], pickle.dumps(1))
    slow.configure(together={"DELETE_MANY": 4})
    with slow.counting() as seen:
        d.clear()
    assert (seen["LIST"], seen["DELETE_MANY"], seen["DELETE_MANY rounds"]) == (4, 4, 1)
    assert not d


@pytest.mark.parametrize("cls", [BasicS3Dict, S3Dict])
def test_listings_take_a_request_per_thousand(slow, place, tmp_path, cls):
    d = cls(**place, **({"base_dir": tmp_path} if cls is S3Dict else {}))
    slow.fill([f"b/{d.root_prefix}{i}.pkl" for i in range(2001)], pickle.dumps(1))
    for listing in (len, lambda d: sum(1 for _ in d), lambda d: d.oldest_keys(2)):
        with slow.counting() as seen:
            listing(d)
        assert seen["LIST"] == seen["LIST 200"] == 3
        assert sum(n for kind, n in seen.items() if kind.isalpha() and kind.isupper()) == 3


@pytest.mark.parametrize("cls", [BasicS3Dict, S3Dict])
def test_deletion_takes_one_request_where_the_server_knows_the_star(slow, place, tmp_path, cls):
    d = cls(**place, **({"base_dir": tmp_path} if cls is S3Dict else {}))
    d.update(a=1, b=2)
    d.discard("warm")  # what the server can do is found out now
    with slow.counting() as seen:
        del d["a"]
        assert d.discard("b")
        assert not d.discard("b")
    assert {k: n for k, n in seen.items() if k.startswith("DELETE ")} == {
        "DELETE 204": 2,
        "DELETE 404": 1,
    }
    assert seen["most"] == 1
    assert not seen["HEAD"]


# Write-once


@pytest.fixture(params=["basic", "cached", "sub-dict"])
def make_write_once(request, slow, place, tmp_path):
    params = {**place, "max_workers": WORKERS, "append_only": True}
    if request.param == "cached":
        wrapped = S3Dict(base_dir=tmp_path, **params)
    else:
        wrapped = BasicS3Dict(**params)
    wrapped["warm"] = 0  # what the server can do is found out now
    if request.param == "sub-dict":
        wrapped = wrapped.get_subdict("x").get_subdict("y")
    return lambda p: WriteOnceDict(wrapped_dict=wrapped, p_consistency_checks=p)


def test_write_once_writes_and_compares_in_parallel(slow, make_write_once):
    d = make_write_once(1)
    slow.configure(together={"PUT": WORKERS, "GET": WORKERS})
    with slow.counting() as seen:
        d.update(ITEMS)
    assert seen["PUT rounds"] == ROUNDS
    assert seen["GET"] == 0
    with slow.counting() as seen:
        d.update(ITEMS)
    assert seen["PUT 412"] == N
    assert seen["PUT rounds"] == seen["GET rounds"] == ROUNDS
    assert d.consistency_checks_passed == N


def test_write_once_keeps_the_first_of_each(make_write_once):
    d = make_write_once(0)
    d.update([("a", 1), ("a", 2), ("b", 3)])
    d.set_many([("a", 4), ("c", 5)])
    assert list(d.get_many("abc")) == [(("a",), 1), (("b",), 3), (("c",), 5)]
    assert d.consistency_checks_attempted == 0


def test_write_once_finds_what_differs(make_write_once):
    d = make_write_once(1)
    d["b"] = 0
    with pytest.raises(MutationPolicyError):
        d.update([("a", 1), ("b", 0), ("b", 1), ("c", 2)])
    assert (d.consistency_checks_passed, d.consistency_checks_failed) == (1, 1)
    assert d["b"] == 0


def test_write_once_reports_what_came_first(make_write_once):
    """A conflict that precedes another error is what is raised."""

    def items():
        yield "a", 2
        raise RuntimeError("after it")

    d = make_write_once(1)
    d["a"] = 1
    with pytest.raises(MutationPolicyError):
        d.update(items())
    with pytest.raises(TypeError):
        d.update([("a", 1), ("b", d)])
    assert d.consistency_checks_passed == 1


# What stays behind


@pytest.fixture
def iterating(slow, place):
    d = BasicS3Dict(max_workers=WORKERS, **place)
    d.update(ITEMS)
    assert not workers()
    return d


def test_an_iterator_that_is_closed(iterating):
    values = iter(iterating.values())
    next(values)
    assert workers()
    values.close()
    assert not workers()


def test_an_iterator_that_is_forgotten(iterating):
    values = iter(iterating.items())
    next(values)
    assert workers()
    del values
    gc.collect()
    assert not workers()


def test_an_iterator_that_only_the_garbage_collector_finds(iterating):
    cycle = [iter(iterating.items())]
    cycle.append(cycle)
    next(cycle[0])
    assert workers()
    del cycle
    gc.collect()
    assert not workers()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_of_the_consumer(iterating, error):
    def consume():
        for _ in iterating.values():
            assert workers()
            raise error

    with pytest.raises(error):
        consume()
    assert not workers()


def test_an_error_of_a_value(iterating, slow):
    slow.fill([f"b/{iterating.root_prefix}k05.pkl"], b"?")
    got = []
    with pytest.raises(BackendError, match="k05"):
        got.extend(iterating.values())
    assert not workers()
    got = []
    with pytest.raises(BackendError, match="k05"):
        got += (value for value in iterating.values())
    assert got == [0, 1, 2, 3, 4]


def test_a_collection_in_a_worker_of_the_abandoned_iterator(monkeypatch):
    trouble = []
    monkeypatch.setattr(sys, "unraisablehook", trouble.append)
    forgotten = threading.Event()

    def call(number):
        if number == 1:
            assert forgotten.wait(30)
            gc.collect()
        return number

    gc.disable()  # nobody but that worker finds it
    try:
        cycle = [ordered_map(call, range(8), 2)]
        cycle.append(cycle)
        assert next(cycle[0]) == 0
        left = workers()
        del cycle
        forgotten.set()
        for thread in left:
            thread.join(30)
    finally:
        gc.enable()
    assert left
    assert not workers()
    assert not trouble


def test_an_interrupt_while_waiting():
    """What Ctrl-C does: it comes up where the caller waits for a result."""
    import _thread

    if threading.current_thread() is not threading.main_thread():
        pytest.skip("only the main thread is interrupted")

    def call(number):
        if number == 5:
            _thread.interrupt_main()
        return number

    with pytest.raises(KeyboardInterrupt):
        list(ordered_map(call, range(20), 4))
    for thread in workers():
        thread.join(30)  # the interrupt may have come up where its end was waited for
    assert not workers()


# Memory


def peak_of_reading(d):
    gc.collect()
    # coverage.py keeps a tracer for every thread that ever was: the workers go without.
    hook = threading.gettrace()
    threading.settrace(None)
    tracemalloc.start()
    try:
        count = sum(1 for _ in d.items())
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        threading.settrace(hook)


class Many:
    """Answers to requests as a bucket of `n` objects of 1,000 bytes would give them."""

    def __init__(self, monkeypatch, n):
        self.n = n
        body = pickle.dumps(b"x" * 1000, 5)
        self.size = len(body)
        found = Found('"e"', 1.0, "", self.size)
        for transport in (BotoObjects, FastObjects):
            monkeypatch.setattr(transport, "get", lambda *_: (bytes(bytearray(body)), found))
        monkeypatch.setattr(BotoObjects, "page", self.page)

    def page(self, directory, token, *, limit=1000, deep=True):
        start = int(token or 0)
        end = min(start + limit, self.n)
        objects = [(f"{directory}k{i}.pkl", '"e"', 1.0, self.size) for i in range(start, end)]
        return Page(objects, [], str(end) if end < self.n else None)


@pytest.mark.slow
@pytest.mark.parametrize("cached", [False, True])
def test_memory_is_flat(place, monkeypatch, cached):
    d = BasicS3Dict(max_workers=WORKERS, **place)
    if cached:
        d = MutableDictCached(main_dict=d, data_cache=Forgetful(), etag_cache=Forgetful())
    peaks = []
    for n in (500, 2_000, 10_000):  # the first also pays for what is made only once
        Many(monkeypatch, n)
        count, peak = peak_of_reading(d)
        assert count == n
        peaks.append(peak)
    # The values alone are 10 MB. Without GIL, each thread has a heap of its own.
    assert peaks[2] < peaks[1] + 1_000_000


class Forgetful(LocalDict):
    """A cache that takes everything and keeps nothing."""

    def _store(self, key, value, expected):
        stat = super()._store(key, value, expected)
        with contextlib.suppress(KeyError):
            self._erase(key, stat.etag)
        return stat


# ETags without quotes


@pytest.mark.parametrize(("quoted", "wants_quoted"), [(True, False), (False, False), (False, True)])
def test_etags_in_every_form(slow, place, tmp_path, quoted, wants_quoted):
    """Ceph compares a condition with the bare ETag; some answers and listings lack the quotes."""
    slow.configure(quoted=quoted, wants_quoted=wants_quoted)
    # A bucket of its own, since what a server can do is remembered.
    place["bucket_name"] = f"b-{quoted}-{wants_quoted}".lower()
    d = BasicS3Dict(strict_conditions=True, **place)
    d["n"] = 1
    for _ in range(3):
        d.transform_item("n", transformer=lambda n: n + 1)
    assert d["n"] == 4
    assert d.etag("n").startswith('"')
    assert d.etag("n") == next(stat.etag for _, stat in d._scan(d._prefix))
    old = d.etag("n")
    d["n"] = 5
    assert d.pop("n") == 5
    assert d.setdefault("n", 6) == 6
    assert d.etag("n") != old
    cached = S3Dict(base_dir=tmp_path, **place)
    assert [cached["n"], cached["n"], *cached.values()] == [6, 6, 6]
    del cached["n"]
    assert not d


def test_a_server_that_ignores_if_none_match_on_reads(slow, place):
    """It sends the value again, but known stays known."""
    slow.configure(wants_quoted=False)
    d = BasicS3Dict(**place)
    d["a"] = 1
    found, stat = d._load(d._complete("a"), d.etag("a"))
    assert found is not None
    assert repr(found) == "VALUE_NOT_RETRIEVED"
    assert stat.etag == d.etag("a")


def test_connections_suffice_for_the_workers(slow, place):
    for params in ({"max_workers": 50}, {}, {"config": Config(max_pool_connections=70)}):
        d = BasicS3Dict(**place, **params)
        assert d._connection.client().meta.config.max_pool_connections >= d.max_workers
