"""Descriptions of stores: plain JSON from which another process opens the same store.

The description of a dict cached in files, whose bucket holds signed values::

    {
      "store": "persidict:MutableDictCached",
      "params": {
        "main_dict": {
          "store": "persidict:BasicS3Dict",
          "params": {"bucket_name": "b", "root_prefix": "p/", "signing_key": {"below": ["a"]}, ...},
          "needs": ["signing_key"]
        },
        "data_cache": {"store": "persidict:FileDirDict", "params": {"base_dir": "/c", ...}},
        ...
      }
    }

``None``, booleans, numbers, strings and lists stand for themselves. An object stands for something
else, which its first key tells:

==========  =====================================================================================
``store``   the class of a store; ``params`` are its constructor's arguments
``dict``    a dict with these items
``class``   the class ``module:name``
``tuple``   a tuple of these values
``below``   the prefix of a sub-dict, in place of an argument that ``needs`` names
==========  =====================================================================================

``needs`` (beside ``params`` and ``dict``) names the arguments that the description leaves out:
secrets, and objects that JSON can't hold. `open_store` takes them as keyword arguments.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from persidict.core._opening.class_names import name_of
from persidict.core._opening.contract import StaysBehind, StoreGroup
from persidict.core.backend import Backend
from persidict.core.redaction import has_credentials


def describe(store: Backend[Any] | StoreGroup) -> dict[str, Any]:
    """Return plain JSON from which `open_store` opens the same store, in any process.

    You can send it to workers, write it to configuration files and log it. A wrapper's description
    holds those of the dicts in it; a sub-dict's description leads to the sub-dict.

    A description leaves out secrets and live objects: `signing_key`, `client`, `config`, a
    `LocalDict`'s `backend`, URLs with a password, and all other values that JSON can't hold. It
    lists their names under ``"needs"``. Pass them to `open_store` by these names, as they were
    given for the whole store (the description keeps a sub-dict's place in it).

    Args:
        store: Any store or wrapper, an `OverlappingMultiDict` too.

    Returns:
        A dict with the keys ``"store"`` (its class), ``"params"`` and perhaps ``"needs"``.

    Raises:
        TypeError: `store` is no store.
        ValueError: Its class can't be found by name because a function defined it.

    Example:
        >>> from persidict import EmptyDict, open_store
        >>> description = describe(EmptyDict(append_only=True))
        >>> description["store"], description["params"]["append_only"]
        ('persidict:EmptyDict', True)
        >>> open_store(description)
        EmptyDict(append_only=True, base_class_for_values=None, serialization_format='pkl')
    """
    cls = type(store)
    if isinstance(store, StoreGroup):
        params, secret = store._params_to_describe(), frozenset[str]()
    elif isinstance(store, Backend):
        params, secret = store.get_params(), store._secret_params
    else:
        raise TypeError(f"only stores can be described, got {cls.__name__}")
    name = name_of(cls)
    if name is None:
        raise ValueError(
            f"a store of the class {cls.__module__}.{cls.__qualname__} can't be described, because "
            "the class is not to be found there; define it at the top level of a module"
        )
    return {"store": name, **_described_params(params, secret)}


_SECRET = object()


class _Undescribable(Exception):
    """A value that has no place in a description."""


def _described_params(
    params: Mapping[str, Any], secret: frozenset[str] = frozenset()
) -> dict[str, Any]:
    described, needs = {}, []
    for name, value in params.items():
        try:
            described[name] = _described(_SECRET if name in secret and value is not None else value)
        except _Undescribable:
            needs.append(name)
            if isinstance(value, StaysBehind) and value.prefix:
                described[name] = {"below": list(value.prefix)}
    return {"params": described} | ({"needs": needs} if needs else {})


def _described(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int):
        return value
    if kind is float and math.isfinite(value):
        return value
    if isinstance(value, os.PathLike):
        value = os.path.abspath(value)
        kind = type(value)
    if kind is str and not has_credentials(value):
        return value
    if kind is list:
        return [_described(item) for item in value]
    if kind is dict and all(type(name) is str for name in value):
        inside = _described_params(value)
        return {"dict": inside.pop("params"), **inside}
    if isinstance(value, type) and (name := name_of(value)):
        return {"class": name}
    if isinstance(value, Backend):
        return describe(value)
    if isinstance(value, tuple):
        return {"tuple": [_described(item) for item in value]}
    raise _Undescribable
