"""Names that `memoize` gives to functions: no two that differ share one."""

import functools

import pytest

from persidict.core import LocalDict
from persidict.wrappers import memoize


def base(x):
    return x


def times(factor):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(x):
            return function(x) * factor

        return wrapper

    return decorate


def doubled(function):
    @functools.wraps(function)
    def wrapper(x):
        return function(x) * 2

    return wrapper


def halved(function):
    @functools.wraps(function)
    def wrapper(x):
        return function(x) / 2

    return wrapper


def test_decorators_are_part_of_the_name():
    store = LocalDict()
    functions = [base, doubled(base), halved(base), doubled(halved(base)), doubled(doubled(base))]
    memoized = [memoize(store)(function) for function in functions]
    assert [f(8) for f in memoized] == [8, 16, 4, 8, 32]
    assert len(store) == len(functions)
    assert memoize(store)(doubled(base)).key_of(8) == memoized[1].key_of(8)


def test_decorators_with_parameters_need_a_name():
    with pytest.raises(ValueError, match=r"base depends on factor .*pass name="):
        memoize(LocalDict())(times(2)(base))
    double, triple = (memoize(LocalDict(), name=f"x{n}")(times(n)(base)) for n in (2, 3))
    assert (double(5), triple(5)) == (10, 15)


def test_decorators_that_keep_parameters_in_defaults_need_a_name():
    def scaled(function, factor):
        @functools.wraps(function)
        def wrapper(x, _factor=factor):
            return function(x) * _factor

        return wrapper

    with pytest.raises(ValueError, match=r"base depends on .*its defaults"):
        memoize(LocalDict())(scaled(base, 2))


class Repeat:
    """A decorator that is an object."""

    def __init__(self, function, times):
        functools.update_wrapper(self, function)
        self.times = times

    def __call__(self, x):
        return self.__wrapped__(x) * self.times


@pytest.mark.parametrize(
    "function",
    [Repeat(base, 2), functools.update_wrapper(functools.partial(base, 1), base)],
    ids=["object", "partial"],
)
def test_wrapping_objects_need_a_name(function):
    with pytest.raises(ValueError, match="base is wrapped in a"):
        memoize(LocalDict())(function)


def test_a_borrowed_name_is_not_enough():
    def borrower(x):
        return -x

    borrower.__module__, borrower.__qualname__ = base.__module__, base.__qualname__
    store = LocalDict()
    assert (memoize(store)(base)(1), memoize(store)(borrower)(1)) == (1, -1)


def test_caches_of_functools_and_other_memoized_functions():
    store = LocalDict()
    assert memoize(store)(functools.lru_cache(base))(1) == 1
    assert memoize(store)(memoize(LocalDict())(base))(1) == 1


def test_a_function_and_the_one_inside_it_are_two_arguments():
    apply = memoize(LocalDict(), name="apply")(lambda function: function(1))
    assert (apply(decorated), apply(decorated.__wrapped__)) == (2, 1)


@doubled
def decorated(x):
    return x
