"""Operations of many processes and threads on one store: nothing lost, nothing done twice."""

import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from persidict import ITEM_NOT_AVAILABLE, LocalDict

PROCESSES = 8
NO_PATIENCE = pytest.mark.skipif(
    sys.platform == "win32", reason="what they do instead fails while somebody has the file open"
)
KEYS = 200
NAMES = [f"stays-{i}" for i in range(20)]


def key_of(i):
    return f"k{i}" if i % 2 else ("directory", f"k{i}")


def has_one_winner_each(reports, count):
    return sorted(chain.from_iterable(reports)) == list(range(count))


def successor(count):
    return 1 if count is ITEM_NOT_AVAILABLE else count + 1


@pytest.mark.slow
def test_increments_of_processes_are_all_counted(run_workers, make):
    run_workers("increment", times=200)
    assert make()["n"] == PROCESSES * 200


def test_durable_increments_of_processes_are_all_counted(run_workers, make):
    run_workers("increment", times=25, durable=True)
    assert make()["n"] == PROCESSES * 25


def test_json_increments_of_processes_are_all_counted(run_workers, make):
    run_workers("increment", times=25, serialization_format="json")
    assert make(serialization_format="json")["n"] == PROCESSES * 25


def test_transformations_that_delete_lose_nothing(run_workers, make, tree):
    run_workers("cycle", times=101)
    assert make()["directory", "n"] == PROCESSES * 101 % 5
    run_workers("cycle", times=1, count=5 - PROCESSES * 101 % 5)
    assert tree() == []


@pytest.mark.parametrize("store", ["local", "file"])
def test_increments_of_threads_are_all_counted(store, make):
    d = LocalDict() if store == "local" else make()
    threads, times = 16, 50
    barrier = threading.Barrier(threads)

    def count(_):
        barrier.wait()
        for _ in range(times):
            d.transform_item("n", transformer=successor, n_retries=None)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(count, range(threads)))
    assert d["n"] == threads * times


@pytest.mark.parametrize("store", ["local", "file"])
def test_each_key_is_inserted_by_one_thread(store, make):
    d = LocalDict() if store == "local" else make()
    threads = 16
    barrier = threading.Barrier(threads)

    def insert(me):
        barrier.wait()
        return [i for i in range(KEYS) if d.setdefault(key_of(i), me) == me]

    with ThreadPoolExecutor(threads) as pool:
        reports = list(pool.map(insert, range(threads)))
    assert has_one_winner_each(reports, KEYS)


@pytest.mark.slow
@pytest.mark.parametrize("job", ["insert_if", "insert", "append"])
def test_each_key_is_inserted_by_one_process(job, run_workers, make):
    reports = run_workers(job, times=KEYS, append_only=job == "append")
    assert has_one_winner_each(reports, KEYS)
    winners = {i: worker for worker, won in enumerate(reports) for i in won}
    assert {key_of(i): winner for i, winner in winners.items()} == make()


def test_each_version_is_replaced_by_one_process(run_workers, make):
    d = make()
    d["turn"] = None
    reports = run_workers("compare_and_swap", times=100)
    assert has_one_winner_each(reports, 100)
    assert d["turn"][0] == 99


def test_each_item_is_popped_by_one_process(run_workers, make, tree):
    make().update((key_of(i), i) for i in range(KEYS))
    assert has_one_winner_each(run_workers("pop", times=KEYS), KEYS)
    assert tree() == []


def test_each_item_is_taken_by_one_process(run_workers, make, tree):
    make().update((key_of(i), i) for i in range(KEYS))
    assert has_one_winner_each(run_workers("popitem"), KEYS)
    assert tree() == []


def test_each_item_is_deleted_by_one_process(run_workers, make, tree):
    make().update((key_of(i), i) for i in range(KEYS))
    assert has_one_winner_each(run_workers("discard", times=KEYS), KEYS)
    assert tree() == []


def test_writing_while_others_clear_the_store(run_workers, make, tree):
    run_workers("write_while_cleared", times=150)
    d = make()
    assert set(d) <= {("a", "b", f"k{worker}") for worker in range(0, PROCESSES, 2)}
    d.clear()
    assert tree() == []


@pytest.mark.slow
def test_iteration_takes_constant_memory_and_no_lock(make, base, monkeypatch):
    d = make(digest_len=0)
    base.mkdir()
    for number in range(20_000):
        # Wine looks each new name up among all that are there.
        parent = base / f"d{number % 50}" if sys.platform == "win32" else base
        parent.mkdir(exist_ok=True)
        (parent / f"{number:060d}.pkl").touch()
    if sys.platform != "win32":
        monkeypatch.setattr("fcntl.flock", None)
    assert next(iter(d))  # what is imported and cached at first
    tracemalloc.start()
    try:
        seen = sum(1 for _ in d)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == 20_000
    assert peak < 2_000_000, "names alone take as much"


def test_reading_while_others_delete(run_workers, make):
    make().update((("stay", name), name) for name in NAMES)
    reports = run_workers("read_while_deleted", count=4, times=15)
    for look in chain.from_iterable(reports):
        for seen in look:
            assert seen == sorted(NAMES)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps open files from others")
@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.__setitem__("x", 2),
        lambda d: d.update(x=2, y=3),
        lambda d: d.transform_item("x", transformer=lambda _: "longer" * 9999),
        lambda d: d.discard("x"),
        lambda d: d.clear(),
    ],
    ids=["set", "update", "transform", "discard", "clear"],
)
def test_files_are_never_edited(change, durable, make, base):
    d = make(durable=durable)
    d["x"] = 1
    [path] = base.glob("x_*.pkl")
    with path.open("rb") as reader:
        before = path.read_bytes()
        change(d)
        assert reader.read() == before


def test_readers_see_complete_values(run_workers, make):
    make()["x"] = [1, [1]]
    run_workers("overwrite", times=100)


@NO_PATIENCE
def test_the_checks_notice_lost_updates(run_workers, make):
    run_workers("increment", times=1, racy=True)
    assert make()["n"] < PROCESSES


@NO_PATIENCE
@pytest.mark.parametrize("job", ["insert_if", "insert", "append"])
def test_the_checks_notice_two_winners(job, run_workers):
    reports = run_workers(job, times=1, racy=True, append_only=job == "append")
    assert not has_one_winner_each(reports, 1)


@NO_PATIENCE
def test_the_checks_notice_an_item_popped_twice(run_workers, make):
    make()[key_of(0)] = 0
    assert not has_one_winner_each(run_workers("pop", times=1, racy=True), 1)
