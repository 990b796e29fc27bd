"""`Queue`: each task is done, its result recorded once, whoever dies."""

import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from persidict.core import LocalDict
from persidict.wrappers import Queue
from persidict.wrappers._coordination import queue as queue_module
from tests.wrappers.wrapper_doubles import taken, watched


@pytest.fixture(params=["memory", "files", "json"])
def store(request, tmp_path):
    if request.param == "memory":
        return LocalDict()
    pytest.importorskip("persidict.file")
    from persidict.file import FileDirDict

    format_name = "json" if request.param == "json" else "pkl"
    return FileDirDict(base_dir=tmp_path, durable=False, serialization_format=format_name)


def test_tasks_come_in_order(store):
    queue = Queue(store, "jobs")
    numbers = [queue.put({"n": n}) for n in range(3)]
    assert numbers == [0, 1, 2]
    assert len(queue) == 3
    tasks = [Queue(store, "jobs").get() for _ in range(3)]
    assert [task.value for task in tasks] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [task.attempt for task in tasks] == [1, 1, 1]
    assert queue.get(timeout=0) is None
    for task in tasks:
        assert task.done(task.value["n"] * 10)
    assert dict(queue.results()) == {0: 0, 1: 10, 2: 20}
    assert (queue.result(1), queue.pop_result(1), queue.result(1)) == (10, 10, None)
    assert len(queue) == 0
    assert {key[1] for key in store} == {"state", "results"}


def test_queues_and_other_items_share_a_store(store):
    store["other"] = 1
    first, second = Queue(store, "first"), Queue(store, ("second", "of", "two"))
    first.put(1)
    assert second.get(timeout=0) is None
    assert first.get(timeout=0).value == 1
    assert store["other"] == 1


@pytest.mark.parametrize("value", ["text", "5", {"a": 1}, '{"sign": "", "other": 1}'])
def test_an_item_that_is_no_queue_is_left_alone(store, value):
    store["jobs", "state"] = value
    queue = Queue(store, "jobs")
    for act in (lambda: queue.put(1), lambda: queue.get(timeout=0), lambda: len(queue)):
        with pytest.raises(ValueError, match="no queue"):
            act()
    assert store["jobs", "state"] == value


