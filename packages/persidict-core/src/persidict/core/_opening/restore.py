"""Opens stores by their descriptions (see `persidict.core._opening.describe`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from persidict.core._codecs.signing import SigningKeys
from persidict.core._opening.class_names import class_named
from persidict.core._opening.contract import StaysBehind, StoreGroup
from persidict.core.backend import Backend
from persidict.core.keys import SafeStrTuple
from persidict.core.parameters import constructor_parameters, unknown_parameter

# The keys of each object in a description, by the first of them, and the type of the first value.
_KEYS = {
    "store": {"store", "params"},
    "dict": {"dict"},
    "class": {"class"},
    "tuple": {"tuple"},
    "below": {"below"},
}
_TYPES: dict[str, Any] = {
    "store": Mapping,
    "dict": Mapping,
    "class": str,
    "tuple": list,
    "below": list,
}


def open_described(description: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Open the store of a description, after validating all of it.

    Args:
        description: As `describe` returns it, perhaps from a file that somebody edited.
        given: Further constructor arguments, and those that the description needs.
    """
    _validate(description, given)
    return _opened(description, given, "")


def _opened(description: Mapping[str, Any], given: Mapping[str, Any], path: str) -> Any:
    cls = class_named(description["store"])
    params = _filled(description["params"], description, given, path)
    if not path:
        free = constructor_parameters(cls).keys() - set(description.get("needs", ()))
        params |= {name: given[name] for name in given if name in free}
    return cls(**params)


def _filled(
    plain: Mapping[str, Any], tagged: Mapping[str, Any], given: Mapping[str, Any], path: str
) -> dict[str, Any]:
    """Return parameters with their values restored, and the needed ones added."""
    needs = tagged.get("needs", ())
    params = {
        name: _restored(value, given, f"{path}{name}.")
        for name, value in plain.items()
        if name not in needs
    }
    for name in needs:
        value = given[path + name] if path + name in given else given[name]
        if name in plain:
            value = _below(value, SafeStrTuple(plain[name]["below"]))
        params[name] = value
    return params


def _below(value: Any, prefix: SafeStrTuple) -> StaysBehind:
    """Return the argument of a sub-dict, made of the whole store's."""
    # Secret keys may be given as plain bytes.
    whole = value if isinstance(value, StaysBehind) else SigningKeys(value)
    return whole.below(prefix)


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


def _validate(description: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise for malformed, missing and surplus parts before any store is opened."""
    needs = set(_needs_of(description, ""))
    if "store" not in description:
        raise _not_described(description, "")
    short = {name.rpartition(".")[2] for name in needs}
    missing = [name for name in sorted(needs) if not {name, name.rpartition(".")[2]} & given.keys()]
    if missing:
        raise ValueError(
            f"the description leaves out {', '.join(missing)} (secret, or no plain value): pass it "
            f"to open_store as a keyword argument, {missing[0].rpartition('.')[2]}=..."
        )
    own = set(constructor_parameters(class_named(description["store"])))
    if unknown := sorted(given.keys() - needs - short - own):
        raise unknown_parameter(description["store"], unknown[0], own | needs)


def _needs_of(value: Any, path: str, *, is_needed: bool = False) -> Iterator[str]:
    """Yield the dotted names of needed arguments; raise for all that `describe` never returns."""
    if is_needed is not (isinstance(value, Mapping) and "below" in value):
        raise _not_described(value, path)
    if isinstance(value, list):
        for item in value:
            yield from _needs_of(item, path)
    if not isinstance(value, Mapping):
        return
    tag = next((tag for tag in _KEYS if tag in value), "")
    inside = value.get("params" if tag == "store" else tag)
    needs: Any = value.get("needs", [])
    if (
        not (tag and value.keys() <= _KEYS[tag] | {"needs"})
        or not isinstance(inside, _TYPES[tag])
        or not isinstance(needs, list)
        or not all(isinstance(name, str) for name in needs)
    ):
        raise _not_described(value, path)
    if tag in ("class", "store"):
        cls = class_named(value[tag])
        if tag == "store" and not issubclass(cls, (Backend, StoreGroup)):
            raise ValueError(f"{value[tag]} is no store")
    yield from (path + name for name in needs)
    for name, item in inside.items() if isinstance(inside, Mapping) else (("", inside),):
        below = f"{path}{name}." if name else path
        yield from _needs_of(item, below, is_needed=name in needs)


def _not_described(value: object, path: str) -> ValueError:
    where = f" (at {path.rstrip('.')})" if path else ""
    return ValueError(f"that is not what describe() returns{where}: {value!r:.100}")
