"""A script that sends its memoized functions to other processes; prints where keys differ."""

import dataclasses
import json
import multiprocessing
import pickle
import sys

from persidict.file import FileDirDict
from persidict.wrappers import memoize

STORE = FileDirDict(base_dir=sys.argv[1], durable=False)


@dataclasses.dataclass
class Point:
    x: int


@memoize(STORE)
def area(point):
    return point.x**2


@memoize(STORE, once=True)
def triple(x):
    return x * 3


def by_pickle():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(area, [Point(1), Point(2)]), pool.map(triple, [1])


def by_joblib():
    from joblib import Parallel, delayed

    return (
        Parallel(n_jobs=2)(delayed(area)(Point(i)) for i in (1, 2)),
        Parallel(n_jobs=2)(delayed(triple)(i) for i in (1,)),
    )


def by_cloudpickle():
    import cloudpickle

    again, other = pickle.loads(cloudpickle.dumps((area, triple)))
    return [again(Point(1)), again(Point(2))], [other(1)]


if __name__ == "__main__":
    results = list(map(list, globals()[sys.argv[2]]()))
    expected = {area.key_of(Point(1)), area.key_of(Point(2)), triple.key_of(1)}
    print(json.dumps({"results": results, "keys differ": [*map(str, set(STORE) ^ expected)]}))
