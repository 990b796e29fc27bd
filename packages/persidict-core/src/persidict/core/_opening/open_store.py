"""`open_store`: any store, by its URL, path or description."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, overload

from persidict.core._opening.restore import open_described
from persidict.core.base import PersiDict


@overload
def open_store(target: str | os.PathLike[str], /, **params: Any) -> PersiDict[Any]: ...
@overload
def open_store(target: Mapping[str, Any], /, **params: Any) -> Any: ...
def open_store(target: str | os.PathLike[str] | Mapping[str, Any], /, **params: Any) -> Any:
    r"""Open a store by its URL, its path or its description.

    ===================================  ========================================================
    ``./data``, ``/data``, ``C:\data``   `FileDirDict` in that directory (a `pathlib.Path` too)
    ``file:///data``, ``file:data``      the same, percent-encoded
    ``s3://bucket/prefix``               `BasicS3Dict`; with ``base_dir=`` (its cache) `S3Dict`
    ===================================  ========================================================

    Constructor arguments follow a ``?``: ``s3://b/p?region=eu-west-1&format=json``. Here
    ``format`` is short for ``serialization_format``; a format of plain text implies
    ``base_class_for_values=str``. In names and values, ``&``, ``%`` and ``#`` are percent-encoded.

    A description, from `describe`, opens the same store again. `open_store` imports only
    persidict's own modules: import the modules of your own stores, and of the classes of values,
    before. A description can name any path and any server, so take it from places that you would
    take configuration from.

    Args:
        target: The URL, path or description.
        **params: More constructor arguments; they override those in `target`, except for the
            format in a URL. For a description, also the arguments that it ``needs``: a plain name
            goes to every dict in it that needs it, a dotted one
            (``{"main_dict.signing_key": key}``) to that dict alone.

    Raises:
        ValueError: The URL, an argument in it, or the description is malformed; it names a module
            that is not imported; something that it needs is not given; or formats are given that
            differ.
        TypeError: `target` is of another type, or an argument has an unknown name.
        ModuleNotFoundError: The distribution for it is not installed; the message says how to
            install it.
        BackendError: From the store's constructor.

    Example:
        >>> import tempfile
        >>> d = open_store(tempfile.mkdtemp() + "?format=json")
        >>> d["a", "b"] = [1, 2]
        >>> from persidict import describe
        >>> open_store(describe(d.get_subdict("a")))["b"]
        [1, 2]
    """
    if isinstance(target, Mapping):
        return open_described(target, params)
    from persidict.core._opening.urls import open_url  # not needed by most programs

    return open_url(target, params)
