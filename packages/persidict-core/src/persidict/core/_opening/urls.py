"""Stores by URL or path: which class, and which constructor arguments."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from persidict.core import _facade
from persidict.core._codecs.registry import intended_format, stores_text
from persidict.core._opening.class_names import class_named
from persidict.core.base import PersiDict
from persidict.core.home_paths import expand_home
from persidict.core.parameters import constructor_parameters, did_you_mean, unknown_parameter
from persidict.core.redaction import names_user, shown

# Two letters at least: one is a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):").match
_DRIVE = re.compile(r"/*([A-Za-z]:(/|\Z))").match
_VERBATIM = "\\\\?\\"  # before a path that Windows takes as it is, such as `base_dir`
_NO_CREDENTIALS = (
    "credentials don't belong in a URL: boto3 takes them from the environment, "
    "~/.aws/credentials or the machine's role"
)
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_FORMAT = "serialization_format"
# What a query can say, by what a parameter's annotation allows; looked for in this order.
_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "bool": lambda text: _TRUTHS[text.lower()],
    "int": lambda text: int(text, 0),
    "float": float,
    "str": str,
}
_EXPECTED = {"bool": "true or false", "int": "an integer", "float": "a number"}


class Address(NamedTuple):
    """What a URL says: the store's public name, where it is, and the texts after the ``?``."""

    store: str
    place: dict[str, str]
    query: dict[str, str]


def open_url(target: str | os.PathLike[str], given: Mapping[str, Any]) -> PersiDict[Any]:
    """Open a store by URL or path, with constructor arguments that win over those in it.

    Only the format may not differ: it says what the store holds already.
    """
    address = address_of(target, windows=os.name == "nt")
    given = _with_one_format(given, address.query)
    name = address.store
    if name == "BasicS3Dict" and "base_dir" in {*address.query, *given}:
        name = "S3Dict"
    cls: Any = _facade.load(name)
    allowed = _annotations(cls)
    params = _converted(address, allowed)
    if unknown := [name for name in given if name not in allowed]:
        raise unknown_parameter(name, unknown[0], allowed)
    params |= given
    form = params.get(_FORMAT)
    if isinstance(form, str) and "base_class_for_values" not in params and stores_text(form):
        if meant := intended_format(form):
            raise ValueError(
                f"unknown format {form!r}; did you mean {meant!r}? "
                "(for plain text, add base_class_for_values=str)"
            )
        params["base_class_for_values"] = str
    store: PersiDict[Any] = cls(**params)
    return store


def address_of(target: str | os.PathLike[str], *, windows: bool) -> Address:
    """Take a URL or path apart.

    Args:
        target: A string may have a query; a path object is a directory, whatever its name.
        windows: Whether drives and shares have the forms of Windows.

    Raises:
        TypeError: It is neither a string nor a path.
        ValueError: The scheme is unknown, or a part is missing or too much.
    """
    if isinstance(target, os.PathLike):
        return Address("FileDirDict", {"base_dir": os.fspath(target)}, {})
    if not isinstance(target, str):
        raise TypeError(
            "a store is opened by a URL, a path or a description (a dict), "
            f"got {type(target).__name__}"
        )
    if names_user(unquote(target)):
        raise ValueError(_NO_CREDENTIALS)
    match = _SCHEME(target)
    if match is None:
        verbatim = _VERBATIM if windows and target.startswith(_VERBATIM) else ""
        path, _, query = target[len(verbatim) :].partition("?")
        path = verbatim + path
        if not path:
            raise ValueError("the path of a store must not be empty")
        return Address("FileDirDict", {"base_dir": expand_home(path)}, _split(query))
    scheme = match[1].lower()
    rest, _, query = target[match.end() :].partition("?")
    if "#" in rest + query:
        raise ValueError("a # in a URL must be written %23")
    if scheme == "file":
        return Address("FileDirDict", {"base_dir": _file_path(rest, windows)}, _split(query))
    if scheme == "s3":
        return _on_s3(rest, query)
    raise ValueError(
        f"stores have URLs of the schemes file: and s3:, not {scheme}: "
        "(a path with a colon in its name begins with ./)"
    )


