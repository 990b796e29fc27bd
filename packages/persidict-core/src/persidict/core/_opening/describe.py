"""Stores by description or URL: what another process, or the command line, opens them by."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, overload

from persidict.core import _facade
from persidict.core._codecs.signing import SigningKeys
from persidict.core.base import PersiDict
from persidict.core.keys import SafeStrTuple
from persidict.core.local import LocalBackend

# The one that is no PersiDict: it holds several.
_MULTI = "persidict:OverlappingMultiDict"
_HAS_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*@").match


def describe(store: PersiDict[Any] | Any) -> dict[str, Any]:
    """Return what `open_store` opens the same store by, in this process or another.

    It holds nothing that JSON has not, so it can be sent to workers, written to configuration
    files and logged. A wrapper's description holds those of the dicts in it, a sub-dict's leads to
    the sub-dict.

    Secrets and live objects stay out: `signing_key`, `client`, `config`, a `LocalDict`'s
    `backend`, URLs with a password, and whatever else is no plain value. They are listed
    under ``"needs"``, by the names under which `open_store` must get them, as they were given for
    the whole store (a sub-dict's place in it is described).

    Args:
        store: Any store or wrapper, an `OverlappingMultiDict` too.

    Returns:
        A dict with the keys ``"store"`` (its class), ``"params"`` and perhaps ``"needs"``.

    Raises:
        TypeError: `store` is no store.
        ValueError: Its class can't be found by name, since a function has defined it.

    Example:
        >>> from persidict import EmptyDict, open_store
        >>> description = describe(EmptyDict(append_only=True))
        >>> description["store"], description["params"]["append_only"]
        ('persidict:EmptyDict', True)
        >>> open_store(description)
        EmptyDict(append_only=True, base_class_for_values=None, serialization_format='pkl')
    """
    cls = type(store)
    name = _name_of(cls)
    if not _is_store_class(cls, name):
        raise TypeError(f"only stores can be described, got {cls.__name__}")
    if name is None:
        raise ValueError(
            f"a store of the class {cls.__module__}.{cls.__qualname__} can't be described, because "
            "the class is not to be found there; define it at the top level of a module"
        )
    params = _params_of_all(store) if name == _MULTI else store.get_params()
    return {"store": name, **_described(params, cls)}


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

    What follows a ``?`` are constructor arguments: ``s3://b/p?region=eu-west-1&format=json``. Here
    ``format`` is short for ``serialization_format``; a format of plain text implies
    ``base_class_for_values=str``. In names and values, ``&``, ``%`` and ``#`` are percent-encoded.

    A description, from `describe`, opens the same store again. It imports nothing but persidict's
    own modules: what else it names (stores of your own, classes of values) has to be imported
    before. It opens any path and any server that it names, so take it from where you would take
    configuration from.

    Args:
        target: The URL, path or description.
        **params: More constructor arguments; they win over those in `target`. For a description,
            also what it ``needs``: a plain name goes to every dict in it that needs it, a dotted
            one (``{"main_dict.signing_key": key}``) to that dict alone.

    Raises:
        ValueError: The URL, an argument in it, or the description is malformed; it names a module
            that is not imported; or something that it needs is not given.
        TypeError: `target` is of another type, or an argument has an unknown name.
        ModuleNotFoundError: The distribution for it is not installed; says how to install it.
        BackendError: What the store's constructor raises.

    Example:
        >>> import tempfile
        >>> d = open_store(tempfile.mkdtemp() + "?format=json")
        >>> d["a", "b"] = [1, 2]
        >>> open_store(describe(d.get_subdict("a")))["b"]
        [1, 2]
    """
    if isinstance(target, Mapping):
        _check_given(target, params)
        return _opened(target, params, "")
    from persidict.core._opening import urls  # not needed by those who only describe

    return urls.open_url(target, params)


def _name_of(cls: type) -> str | None:
    """Return the name under which `class_named` finds the class, None if there is none."""
    if cls.__module__.startswith("persidict.") and cls.__name__ in _facade.PART_BY_NAME:
        name = f"persidict:{cls.__name__}"
    else:
        name = f"{cls.__module__}:{cls.__qualname__}"
    try:
        return name if class_named(name) is cls else None
    except ValueError:
        return None


def class_named(name: Any) -> type:
    """Find the class ``module:qualname`` without importing more than persidict's own parts."""
    module_name, colon, qualname = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not (module_name and colon and qualname):
        raise ValueError(f"a class is described as 'module:name', got {name!r:.100}")
    package, _, rest = module_name.partition(".")
    if package == "persidict" and not rest and qualname in _facade.PART_BY_NAME:
        found = _facade.load(qualname)
    else:
        if package == "persidict" and (part := rest.partition(".")[0]) in _facade.NAMES_BY_PART:
            import_module(f"persidict.{part}")
        found = sys.modules.get(module_name)
        if found is None:
            raise ValueError(
                f"{name}: the module {module_name} is not imported, and a description imports "
                "nothing by itself; import it before"
            )
        for part in qualname.split("."):
            # Not getattr: a module may import others when it is asked for a name.
            found = getattr(found, "__dict__", {}).get(part)
    if not isinstance(found, type):
        raise ValueError(f"{name}: there is no such class")  # noqa: TRY004  # not of an argument
    return found


def _is_store_class(cls: type, name: str | None) -> bool:
    return issubclass(cls, PersiDict) or name == _MULTI


# What an object in a description stands for is said by the first of these keys; beside it may be
# what else is named here, and "needs" where something could not be described.
_TAGS = {
    "store": {"store", "params"},
    "dict": {"dict"},
    "class": {"class"},
    "tuple": {"tuple"},
    "below": {"below"},  # the sub-dict's place in what it needs, which is given for the whole
}
_INSIDE: dict[str, Any] = {
    "store": Mapping,
    "dict": Mapping,
    "class": str,
    "tuple": list,
    "below": list,
}


def _described(params: Mapping[str, Any], cls: type | None = None) -> dict[str, Any]:
    described, needs = {}, []
    for name, value in params.items():
        try:
            is_secret = value is not None and name in getattr(cls, "_secret_params", ())
            described[name] = _described_value(_NO_VALUE if is_secret else value)
        except _Undescribable:
            needs.append(name)
            if below := _place_in(value):
                described[name] = {"below": list(below)}
    return {"params": described} | ({"needs": needs} if needs else {})


class _Undescribable(Exception):
    """A value that has no place in a description."""


_NO_VALUE = object()


def _described_value(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int):
        return value
    if kind is float and value - value == 0:  # finite
        return value
    if isinstance(value, os.PathLike):
        value = os.path.abspath(value)
        kind = type(value)
    if kind is str and not _HAS_CREDENTIALS(value):
        return value
    if kind is list:
        return [_described_value(item) for item in value]
    if kind is dict and all(type(name) is str for name in value):
        inside = _described(value)
        return {"dict": inside.pop("params"), **inside}
    if isinstance(value, type) and (name := _name_of(value)):
        return {"class": name}
    if isinstance(value, PersiDict):
        return describe(value)
    if isinstance(value, tuple):
        return {"tuple": [_described_value(item) for item in value]}
    raise _Undescribable


def _place_in(value: Any) -> SafeStrTuple:
    """Return the prefix that a sub-dict's parameter carries."""
    if isinstance(value, LocalBackend):
        return value.prefix
    return value._prefix if isinstance(value, SigningKeys) else SafeStrTuple()


def _placed(value: Any, below: list[str]) -> Any:
    if isinstance(value, LocalBackend):
        return value.at(value.prefix + below)
    return SigningKeys(value, prefix=below)


def _params_of_all(multi: Any) -> dict[str, Any]:
    """Return an `OverlappingMultiDict`'s parameters as each of its dicts has understood them."""
    params: dict[str, Any] = {"dict_type": multi.dict_type, "shared_subdicts_params": {}}
    for name in multi.subdicts_names:
        own = getattr(multi, name).get_params()
        params[name] = {key: value for key, value in own.items() if key != "serialization_format"}
    return params


def _opened(description: Mapping[str, Any], given: Mapping[str, Any], path: str) -> Any:
    cls = class_named(description["store"])
    params = _filled(description["params"], description, given, path)
    if not path:
        free = _constructor_names(cls).difference(description.get("needs", ()))
        params |= {name: given[name] for name in given if name in free}
    return cls(**params)


def _filled(
    plain: Mapping[str, Any], tagged: Mapping[str, Any], given: Mapping[str, Any], path: str
) -> dict[str, Any]:
    """Return parameters with what stands for other things replaced, and what is needed added."""
    needs = tagged.get("needs", ())
    params = {
        name: _restored(value, given, f"{path}{name}.")
        for name, value in plain.items()
        if name not in needs
    }
    for name in needs:
        value = given[path + name] if path + name in given else given[name]
        params[name] = _placed(value, plain[name]["below"]) if name in plain else value
    return params


def _restored(value: Any, given: Mapping[str, Any], path: str) -> Any:
    if isinstance(value, list):
        return [_restored(item, given, path) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "store" in value:
        return _opened(value, given, path)
    if "dict" in value:
        return _filled(value["dict"], value, given, path)
    if "class" in value:
        return class_named(value["class"])
    return tuple(_restored(item, given, path) for item in value["tuple"])


def _check_given(description: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse what is malformed, missing or too much before any store is opened."""
    needs = set(_needs_of(description, ""))
    if "store" not in description:
        raise _not_described(description, "")
    short = {name.rpartition(".")[2] for name in needs}
    missing = [name for name in sorted(needs) if not {name, name.rpartition(".")[2]} & given.keys()]
    if missing:
        raise ValueError(
            f"the description leaves out {', '.join(missing)} (secret, or no plain value): give it "
            f"to open_store as a keyword argument, {missing[0].rpartition('.')[2]}=..."
        )
    own = _constructor_names(class_named(description["store"]))
    if unknown := sorted(given.keys() - needs - short - own):
        raise TypeError(
            f"{description['store']} has no parameter {', '.join(unknown)}; "
            f"there are {', '.join(sorted(own | needs))}"
        )


def _needs_of(value: Any, path: str, *, is_needed: bool = False) -> Iterator[str]:
    """Yield the dotted names of what has to be given; refuse what `describe` never returns."""
    if is_needed is not (isinstance(value, Mapping) and "below" in value):
        raise _not_described(value, path)
    if isinstance(value, list):
        for item in value:
            yield from _needs_of(item, path)
    if not isinstance(value, Mapping):
        return
    tag = next((tag for tag in _TAGS if tag in value), "")
    inside = value.get("params" if tag == "store" else tag)
    needs: Any = value.get("needs", [])
    if (
        not (tag and value.keys() <= _TAGS[tag] | {"needs"})
        or not isinstance(inside, _INSIDE[tag])
        or not isinstance(needs, list)
        or not all(isinstance(name, str) for name in needs)
    ):
        raise _not_described(value, path)
    if tag in ("class", "store"):
        cls = class_named(value[tag])
        if tag == "store" and not _is_store_class(cls, value[tag]):
            raise ValueError(f"{value[tag]} is no store")
    yield from (path + name for name in needs)
    for name, item in inside.items() if isinstance(inside, Mapping) else (("", inside),):
        below = f"{path}{name}." if name else path
        yield from _needs_of(item, below, is_needed=name in needs)


def _not_described(value: object, path: str) -> ValueError:
    where = f" (at {path.rstrip('.')})" if path else ""
    return ValueError(f"that is not what describe() returns{where}: {value!r:.100}")


def _constructor_names(cls: type) -> set[str]:
    import inspect  # slow to import, rarely needed

    named = inspect.signature(cls).parameters.values()
    return {parameter.name for parameter in named if parameter.kind is not parameter.VAR_KEYWORD}
