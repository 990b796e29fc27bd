"""Values as the command line reads and prints them."""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from persidict.core._cli.output import CommandFailed
from persidict.core.base import PersiDict


def is_json(value: Any) -> bool:
    """Tell whether JSON can represent the value exactly."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return True
    if kind is float:
        return math.isfinite(value)
    if kind is list:
        return all(map(is_json, value))
    return kind is dict and all(type(key) is str and is_json(value[key]) for key in value)


def encode_for_output(value: Any, *, as_json: bool, raw: bool) -> bytes:
    """Return the bytes that ``get`` prints for a value.

    Raises:
        CommandFailed: The value can't be printed in that form.
    """
    kind = type(value).__name__
    if raw:
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode("utf-8", "surrogatepass")
        raise CommandFailed(f"--raw is for text and bytes, but the value is of type {kind}")
    if as_json:
        if not is_json(value):
            raise CommandFailed(f"JSON can't hold a value of type {kind}; try without --json")
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, str):
        text = value
    elif is_json(value):
        text = json.dumps(value, ensure_ascii=False, indent=2)
    else:
        text = repr(value)
    return (text + "\n").encode("utf-8", "surrogatepass")


def read_value(options: Namespace, store: PersiDict[Any]) -> Any:
    """Return the value to write: from the argument, a file, or standard input.

    Raises:
        ValueError: The value is given twice, or is not of the type that the options say.
    """
    data = _read_input(options)
    if options.bytes:
        return data
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"the value is not UTF-8 text ({error}); --bytes takes any bytes"
        ) from None
    text_class = store.base_class_for_values
    if options.text or (text_class is not None and issubclass(text_class, str)):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"the value is not JSON ({error}); --text takes it as text") from None


def _read_input(options: Namespace) -> bytes:
    if options.value is not None and options.file is not None:
        raise ValueError("give either VALUE or --file, not both")
    if options.value is not None:
        data: bytes = options.value.encode("utf-8", "surrogateescape")
        return data
    if options.file is not None and options.file != "-":
        return Path(options.file).read_bytes()
    return sys.stdin.buffer.read()
