"""Computes the key of a result from the arguments of the call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from persidict.core.keys import NonEmptySafeStrTuple
from persidict.wrappers._memoize.digests import digest_of, stable_digest


class CallKeys:
    """Makes the keys of one function's calls.

    Args:
        function: What is called.
        prefix: The first two components of all keys: name and version.
        ignored: Names of parameters that are not in the key.
        key: Returns what stands for the arguments; None: the arguments do.

    Raises:
        TypeError: The function is a generator function.
        ValueError: `ignored` names no parameter.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        prefix: tuple[str, str],
        ignored: frozenset[str],
        key: Callable[..., object] | None,
    ) -> None:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{prefix[0]} is a generator function: it has no result to keep")
        self.prefix = prefix
        self._signature = inspect.signature(function)
        self._ignored = ignored
        self._key = key
        if unknown := ignored - self._signature.parameters.keys():
            raise ValueError(
                f"{prefix[0]}{self._signature} has no parameter {', '.join(sorted(unknown))}"
            )

    def key_of(self, *args: Any, **kwargs: Any) -> NonEmptySafeStrTuple:
        """Return the key; raise ``TypeError`` for arguments that the function doesn't take."""
        if self._key is not None:
            digest = stable_digest(self._key(*args, **kwargs))
        else:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            counted = {n: v for n, v in bound.arguments.items() if n not in self._ignored}
            digest = digest_of(counted)
        return NonEmptySafeStrTuple(self.prefix, digest)
