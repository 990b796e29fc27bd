"""`OverlappingMultiDict`: several formats side by side in one place."""

from __future__ import annotations

from typing import Any, NoReturn

from persidict.core._opening.contract import StoreGroup
from persidict.core.base import PersiDict
from persidict.core.notebook import table, title_and_params


class OverlappingMultiDict(StoreGroup):
    """One dict per serialization format, all in the same place, as attributes.

    Each dict sees only the keys of its own format. The object itself is not a mapping.

    Args:
        dict_type: The class of the dicts.
        shared_subdicts_params: Constructor arguments that all of them get.
        **individual_subdicts_params: For each format, a dict of further arguments. They win over
            the shared ones.

    Raises:
        TypeError: `dict_type` is not a subclass of `PersiDict`, or parameters are not a dict.
        ValueError: A format has the name of an attribute that every object of this class has.

    Example:
        >>> from persidict import LocalBackend, LocalDict
        >>> formats = OverlappingMultiDict(
        ...     dict_type=LocalDict,
        ...     shared_subdicts_params={"backend": LocalBackend()},
        ...     json={},
        ...     md={"base_class_for_values": str},
        ... )
        >>> formats.md["report"] = "# Results"
        >>> formats.json["report"] = {"loss": 0.25}
        >>> formats.md["report"], formats.subdicts_names
        ('# Results', ['json', 'md'])
    """

    def __init__(
        self,
        *,
        dict_type: type[PersiDict[Any]],
        shared_subdicts_params: dict[str, Any],
        **individual_subdicts_params: dict[str, Any],
    ) -> None:
        if not (isinstance(dict_type, type) and issubclass(dict_type, PersiDict)):
            raise TypeError(f"dict_type must be a subclass of PersiDict, got {dict_type!r}")
        _validate_dict("shared_subdicts_params", shared_subdicts_params)
        self.dict_type = dict_type
        self.shared_subdicts_params = shared_subdicts_params
        self.individual_subdicts_params = individual_subdicts_params
        self.subdicts_names = list(individual_subdicts_params)
        for name, params in individual_subdicts_params.items():
            _validate_dict(f"the parameters of {name!r}", params)
            if name in self.__dict__ or hasattr(type(self), name):
                raise ValueError(f"a format can't be named {name!r}, which is an attribute already")
            together = {**shared_subdicts_params, **params, "serialization_format": name}
            setattr(self, name, dict_type(**together))
            self.__dict__[name]._expect_other_layouts()

    def get_params(self) -> dict[str, Any]:
        """Return the constructor's arguments that open the same dicts, sorted by name."""
        params = {
            "dict_type": self.dict_type,
            "shared_subdicts_params": self.shared_subdicts_params,
            **self.individual_subdicts_params,
        }
        return dict(sorted(params.items()))

    def _params_to_describe(self) -> dict[str, Any]:
        params = {
            "dict_type": self.dict_type,
            "shared_subdicts_params": {},
        }
        for name in self.subdicts_names:
            own = self.__dict__[name].get_params()
            own.pop("serialization_format")
            params[name] = own
        return params

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"

    def _repr_html_(self) -> str:
        """Return what notebooks show: the parameters, then each of the dicts."""
        dicts = "".join(self.__dict__[name]._repr_html_() for name in self.subdicts_names)
        return table(*title_and_params(self)) + dicts

    def __getattr__(self, name: str) -> PersiDict[Any]:
        formats = self.__dict__.get("subdicts_names", [])
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}; its formats are {formats}",
            name=name,
            obj=self,
        )

    def __getitem__(self, key: object) -> NoReturn:
        self._raise_no_items()

    def __setitem__(self, key: object, value: object) -> None:
        self._raise_no_items()

    def __delitem__(self, key: object) -> None:
        self._raise_no_items()

    __iter__ = None  # with __getitem__ alone, Python would try 0, 1, 2, ...
    __contains__ = None

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"an {type(self).__name__} can't be pickled; send what persidict.describe() returns of "
            "it and open the dicts again with persidict.open_store() (or, as Python objects, what "
            "get_params() returns)"
        )

    def _raise_no_items(self) -> NoReturn:
        raise TypeError(
            f"an {type(self).__name__} has no items; its dicts do, which are its attributes "
            f"{self.subdicts_names}"
        )


def _validate_dict(name: str, params: object) -> None:
    if not isinstance(params, dict):
        raise TypeError(f"{name} must be a dict, got {type(params).__name__}")
