"""One handle in many threads, before and after a fork, in workers of all kinds, and in tasks."""

import asyncio
import errno
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from persidict import ITEM_NOT_AVAILABLE, BackendError, FileDirDict, LocalDict, describe
from persidict.core import local_items
from persidict.file.held import holders
from tests.file import pool_jobs

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def successor(count):
    return 1 if count is ITEM_NOT_AVAILABLE else count + 1


def count_up(d, times):
    for _ in range(times):
        d.transform_item("n", transformer=successor, n_retries=None)


def in_child(job):
    """Run a job in a forked child, and return whether it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            job()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


@pytest.fixture(params=["local", "file"])
def d(request, tmp_path):
    return (
        LocalDict() if request.param == "local" else FileDirDict(base_dir=tmp_path, durable=False)
    )


@needs_fork
def test_a_handle_from_before_a_fork(d):
    d["a"] = 1

    def job():
        assert d["a"] == 1
        d["b"] = 2
        del d["a"]
        assert dict(d) == {("b",): 2}

    assert in_child(job)
    assert dict(d) == ({("a",): 1} if isinstance(d, LocalDict) else {("b",): 2})


@pytest.mark.slow
@needs_fork
def test_forks_while_threads_write(d):
    """Whatever the threads are doing at that moment, the children can work."""
    ended = threading.Event()
    started = threading.Barrier(4)

    def write(me):
        started.wait()
        i = 0
        while not ended.is_set():
            d["shared"] = i
            d["own", str(me)] = i
            d.discard(("own", str(me)))
            i += 1

    def job():
        d["shared"] = "the child's"
        count_up(d, 3)
        assert d["n"] >= 3
        assert ("n",) in set(d)

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(write, me) for me in range(3)]
        started.wait()
        try:
            for _ in range(20):
                assert in_child(job)
        finally:
            ended.set()
        for future in futures:
            future.result()


@needs_fork
def test_a_lock_of_local_dict_held_at_the_fork():
    d = LocalDict()
    locked, done = threading.Event(), threading.Event()

    def hold():
        with local_items._lock:
            locked.set()
            assert done.wait(60)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(hold)
        assert locked.wait(60)
        assert in_child(lambda: (d.__setitem__("a", 1), d.get_subdict("x").__setitem__("a", 1)))
        done.set()
        future.result()
    d["b"] = 2
    assert dict(d) == {("b",): 2}


@needs_fork
@pytest.mark.parametrize("lock", ["directory", "file"])
def test_a_child_forked_in_the_middle_of_a_write_survives_its_parent(tmp_path, lock):
    script = Path(__file__).with_name("fork_workers.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), lock],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "written\n"
    assert FileDirDict(base_dir=tmp_path)["a"] == 1


@needs_fork
def test_unlocking_is_not_left_to_the_children(tmp_path, monkeypatch):
    """On a file system that locks no directories, a child may have the locked file open."""

    import fcntl

    flock = fcntl.flock

    def lock_files_only(descriptor, operation):
        if os.path.isdir(f"/dev/fd/{descriptor}/."):
            raise OSError(errno.EINVAL, "no locks on directories")
        return flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_files_only)
    d = FileDirDict(base_dir=tmp_path, durable=False)
    read, write = os.pipe()
    children = []

    def fork_first(descriptor, operation):
        if operation != fcntl.LOCK_EX or os.path.isdir(f"/dev/fd/{descriptor}/."):
            return lock_files_only(descriptor, operation)
        child = os.fork()  # between opening and locking
        if child == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        children.append(child)
        return flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", fork_first)
    d["a"] = 1
    monkeypatch.setattr(fcntl, "flock", lock_files_only)
    d["a"] = 2
    os.close(write)
    os.close(read)
    assert [os.waitpid(child, 0)[1] for child in children] == [0]
    assert d["a"] == 2


@needs_fork
def test_locks_that_fail_are_forgotten(tmp_path, monkeypatch):
    import fcntl

    def refuse(descriptor, how):
        raise OSError(errno.EIO, "the disk is gone")

    d = FileDirDict(base_dir=tmp_path, durable=False)
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(BackendError, match="the disk is gone"):
        d["a"] = 1
    assert holders == {}


def test_one_handle_in_many_tasks(tmp_path):
    d = FileDirDict(base_dir=tmp_path, durable=False)

    async def run():
        await asyncio.gather(*(asyncio.to_thread(count_up, d, 10) for _ in range(10)))

    asyncio.run(run())
    assert d["n"] == 100


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "expiring"])
def test_workers_open_the_store_by_its_description(tmp_path, method, wrapped):
    wrappers = pytest.importorskip("persidict.wrappers") if wrapped else None
    d = FileDirDict(base_dir=tmp_path, durable=False)
    store = wrappers.ExpiringDict(wrapped_dict=d, max_age=1e6) if wrapped else d
    description = json.loads(json.dumps(describe(store)))
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = [pool.submit(pool_jobs.count_up, description, 10) for _ in range(4)]
        assert {future.result(120) for future in futures} == {type(store).__name__}
    assert store["n"] == 40


def test_a_pickled_handle_opens_the_same_store(tmp_path):
    d = FileDirDict(base_dir=tmp_path)
    d["a"] = 1
    assert pickle.loads(pickle.dumps(d))["a"] == 1
