"""S3 dicts in many threads, over forks in the middle of requests, in workers and in tasks."""

import asyncio
import json
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from persidict import describe
from persidict.s3 import BasicS3Dict, S3Dict
from persidict.s3 import connection as connections
from tests.s3 import s3_workers

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture(params=[BasicS3Dict, S3Dict])
def d(request, moto_place, tmp_path):
    more = {"base_dir": tmp_path / "cache"} if request.param is S3Dict else {}
    return request.param(**moto_place, **more)


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


@needs_fork
def test_a_handle_from_before_a_fork(d):
    d["a"] = 1

    def job():
        assert d["a"] == 1
        d["b"] = [2]
        del d["a"]

    assert in_child(job)
    assert dict(d) == {("b",): [2]}
    d["c"] = 3
    assert d["c"] == 3


@needs_fork
def test_equal_values_of_parent_and_child_have_different_etags(d):
    d["a"] = 1
    for _ in range(2):
        assert in_child(lambda: d.__setitem__("child", 1))
        d["parent"] = 1
        assert d.etag("parent") != d.etag("child")


@needs_fork
def test_a_fork_in_the_middle_of_a_request(d, moto):
    d["a"] = 0
    begun, go, parent = threading.Event(), threading.Event(), threading.current_thread().name

    def gate(environ):
        if environ["REQUEST_METHOD"] == "PUT" and not begun.is_set():
            begun.set()
            assert go.wait(60)

    moto.gate = gate
    with ThreadPoolExecutor(1, thread_name_prefix=f"{parent}-writer") as pool:
        future = pool.submit(d.__setitem__, "a", 1)
        assert begun.wait(60)
        assert in_child(lambda: d.__setitem__("b", d["a"] + 2))
        go.set()
        future.result(60)
    assert dict(d) == {("a",): 1, ("b",): 2}


@needs_fork
def test_locks_held_at_the_fork(d):
    d["a"] = 1
    held, done = threading.Event(), threading.Event()

    def hold():
        known = [connection for _, connection in connections._registry.values()]
        assert known
        locks = [c._lock for c in known]
        for lock in (connections._registry_lock, *locks):
            lock.acquire()
        held.set()
        done.wait(60)
        for lock in (connections._registry_lock, *locks):
            lock.release()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(hold)
        assert held.wait(60)
        params = d.get_params()

        def job():
            d["b"] = d["a"] + 1
            type(d)(**params)["c"] = 3
            d.transform_item("c", transformer=lambda n: n + 1)

        try:
            assert in_child(job)
        finally:
            done.set()
        future.result(60)
    assert dict(d) == {("a",): 1, ("b",): 2, ("c",): 4}


@pytest.mark.slow
def test_workers_open_the_store_by_its_description(d):
    description = json.loads(json.dumps(describe(d)))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(s3_workers.increment_described, description, 5) for _ in range(2)]
        for future in futures:
            future.result(120)
    assert d["n"] == 10


def test_one_handle_in_many_tasks(d):
    async def run():
        await asyncio.gather(*(asyncio.to_thread(d.__setitem__, f"k{i}", i) for i in range(20)))
        return await asyncio.gather(*(asyncio.to_thread(d.__getitem__, f"k{i}") for i in range(20)))

    assert asyncio.run(run()) == list(range(20))
