"""Nothing is lost and nothing done twice, whatever many processes do and servers leave undone.

The full numbers are for the session `s3-real`: moto needs 2 ms of Python for each request, one at
a time, and eight processes on one key need many. There they take minutes.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from itertools import chain, repeat

import pytest

from persidict.s3 import BasicS3Dict
from tests.s3 import s3_workers
from tests.s3.proxy import Proxy, RandomFaults

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

SMALL, FULL = (4, 12), (8, 50)
SHARE = 0.08


@pytest.fixture(
    params=[
        ("moto", SMALL),
        pytest.param(("moto", FULL), marks=[pytest.mark.s3_real, pytest.mark.minutes]),
        pytest.param(("seaweed", SMALL), marks=pytest.mark.s3_real),
        pytest.param(("seaweed", FULL), marks=[pytest.mark.s3_real, pytest.mark.minutes]),
    ],
    ids=["moto-small", "moto", "seaweed-small", "seaweed"],
)
def size(request):
    return request.param[1]


@pytest.fixture
def server(request, size):
    """The server that goes with the size."""
    return request.getfixturevalue(request.node.callspec.params["size"][0])


@pytest.mark.slow
@pytest.mark.parametrize("faulty", [False, True], ids=["sound", "faulty"])
def test_increments_and_insertions_by_processes(place, size, seed, faulty):
    n_processes, times = size
    keys = [f"k{i}" for i in range(times)]
    faults = RandomFaults(seed, SHARE) if faulty else None
    with Proxy(place["endpoint_url"], faults) if faulty else nullcontext() as proxy:
        params = {**place, "endpoint_url": proxy.url} if faulty else place
        d = BasicS3Dict(**params)
        everybody = range(n_processes)
        # One that says so when a process dies.
        with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn")) as pool:
            work = pool.map(s3_workers.increment, everybody, repeat(params), repeat(times))
            unsure = sum(work)
            won = list(pool.map(s3_workers.insert, everybody, repeat(params), repeat(keys)))
        if faulty:
            proxy.faults = lambda _method, _headers: None
            print(dict(proxy.seen))
            for injected in ("dropped", "injected 409", "injected 503"):
                assert proxy.seen[injected] > 0
        assert n_processes * times - unsure <= d["n"] <= n_processes * times
        assert unsure == 0 or faulty
        assert sorted(chain.from_iterable(won)) == sorted(keys)
        assert all(key in won[d[key]] for key in keys)


@pytest.mark.slow
def test_increments_by_processes_with_threads(place, size):
    """Every process combines its own threads, and competes with the others."""
    n_processes, times = size[0], size[1] // 3
    with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn")) as pool:
        work = [
            pool.submit(s3_workers.increment_by_threads, me, place, times, 8)
            for me in range(n_processes)
        ]
        made = sorted(chain.from_iterable(one.result() for one in work))
    assert made == list(range(1, n_processes * times * 8 + 1))
    assert BasicS3Dict(**place)["n"] == len(made)
