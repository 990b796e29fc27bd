"""The names that the code of a page defines, and what it leaves open."""

import contextlib
import sys


@contextlib.contextmanager
def page_namespace():
    """Yield a namespace for a page's code; close its caches, as the end of a process would.

    From Python 3.13, a database that is collected while it is open causes a warning.
    """
    namespace = {"__name__": "page"}
    try:
        yield namespace
    finally:
        if "diskcache" in sys.modules:
            for value in namespace.values():
                if isinstance(value, sys.modules["diskcache"].Cache):
                    value.close()
