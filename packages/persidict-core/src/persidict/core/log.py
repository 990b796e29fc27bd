"""Messages for those who debug, which cost nothing where nobody listens."""

from __future__ import annotations

import sys


def debug(logger: str, message: str, *args: object) -> None:
    """Log a message if anybody has loaded `logging`, which is slow to import."""
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger(logger).debug(message, *args)


def info(logger: str, message: str, *args: object) -> None:
    """Do the same for what users may want to see."""
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger(logger).info(message, *args)
