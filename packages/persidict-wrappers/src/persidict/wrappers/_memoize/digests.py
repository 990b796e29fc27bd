"""Digests of arguments that are the same in every process; keys of calls consist of them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from persidict.wrappers._memoize.canonical import (
    DIGEST_BYTES,
    NoStableFormError,
    add_feeder,
    feed,
)
from persidict.wrappers._memoize.numpy_forms import feed_numpy
from persidict.wrappers._memoize.objects import feed_object
from persidict.wrappers._memoize.pandas_forms import feed_pandas
from persidict.wrappers._memoize.polars_forms import feed_polars

for _feeder in (feed_object, feed_numpy, feed_pandas, feed_polars):
    add_feeder(_feeder)


def stable_digest(*args: object, **kwargs: object) -> str:
    """Return a digest of any arguments, the same in all processes, machines and Python versions.

    It tells types apart (``1``, ``1.0`` and ``True`` differ). The order of dicts, sets and
    keyword arguments does not matter, as it does not matter for ``==``. It knows Python's plain
    types and containers, dates, paths (not the contents of files), UUIDs, enum members, data
    classes and named tuples with all their attributes, classes and functions by their names,
    arrays of numpy, frames and series of pandas and polars.

    Returns:
        40 hexadecimal digits.

    Raises:
        TypeError: An argument has no stable form: two different values could get one digest.

    Example:
        >>> stable_digest({"b", "a"}, depth=3) == stable_digest({"a", "b"}, depth=3)
        True
        >>> stable_digest("text")
        'c697ae36d9ec831ce69dd4e2e603fc391108f239'
    """
    named = {_unlike_a_position(name): value for name, value in kwargs.items()}
    return digest_of({**{f"{i}": arg for i, arg in enumerate(args)}, **named})


def digest_of(arguments: Mapping[str, object]) -> str:
    """Return the digest of named arguments, in whatever order they are."""
    state = blake2b(digest_size=DIGEST_BYTES)
    for name in sorted(arguments):
        feed(state.update, name)
        try:
            feed(state.update, arguments[name])
        except RecursionError:
            raise TypeError(
                f"the argument {name!r} contains itself, or is nested too deep"
            ) from None
        except NoStableFormError as error:
            raise TypeError(
                f"the argument {name!r} has no stable form that a key could be made of: {error}"
            ) from None
    return state.hexdigest()


def _unlike_a_position(name: str) -> str:
    """Return the name of a keyword argument, changed if it could be the number of an argument."""
    return f"={name}" if name.startswith("=") or name.isdecimal() else name
