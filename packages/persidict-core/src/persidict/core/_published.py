"""Detects that the package published as `persidict` before 0.400 is in the same directory."""

import os

# A module that each version of it has.
_MODULE = "persi_dict.py"


def validate_installation(directory: str) -> None:
    """Raise if two distributions have overwritten each other's files.

    Args:
        directory: The directory `persidict` that this part is in.

    Raises:
        ImportError: The modules of the older package are there too; says how to upgrade.
    """
    if os.path.exists(os.path.join(directory, _MODULE)):
        raise ImportError(
            f"{directory} holds the files of two versions of persidict, of which the older one "
            "does not go together with persidict-core: run 'pip install --upgrade persidict'",
            name="persidict",
        )
