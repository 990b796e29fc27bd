"""A wrapper lists what it wraps once for `list(d)`, as in a plain loop."""

import pytest

from persidict import (
    AppendOnlyDictCached,
    BoundedDict,
    ExpiringDict,
    LocalDict,
    MutableDictCached,
    WriteOnceDict,
)
from tests.wrappers.wrapper_doubles import taken, watched

WRAPPERS = {
    "append-only cache": lambda main: AppendOnlyDictCached(
        main_dict=main, data_cache=LocalDict(append_only=True)
    ),
    "cache": lambda main: MutableDictCached(
        main_dict=main,
        data_cache=LocalDict(),
        etag_cache=LocalDict(base_class_for_values=str),
    ),
    "bounded": lambda main: BoundedDict(main, max_items=99),
    "expiring": lambda main: ExpiringDict(main, max_age=1e6),
    "expiring, own ages": lambda main: ExpiringDict(main, max_age=1e6, own_ages=True),
    "write once": WriteOnceDict,
    "write once, cached": lambda main: WriteOnceDict(WRAPPERS["append-only cache"](main)),
}


@pytest.fixture(params=WRAPPERS)
def d(request):
    is_append_only = request.param in ("append-only cache", "write once", "write once, cached")
    d = WRAPPERS[request.param](watched([], append_only=is_append_only))
    for number in range(9):
        d["a", str(number)] = number
    return d


def main_of(d):
    while not hasattr(d, "calls"):
        d = d._main
    return d


@pytest.mark.parametrize("place", [(), ("a",)], ids=["whole", "sub-dict"])
@pytest.mark.parametrize(
    "view",
    [lambda d: d, lambda d: d.keys(), lambda d: d.values(), lambda d: d.items()],
    ids=["dict", "keys", "values", "items"],
)
def test_gathering_makes_the_calls_of_a_plain_loop(d, place, view):
    below, calls = d.get_subdict(place), main_of(d).calls
    list(iter(view(below)))  # fills caches
    taken(calls)
    looped = [item for item in view(below)]  # noqa: C416  # a plain loop
    of_loop = taken(calls)
    assert of_loop.count("scan") == 1
    assert list(view(below)) == looped
    assert taken(calls) == of_loop
