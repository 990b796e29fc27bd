"""Say what to install where a framework is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def framework(module: str, extra: str) -> Iterator[None]:
    """Import a framework in this block; where it is missing, the error says what to install.

    Args:
        module: The framework's top-level module.
        extra: The extra of persidict-adapters that installs it.

    Raises:
        ModuleNotFoundError: The framework is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module:
            raise
        message = (
            f"persidict.adapters.{extra} needs {module}: pip install 'persidict-adapters[{extra}]'"
        )
        raise ModuleNotFoundError(message, name=error.name) from error
