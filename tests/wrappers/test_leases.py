"""Leases: one owner at a time, also when owners die, at a clock that the test turns."""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from persidict.core import BackendError, LocalBackend, LocalDict, NonEmptySafeStrTuple
from persidict.wrappers import memoize
from persidict.wrappers._coordination.claim import Claim
from tests.wrappers.wrapper_doubles import Watched, broken

KEY = NonEmptySafeStrTuple("job")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Contender:
    """Somebody who wants the lease, with a clock of its own."""

    def __init__(self, store, seconds=10.0):
        self.claim = Claim(store, KEY, seconds)
        self.clock = self.claim.clock = Clock()

    def try_it(self, after=0.0):
        """Do what a waiting call does at each look."""
        self.clock.now += after
        return self.claim.look()


@pytest.fixture
def store():
    return LocalDict()


def test_one_has_it_until_it_is_released(store):
    one, other = Contender(store), Contender(store)
    assert one.try_it()
    assert not other.try_it()
    one.claim.release()
    assert len(store) == 0
    assert other.try_it()


def test_clocks_need_not_agree(store):
    one, other = Contender(store), Contender(store)
    other.clock.now = 1e9
    assert one.try_it()
    assert not other.try_it()
    assert not other.try_it(after=9.9)
    assert other.try_it(after=0.1), "no heartbeat for ten seconds"


def test_heartbeats_keep_it(store):
    one, other = Contender(store), Contender(store)
    assert one.try_it()
    for _ in range(5):
        assert not other.try_it(after=9)
        assert one.claim.beat()
    assert not other.try_it(after=9)
    assert not other.try_it(after=9)
    assert other.try_it(after=1)


def test_the_owner_says_how_long_it_lasts(store):
    patient, hasty = Contender(store, 100), Contender(store, 1)
    assert patient.try_it()
    assert not hasty.try_it()
    assert not hasty.try_it(after=99)
    assert hasty.try_it(after=1)
    assert not patient.claim.beat()
    third = Contender(store, 50)
    assert not third.try_it()
    assert third.try_it(after=1)


def test_one_of_those_who_wait_takes_over(store):
    dead = Contender(store)
    assert dead.try_it()
    waiting = [Contender(store) for _ in range(5)]
    assert not any(one.try_it() for one in waiting)
    assert [one.try_it(after=10) for one in waiting] == [True, False, False, False, False]
    assert not any(one.try_it(after=9) for one in waiting[1:])


def test_who_lost_it_takes_nothing_away(store, caplog):
    slow, other = Contender(store), Contender(store)
    assert slow.try_it()
    assert not other.try_it()
    assert other.try_it(after=10)
    assert "taken over" in caplog.text
    assert not slow.claim.beat()
    assert "taken over from this process" in caplog.text
    slow.claim.release()
    assert set(store) == {KEY}
    other.claim.release()
    assert len(store) == 0


def test_leases_that_say_nothing_we_know(store):
    for text in ("nonsense", "[]", '{"seconds": "x"}', "5"):
        store[KEY] = text
        one = Contender(store)
        assert not one.try_it()
        assert not one.try_it(after=9.9)
        assert one.try_it(after=0.1)


def test_what_can_be_no_lease_is_left_alone(store):
    store[KEY] = {"somebody's": "data"}
    with pytest.raises(TypeError, match="can't be a lease, because its value is of type dict"):
        Contender(store).try_it()
    assert store[KEY] == {"somebody's": "data"}


def test_a_lease_that_goes_while_it_is_looked_at(store, monkeypatch):
    one, other = Contender(store), Contender(store)
    assert one.try_it()
    assert not other.try_it()
    one.claim.release()
    assert not other.claim.is_in_force()
    assert other.try_it()


def test_equal_texts_are_two_versions(store):
    one = Contender(store)
    assert one.try_it()
    first = store[KEY]
    assert one.claim.beat()
    assert store[KEY] != first
    assert json.loads(first)["seconds"] == 10.0


def test_pauses_grow_and_are_bounded(store):
    def waiting(seconds):
        one, other = Contender(store, seconds), Contender(store)
        assert one.try_it()
        assert not other.try_it()
        one.claim.release()
        return other.claim

    waiting_for_long = waiting(30)
    pauses = [waiting_for_long.pause() for _ in range(100)]
    assert all(0.0025 <= pause <= 0.5 for pause in pauses)
    assert sum(pauses[:5]) < 0.1
    assert min(pauses[20:]) >= 0.25
    assert waiting(0.01).pause() <= 0.0025


class Signals(LocalDict):
    """A dict that counts writes for threads that wait for them."""

    def __init__(self, **params):
        super().__init__(**params)
        self.written = threading.Semaphore(0)

    def _store(self, key, value, expected):
        stat = super()._store(key, value, expected)
        self.written.release()
        return stat


def test_a_computation_sends_heartbeats():
    leases = Signals()

    def slow(x):
        for _ in range(4):  # the first is the lease itself
            assert leases.written.acquire(timeout=60)
        return len(leases)

    f = memoize(LocalDict(), once=True, lease=0.01, lease_store=leases, name="slow")(slow)
    assert f(1) == 1
    assert len(leases) == 0
    for thread in threading.enumerate():
        if thread.name == "persidict-lease":
            thread.join(60)
            assert not thread.is_alive()


