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


class Legacy:
    @dataclasses.dataclass
    class Point:
        x: int


def make():
    @dataclasses.dataclass
    class Point:
        x: int

    return Point


@memoize(STORE)
def area(point):
    return point.x**2


@memoize(STORE)
def name_of(point):
    return type(point).__qualname__.rpartition(".")[0]


@memoize(STORE, once=True)
def triple(x):
    return x * 3


def refusal(point):
    try:
        return name_of(point)
    except TypeError:
        return "refused"


def classes_of_one_name():
    """Print what workers return for three classes that cloudpickle sends under one name."""
    from joblib import Parallel, delayed

    points = Point(1), Legacy.Point(1), make()(1)
    here = [refusal(point) for point in points]
    stored = len(STORE)
    there = Parallel(n_jobs=2)(delayed(refusal)(point) for point in points)
    print(json.dumps({"here": here, "there": there, "computed again": len(STORE) - stored}))


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
    if sys.argv[2] == "classes_of_one_name":
        sys.exit(classes_of_one_name())
    results = list(map(list, globals()[sys.argv[2]]()))
    expected = {area.key_of(Point(1)), area.key_of(Point(2)), triple.key_of(1)}
    print(json.dumps({"results": results, "keys differ": [*map(str, set(STORE) ^ expected)]}))
