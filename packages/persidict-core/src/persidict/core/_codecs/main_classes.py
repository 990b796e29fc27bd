"""Classes of a script: they are stored by value, and the same script gets its own classes back.

A pickle that contains classes of ``__main__`` starts with the script's path, as a text that
unpicklers push and drop. Where the same script reads it, or one of its workers, its own classes
take the place of the stored ones. Other programs get the classes that cloudpickle builds.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any

from persidict.core._codecs.lz4_frames import FrameReader

MAIN_MODULES = ("__mp_main__", "__main__")
"""The names of the main module; in a spawned worker it has the first one too."""

_PROTOCOL = b"\x80\x05"
_START = _PROTOCOL + b"X"  # BINUNICODE; a pickle without this header has a frame here
_PREFIX = b"persidict script "
_POP = b"0"
_MARK = "persidict qualname"
_LENGTH_END = len(_START) + 4
_LONGEST_HEADER = 1 << 16


def script_header() -> bytes:
    """Return what a pickle with classes of this script starts with, instead of its protocol."""
    script = _script()
    if script is None:
        return _PROTOCOL
    text = _PREFIX + os.fsencode(script)
    return _START + len(text).to_bytes(4, "little") + text + _POP


def found_by_name(kind: type) -> bool:
    """Return whether the main module has a class under the class's own name."""
    return _own_class(kind.__module__, kind.__qualname__) is kind


def marked(reduced: Any, kind: type) -> Any:
    """Add the qualified name to what cloudpickle stores of a class of this script.

    It goes where cloudpickle keeps a place for such additions, and ignores them.
    """
    make, arguments, *rest = reduced
    if make.__name__ not in _REPLACED or arguments[-1] is not None:
        return reduced
    return make, (*arguments[:-1], {_MARK: kind.__qualname__}), *rest


def load(data: bytes) -> Any:
    """Unpickle, with the classes of this script where it wrote the pickle itself."""
    if data.startswith(_START) and _is_of_this_script(data):
        return _MainUnpickler(BytesIO(data)).load()
    return pickle.loads(data)


def load_from(file: FrameReader) -> Any:
    """Do the same with a pickle that is decompressed while it is read."""
    head = bytes(file.head()[:_LONGEST_HEADER])
    unpickler = _MainUnpickler if _is_of_this_script(head) else pickle.Unpickler
    return unpickler(file).load()


def _is_of_this_script(data: bytes) -> bool:
    """Return whether a pickle starts with the header of the script that runs here."""
    if not (data.startswith(_START) and data.startswith(_PREFIX, _LENGTH_END)):
        return False
    length = int.from_bytes(data[len(_START) : _LENGTH_END], "little")
    script = os.fsdecode(data[_LENGTH_END + len(_PREFIX) : _LENGTH_END + length])
    return script == _script()


def _script() -> str | None:
    """Return the path of the script or notebook that runs here; None where there is none."""
    for name in MAIN_MODULES:
        path = getattr(sys.modules.get(name), "__file__", None)
        if path:
            return os.path.abspath(str(path))
    return os.environ.get("JPY_SESSION_NAME")  # set by Jupyter


class _MainUnpickler(pickle.Unpickler):
    """An unpickler that replaces cloudpickle's classes of ``__main__`` by those that exist."""

    def find_class(self, module: str, name: str, /) -> Any:
        found = super().find_class(module, name)
        if module == "cloudpickle.cloudpickle" and name in _REPLACED:
            return _REPLACED[name](found)
        return found


def _own_class(module: object, qualname: str) -> type | None:
    """Return the class that a qualified name leads to in the main module."""
    if module not in MAIN_MODULES:
        return None
    for main in MAIN_MODULES:
        found: Any = sys.modules.get(main)
        for name in qualname.split("."):
            found = getattr(found, name, None)
        if isinstance(found, type) and found.__module__ in MAIN_MODULES:
            return found if found.__qualname__ == qualname else None
    return None


def _class_maker(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return the own class for a stored one that its script has found by its name."""

    def make_class(*arguments: Any) -> Any:
        qualname = (arguments[-1] or {}).get(_MARK)
        own = _own_class("__main__", qualname) if qualname else None
        return own or make(*arguments)

    return make_class


def _state_setter(set_state: Callable[..., Any]) -> Callable[..., Any]:
    def set_class_state(kind: Any, state: Any) -> Any:
        return kind if found_by_name(kind) else set_state(kind, state)

    return set_class_state


# The functions of cloudpickle that create a class and fill it. If cloudpickle renames one of them,
# classes come back by value.
_REPLACED = {
    "_make_skeleton_class": _class_maker,
    "_make_skeleton_enum": _class_maker,
    "_class_setstate": _state_setter,
}
