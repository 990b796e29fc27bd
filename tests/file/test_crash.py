"""Writers that die at any moment: nothing acknowledged lost, nothing half written seen."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from persidict import ITEM_NOT_AVAILABLE
from tests.support.crashes import apply, contents_after, fork, kill_self, killed, plan_of

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither fork nor SIGKILL"
)

KILLS = 100


@pytest.mark.slow
def test_a_writer_killed_at_random_moments(make, leftovers, tree):
    seed = random.randrange(2**32)
    print("seed:", seed)
    generator = random.Random(seed)
    contents, kills = {}, 0
    while kills < KILLS:
        plan = plan_of(generator, 12)
        durable = generator.random() < 0.5
        acknowledged, acknowledge = os.pipe()

        def write(plan=plan, durable=durable, acknowledge=acknowledge):
            d = make(durable=durable)
            for key, value in plan:
                apply(d, key, value)
                os.write(acknowledge, b".")

        child = fork(write)
        os.close(acknowledge)
        wanted = generator.randrange(11)
        done = len(os.read(acknowledged, 1)) if wanted else 0
        while 0 < done < wanted and (more := len(os.read(acknowledged, 1))):
            done += more
        time.sleep(generator.uniform(0, 0.003))  # the random moment
        os.kill(child, signal.SIGKILL)
        kills += killed(child)
        while more := len(os.read(acknowledged, 4096)):
            done += more
        os.close(acknowledged)

        found = {tuple(key): value for key, value in make().items()}
        certain = contents_after(contents, plan[:done])
        assert found in (certain, contents_after(contents, plan[: done + 1]))
        assert len(make()) == len(found)
        assert make().oldest_keys(100)[len(found) :] == []
        contents = found

    make()["a"] = None
    assert leftovers() == []
    make().clear()
    assert tree() == []


def test_increments_of_killed_processes(make):
    seed = random.randrange(2**32)
    print("seed:", seed)
    generator = random.Random(seed)
    acknowledged, acknowledge = os.pipe()
    make()["n"] = 0

    def increment():
        d = make()
        while True:
            d.transform_item("n", transformer=lambda n: n + 1, n_retries=None)
            os.write(acknowledge, b".")

    kills = 20
    for _ in range(kills // 2):
        children = [fork(increment), fork(increment)]
        os.read(acknowledged, 1)
        for child in children:
            time.sleep(generator.uniform(0, 0.005))
            os.kill(child, signal.SIGKILL)
            killed(child)
    os.close(acknowledge)
    done = kills // 2
    while more := len(os.read(acknowledged, 4096)):
        done += more
    os.close(acknowledged)
    assert done <= make()["n"] <= done + kills


OPERATIONS = {
    "insert": (["other"], lambda d: d.setdefault("a", "new")),
    "insert in a new directory": ([], lambda d: d.__setitem__(("x", "y", "z"), "new")),
    "replace": (["a", "other"], lambda d: d.__setitem__("a", "new")),
    "transform": (
        [("b", "a")],
        lambda d: d.transform_item(
            ("b", "a"), transformer=lambda v: "new" if v is ITEM_NOT_AVAILABLE else v + "!"
        ),
    ),
    "delete": ([("b", "a"), "other"], lambda d: d.discard(("b", "a"))),
    "pop": (["a"], lambda d: d.pop("a")),
    "clear": ([("b", "a")], lambda d: d.clear()),
}
CALLS = ["open", "write", "utime", "fsync", "link", "rename", "replace", "unlink", "rmdir", "mkdir"]
CALLS += ["close", "fstat", "stat"]


def die_before_call(monkeypatch, number):
    """Make the process kill itself instead of doing its n-th system call."""
    calls = iter(range(number))

    def guarded(original):
        def call(*args, **kwargs):
            if next(calls, None) is None:
                kill_self()
            return original(*args, **kwargs)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_process_killed_before_each_of_its_system_calls(name, make, leftovers, tree, monkeypatch):
    present, operation = OPERATIONS[name]
    number, died = 0, True
    while died:
        d = make()
        d.clear()
        for key in present:
            d[key] = "old"
        before = dict(d)

        def work(number=number):
            handle = make(durable=True)
            die_before_call(monkeypatch, number)
            operation(handle)

        died = killed(fork(work))
        found = dict(make())
        if found != before:
            assert len(found.items() ^ before.items()) <= 2
            assert set(found.values()) <= {"old", "new", "old!"}
        for key in present:
            make()[key] = "again"  # also where a lock was held
        make()["last"] = "again"
        assert leftovers() == []
        number += 1
    assert number > 3
    assert found != before
    make().clear()
    assert tree() == []


def test_clear_removes_the_directories_of_a_writer_killed_before_its_first_file(
    make, tree, monkeypatch
):
    long = "c" * 250

    def work():
        die_before_call_of("link", monkeypatch)
        make()["x", "y", long, "z"] = 1

    make()["a", "b"] = 1
    assert killed(fork(work))
    foreign = Path(make().base_dir) / "foreign directory"
    foreign.mkdir()
    make().clear()
    assert tree() == ["foreign directory"]


def die_before_call_of(name, monkeypatch):
    monkeypatch.setattr(os, name, lambda *args, **kwargs: kill_self())


def die_before_commit(make, monkeypatch):
    """Leave behind what a writer killed between writing and naming its file leaves."""

    def work():
        die_before_call_of("link", monkeypatch)
        make()["never"] = "value"

    assert killed(fork(work))


def test_the_file_of_a_killed_writer_is_invisible(make, leftovers, tree, monkeypatch):
    make()["a"] = 1
    die_before_commit(make, monkeypatch)
    assert len(leftovers()) == 1
    d = make()
    assert list(d) == [("a",)]
    assert (len(d), dict(d), list(d.subdicts())) == (1, {("a",): 1}, ["a"])
    assert "never" not in d
    assert len(tree()) == 1


def test_the_next_writer_cleans_up(make, leftovers, monkeypatch):
    make()["a"] = 1
    for _ in range(3):
        die_before_commit(make, monkeypatch)
    make()["b"] = 2
    assert leftovers() == []
    assert len(make()) == 2


def test_the_file_of_a_living_writer_stays(make, leftovers, monkeypatch):
    reached, reach = os.pipe()
    released, release = os.pipe()

    def work():
        link = os.link

        def slow_link(*args, **kwargs):
            os.write(reach, b".")
            os.read(released, 1)
            link(*args, **kwargs)

        monkeypatch.setattr(os, "link", slow_link)
        make()["slow", "a"] = 1

    child = fork(work)
    os.read(reached, 1)
    [path] = leftovers()
    os.utime(path, (0, 0))  # however long it takes
    make()["fast", "b"] = 2
    assert leftovers() == [path]
    os.write(release, b".")
    assert not killed(child)
    assert dict(make()) == {("slow", "a"): 1, ("fast", "b"): 2}
    assert leftovers() == []
    for descriptor in (reached, reach, released, release):
        os.close(descriptor)


def test_files_from_other_hosts_are_dead_when_they_are_old(make, leftovers, monkeypatch):
    make()["a"] = 1
    for host in ("00000001", "00000002"):
        monkeypatch.setattr("persidict.file.pending_file.host", lambda host=host: host)
        die_before_commit(make, monkeypatch)
    monkeypatch.undo()
    old, young = leftovers()
    day_ago = time.time() - 86400
    os.utime(old, (day_ago, day_ago))
    make()["b"] = 1
    assert leftovers() == [young]


def test_a_lock_does_not_outlive_its_process(make, monkeypatch):
    make()["a"] = 1

    def work():
        die_before_call_of("rename", monkeypatch)
        make()["a"] = 2

    assert killed(fork(work))
    make()["a"] = 3
    assert make()["a"] == 3
