"""The parameters of constructors, and help for those who misspell them."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect import Parameter, Signature

# Names that other libraries, and the published package once, have for the same things.
_OTHER_NAMES = {
    "base_class_for_values": "base_class value_class value_type",
    "append_only": "immutable immutable_items read_only write_once",
    "serialization_format": "file_type format fmt serialisation_format serializer codec extension",
    "base_dir": "dir_name directory dir path folder root location cache_dir",
    "bucket_name": "bucket container",
    "root_prefix": "prefix key_prefix path_prefix",
    "endpoint_url": "endpoint url host server",
    "max_age": "ttl timeout expire expires lifetime max_age_seconds",
    "signing_key": "key secret secret_key",
    "digest_len": "digest_length hash_len",
    "wrapped_dict": "wrapped inner store backend main_dict",
    "main_dict": "main wrapped wrapped_dict inner store",
    "data_cache": "cache",
    "client": "s3_client session profile profile_name aws_access_key_id aws_secret_access_key",
    "region": "region_name aws_region",
}


class HelpfulMeta(ABCMeta):
    """Metaclass of dicts: a misspelt argument of the constructor raises with the right name."""

    if not TYPE_CHECKING:  # checkers go by __init__

        def __call__(cls, *args: Any, **named: Any) -> Any:
            """Create an instance."""
            try:
                return super().__call__(*args, **named)
            except TypeError as error:
                _, unexpected, name = str(error).partition("unexpected keyword argument ")
                wrong = name[1:].partition("'")[0]
                allowed = constructor_parameters(cls)
                if str(error).startswith(f"{cls.__init__.__qualname__}() takes"):
                    raise too_many_positional(cls.__name__, allowed) from None
                if not unexpected or wrong not in named or wrong in allowed:
                    raise
            raise unknown_parameter(cls.__name__, wrong, allowed)

    @property
    def __signature__(cls) -> Signature:
        """The signature of the constructor, which `inspect` can't find behind ``__call__``."""
        import inspect

        signature = inspect.signature(cls.__init__)  # type: ignore[misc]  # only read
        return signature.replace(parameters=list(signature.parameters.values())[1:])


def constructor_parameters(cls: type) -> dict[str, Parameter]:
    """Return the parameters of `cls` by name, without ``*args`` and ``**kwargs``.

    If a class passes ``**kwargs`` on to its base, the base's parameters are included.
    """
    import inspect  # slow to import, rarely needed

    found: dict[str, Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        passes_on = False
        for name, parameter in list(inspect.signature(base.__init__).parameters.items())[1:]:  # type: ignore[misc]  # only read
            if parameter.kind is parameter.VAR_KEYWORD:
                passes_on = True
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                found.setdefault(name, parameter)
        if not passes_on:
            break
    return found


def unknown_parameter(owner: str, name: str, allowed: Iterable[str]) -> TypeError:
    """Return the error for a parameter that a class does not have; it suggests the right one."""
    names = sorted(allowed)
    hint = did_you_mean(name, names)
    return TypeError(f"{owner} has no parameter {name!r}{hint} (it has {', '.join(names)})")


def too_many_positional(owner: str, allowed: dict[str, Parameter]) -> TypeError:
    """Return the error for a call with more positional arguments than a class takes."""
    first = [name for name, one in allowed.items() if one.kind is not one.KEYWORD_ONLY]
    places = f"only {', '.join(first)} by position" if first else "nothing by position"
    named = ", ".join(sorted(allowed.keys() - first))
    return TypeError(f"{owner} takes {places}; name the others ({named})")


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question that suggests the parameter with the meaning of `name`, or nothing."""
    import difflib

    known = list(names)
    meant = [one for one in known if name.lower() in _OTHER_NAMES.get(one, "").split()]
    meant += difflib.get_close_matches(name.lower(), known, 1)
    return f"; did you mean {meant[0]!r}?" if meant else ""