def test_a_failed_task_is_given_to_another_worker_and_then_put_aside(store):
    queue = Queue(store, "jobs", max_attempts=2)
    number = queue.put("difficult")
    queue.put("easy")
    with pytest.raises(LookupError), queue.get() as task:
        raise LookupError("where is it?")
    again = queue.get()
    assert (again.number, again.attempt) == (number, 2)
    again.fail("no")
    assert [tuple(letter) for letter in queue.dead_letters()] == [(number, "difficult", "no")]
    assert queue.get().value == "easy"
    assert queue.get(timeout=0) is None
    new_number = queue.revive(number)
    assert list(queue.dead_letters()) == []
    assert queue.revive(number) is None
    with queue.get() as task:
        assert (task.number, task.attempt, task.value) == (new_number, 1, "difficult")
    assert queue.result(new_number, "absent") is None
    with pytest.raises(RuntimeError, match="was ended before"):
        task.done()
    with pytest.raises(RuntimeError, match="was ended before"):
        task.fail()


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The time by which workers watch each other; nobody sends heartbeats."""
    turned = Clock()
    monkeypatch.setattr(queue_module.time, "monotonic", turned.monotonic)
    monkeypatch.setattr(queue_module.Task, "start", lambda self: None)
    return turned


def test_the_task_of_a_dead_worker_is_done_by_another_one(store, clock):
    queue = Queue(store, "jobs", visibility=10)
    queue.put("x")
    dead = Queue(store, "jobs", visibility=10).get()
    assert queue.get(timeout=0) is None
    clock.now += 9.9
    assert queue.get(timeout=0) is None
    assert dead.beat()
    clock.now += 0.1
    assert queue.get(timeout=0) is None, "it lives"
    clock.now += 10
    assert queue.get(timeout=0) is None
    heir = queue.get(timeout=0)
    assert (heir.value, heir.attempt) == ("x", 2)
    assert not dead.beat()
    assert heir.done("heir")
    assert not dead.done("dead")
    assert queue.result(0) == "heir"


def test_a_slow_worker_may_be_first(store, clock):
    queue = Queue(store, "jobs", visibility=10)
    queue.put("x")
    slow = queue.get()
    queue.get(timeout=0)
    clock.now += 10
    queue.get(timeout=0)
    heir = queue.get(timeout=0)
    assert slow.done("slow")
    assert not heir.done("heir")
    assert queue.result(0) == "slow"
    assert {key[1] for key in store} == {"state", "results"}


def test_a_worker_that_dies_after_its_last_attempt(store, clock):
    queue = Queue(store, "jobs", visibility=10, max_attempts=1)
    queue.put("x")
    queue.get()
    queue.get(timeout=0)
    clock.now += 10
    queue.get(timeout=0)
    (letter,) = queue.dead_letters()
    assert tuple(letter) == (0, "x", "no heartbeat from its worker")
    assert queue.get(timeout=0) is None


class Died(BaseException):
    pass


@pytest.mark.parametrize("step", range(1, 9))
def test_a_worker_dies_between_any_two_requests(clock, step):
    """Whatever it has done by then, the task is done in the end, with one result."""
    store, left = LocalDict(), [step]

    class Dying(LocalDict):
        def _store(self, key, value, expected):
            left[0] -= 1
            if left[0] == 0:
                raise Died
            return super()._store(key, value, expected)

        def _erase(self, key, expected):
            left[0] -= 1
            if left[0] == 0:
                raise Died
            super()._erase(key, expected)

    queue = Queue(store, "jobs", visibility=10)
    queue.put("x")
    with suppress(Died):
        Queue(Dying(backend=store.backend), "jobs", visibility=10).get().done("first")
    for _ in range(4):
        clock.now += 10
        task = queue.get(timeout=0)
        if task is not None:
            task.done("second")
    assert queue.result(0) in ("first", "second")
    assert {key[1] for key in store} == {"state", "results"}


@pytest.mark.parametrize("step", [1, 2, 3])
def test_who_puts_dies_between_two_requests(step):
    """A task that put() did not return is there or not; the others are."""
    store, left = LocalDict(), [step]

    class Dying(LocalDict):
        def _store(self, key, value, expected):
            left[0] -= 1
            if left[0] <= 0:
                raise Died
            return super()._store(key, value, expected)

    with pytest.raises(Died):
        Queue(Dying(backend=store.backend), "jobs").put("lost")
    queue = Queue(store, "jobs")
    queue.put("kept")
    with queue.get(timeout=0) as task:
        assert task.value == "kept"
    assert queue.get(timeout=0) is None


def test_a_value_that_can_not_be_stored_leaves_no_task():
    queue = Queue(LocalDict(base_class_for_values=object), "jobs")
    with pytest.raises(TypeError):
        queue.put(LocalDict())
    queue.put("fine")
    assert queue.get(timeout=0).value == "fine"


@pytest.mark.slow
def test_claiming_takes_a_fixed_number_of_requests():
    def requests(waiting):
        calls = []
        queue = Queue(watched(calls), "jobs")
        for n in range(waiting):
            queue.put(n)
        taken(calls)
        queue.get()
        return taken(calls)

    few, many = requests(2), requests(10_000)
    assert few == many
    assert "scan" not in many
    assert len(many) < 12


def test_threads_do_every_task_once(store):
    queue, done = Queue(store, "jobs"), []

    def work(_):
        own = Queue(store, "jobs")
        while (task := own.get(timeout=0)) is not None:
            with task:
                done.append(task.value)

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(queue.put, range(20)))
        list(pool.map(work, range(4)))
    assert sorted(done) == list(range(20))
    assert sorted(numbers) == sorted(number for number, _ in queue.results())


def test_queues_travel(tmp_path):
    pytest.importorskip("persidict.file")
    from persidict.file import FileDirDict

    queue = Queue(FileDirDict(base_dir=tmp_path), "jobs", visibility=5, max_attempts=2)
    other = pickle.loads(pickle.dumps(queue))
    other.put(1)
    assert (queue.get().value, other.visibility, other.max_attempts) == (1, 5.0, 2)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="store must be a PersiDict"):
        Queue({}, "jobs")
    for unfit in (LocalDict(append_only=True), LocalDict(base_class_for_values=str)):
        with pytest.raises(ValueError, match="can't hold a queue"):
            Queue(unfit, "jobs")
    for wrong in (0, 1.5, True):
        with pytest.raises((TypeError, ValueError), match="max_attempts must be"):
            Queue(LocalDict(), "jobs", max_attempts=wrong)
    with pytest.raises(ValueError, match="visibility must be a positive number"):
        Queue(LocalDict(), "jobs", visibility=0)


def test_workers_are_killed_at_any_moment(tmp_path):
    """Each result is recorded once, and none is lost."""
    pytest.importorskip("persidict.file")
    from persidict.file import FileDirDict

    directory, log = tmp_path / "store", tmp_path / "log"
    log.mkdir()
    queue = Queue(FileDirDict(base_dir=directory, durable=False), "jobs", visibility=0.5)
    numbers = [queue.put(n) for n in range(60)]
    script = str(Path(__file__).with_name("queue_worker.py"))
    random_source = random.Random(5)

    def started():
        return subprocess.Popen(
            [sys.executable, script, str(directory), str(log)], stdout=subprocess.PIPE, text=True
        )

    workers = [started() for _ in range(3)]
    kills = 0
    try:
        while sum(1 for _ in queue.results()) < len(numbers):
            victim = random_source.randrange(len(workers))
            assert workers[victim].stdout.readline() == "ready\n"
            # The more is done, the later: at least one worker always gets on.
            seen = sum(1 for _ in log.iterdir())
            while kills < 6 and sum(1 for _ in log.iterdir()) < seen + 2:
                if sum(1 for _ in queue.results()) == len(numbers):
                    break
            if kills < 6:
                workers[victim].kill()
                workers[victim].communicate()
                kills += 1
                workers[victim] = started()
            else:
                while sum(1 for _ in queue.results()) < len(numbers):
                    assert any(worker.poll() is None for worker in workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    assert {number: value[0] for number, value in queue.results()} == {
        number: number * 2 for number in numbers
    }
    assert kills > 0