def _on_s3(rest: str, query: str) -> Address:
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    if not rest.startswith("//") or not bucket:
        raise ValueError("the URL of a store on S3 is s3://bucket/prefix")
    if "@" in bucket or ":" in bucket:  # a secret may have a slash in it
        raise ValueError(_NO_CREDENTIALS)
    place = {"bucket_name": unquote(bucket), "root_prefix": unquote(prefix)}
    return Address("BasicS3Dict", place, _split(query))


def _file_path(rest: str, windows: bool) -> str:
    path = unquote(rest)
    if path.startswith("//"):
        host, slash, path = path[2:].partition("/")
        path = slash + path
        if host and host.lower() != "localhost":
            if not windows:
                raise ValueError(
                    f"file://{host}{path} names the machine {host}; a directory is "
                    f"file:{host}{path} or, with its full path, file:///..."
                )
            return f"\\\\{host}{path}".replace("/", "\\")
    if windows and (match := _DRIVE(path)):
        path = path[match.start(1) :]
    if not path:
        raise ValueError("the path of a store must not be empty")
    return path


def _split(query: str) -> dict[str, str]:
    """Return names and values of a query, percent-decoded; a + stands for itself."""
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        name = unquote(name)
        if not equals:
            raise ValueError(f"{name!r} has no value: what follows the ? is name=value&name=value")
        name = _FORMAT if name == "format" else name
        if name in found:
            raise ValueError(f"{name!r} is given twice")
        found[name] = unquote(value)
    return found


def _with_one_format(given: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """Return arguments under their constructors' names; raise if formats contradict each other."""
    names = ("format", _FORMAT)
    named = {f"{name}={given[name]!r:.50}": given[name] for name in names if name in given}
    if _FORMAT in query:
        named[f"format={shown(query[_FORMAT])} in the URL"] = query[_FORMAT]
    values = list(named.values())
    if any(value != values[0] for value in values):
        raise ValueError(f"a store has one format, got {' and '.join(named)}: leave one out")
    return {_FORMAT if name == "format" else name: value for name, value in given.items()}


def _annotations(cls: type) -> dict[str, str]:
    return {name: str(p.annotation) for name, p in constructor_parameters(cls).items()}


def _converted(address: Address, annotations: dict[str, str]) -> dict[str, Any]:
    params: dict[str, Any] = dict(address.place)
    for name, text in address.query.items():
        if name in address.place:
            raise ValueError(f"{name!r} is said by the URL before the ? already")
        if name not in annotations:
            allowed = [
                name
                for name, annotation in annotations.items()
                if name not in address.place and _kinds(annotation)
            ]
            hint = did_you_mean(name, annotations)
            listed = ", ".join(sorted(allowed))
            raise ValueError(f"unknown parameter {name!r}{hint} (there are {listed}, format)")
        params[name] = _value(name, text, annotations[name])
    return params


def _value(name: str, text: str, annotation: str) -> Any:
    kinds = _kinds(annotation)
    if not kinds:
        raise ValueError(f"{name!r} can't be given in a URL, only as an argument of open_store")
    kind = kinds[0]
    if kind == "type":
        return class_named(text if ":" in text else f"builtins:{text}")
    if "None" in annotation and kind != "str" and text.lower() == "none":
        return None
    try:
        return _CONVERTERS[kind](text)
    except (KeyError, ValueError):
        raise ValueError(f"{name} must be {_EXPECTED[kind]}, got {shown(text)}") from None


def _kinds(annotation: str) -> list[str]:
    """Return which of the convertible types a parameter takes; none: it has no form in a URL."""
    parts = {part.strip().partition("[")[0] for part in annotation.split("|")}
    return [kind for kind in (*_CONVERTERS, "type") if kind in parts]