def test_nothing_stays_behind_if_no_thread_can_be_started(monkeypatch):
    store = LocalDict()
    f = memoize(store, once=True, name="f")(lambda x: x + 1)

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            f(1)
    assert len(store) == 0
    assert f(1) == 2


def test_a_store_that_fails_behind_the_lease():
    store, leases = Watched(), LocalDict()
    f = memoize(store, once=True, lease_store=leases, name="f")(lambda x: x + 1)
    take = Claim.take

    def take_and_break(self):
        taken = take(self)
        store.failure = broken()
        return taken

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Claim, "take", take_and_break)
        with pytest.raises(BackendError):
            f(1)
    store.failure = None
    assert len(leases) == 0
    assert f(1) == 2


def test_a_store_that_fails_for_a_while(caplog):
    store = Watched()
    one = Contender(store)
    assert one.try_it()
    store.failure = broken()
    assert one.claim.beat(), "the next one may get through"
    one.claim.release()
    assert "can't be renewed now" in caplog.text
    assert "can't be released" in caplog.text
    store.failure = None
    assert one.claim.beat()


def test_a_lease_lost_while_computing(caplog):
    backend = LocalBackend()
    store = LocalDict(backend=backend)
    lost = threading.Event()

    def slow(x):
        key = ("=leases", f.key_of(x))
        del store[key]  # as if it had expired ...
        store[key] = "another's"
        store[f.key_of(x)] = "another's result"  # ... and another one had computed
        assert lost.wait(60)
        return "mine"

    def tell(record):
        if "taken over from" in record.getMessage():
            lost.set()
        return True

    caplog.handler.addFilter(tell)
    f = memoize(store, once=True, lease=0.01, name="slow")(slow)
    assert f(1) == "another's result"
    assert store["=leases", f.key_of(1)] == "another's"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_leaves_the_lease_alone(store):
    one = Contender(store)
    assert one.try_it()
    child = os.fork()
    if child == 0:
        try:
            one.claim.release()
            os._exit(0 if KEY in store else 2)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    one.claim.release()
    assert len(store) == 0


class Workers:
    """Processes that call one memoised function with one argument, and are conducted."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = []

    def start(self, count, lease):
        script = str(Path(__file__).with_name("memoize_workers.py"))
        task = json.dumps({"base_dir": str(self.directory), "x": 1, "lease": lease})
        new = [
            subprocess.Popen(
                [sys.executable, script, task],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]
        self.processes += new
        for process in new:
            assert self.line(process) == "ready"
        return new

    @staticmethod
    def line(process):
        line = process.stdout.readline()
        assert line, f"a worker died with {process.wait()}; its traceback is in stderr"
        return line.strip()

    @staticmethod
    def say(process, what="go"):
        process.stdin.write(f"{what}\n")
        process.stdin.flush()

    def computations(self):
        return sorted(path.name for path in Path(self.directory).glob("computed-*"))

    def stop(self):
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def workers(tmp_path):
    pytest.importorskip("persidict.file")
    conducted = Workers(tmp_path)
    yield conducted
    conducted.stop()


def conduct(workers, processes):
    """Let all who compute finish, and return who computed and what each process got."""
    heard, computed, results = queue.Queue(), [], {}

    def listen(process):
        for line in process.stdout:
            heard.put((process, line.strip()))
        heard.put((process, ""))

    for process in processes:
        threading.Thread(target=listen, args=(process,), daemon=True).start()
    while len(results) < len(processes):
        process, line = heard.get(timeout=120)
        if not line:
            assert process.pid in results, f"a worker died with {process.wait()}: see stderr"
        elif line == "computing":
            computed.append(process.pid)
            workers.say(process)
        else:
            results[process.pid] = json.loads(line)["result"]
    return computed, results


def test_eight_processes_compute_once(workers):
    processes = workers.start(8, lease=120)
    for process in processes:
        workers.say(process)
    (owner,), results = conduct(workers, processes)
    assert list(results.values()) == [{"x": 1, "by": owner}] * 8
    assert workers.computations() == [f"computed-{owner}-1"]


def test_a_killed_owner_is_replaced(workers):
    owner, *others = workers.start(4, lease=0.5)
    workers.say(owner)
    assert workers.line(owner) == "computing"
    for process in others:
        workers.say(process)
    owner.kill()
    owner.wait()
    # On a busy machine an heir may be slow to send heartbeats, and be replaced itself.
    heirs, results = conduct(workers, others)
    (result,) = {json.dumps(result) for result in results.values()}
    assert json.loads(result)["by"] in heirs
    assert len(workers.computations()) == 1 + len(heirs)


def test_after_an_error_another_one_computes(workers):
    owner, other = workers.start(2, lease=60)
    workers.say(owner)
    assert workers.line(owner) == "computing"
    workers.say(other)
    workers.say(owner, "fail")
    assert json.loads(workers.line(owner)) == {"error": "told to fail"}
    assert workers.line(other) == "computing"
    workers.say(other)
    assert json.loads(workers.line(other))["result"]["by"] == other.pid
