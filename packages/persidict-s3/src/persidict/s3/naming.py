"""Names of objects: ``root_prefix + "a/b.pkl"`` for the key ``("a", "b")``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from persidict.core.key_components import is_component
from persidict.core.keys import NonEmptySafeStrTuple, trusted_key
from persidict.s3.objects import Page


def with_slash(root_prefix: str) -> str:
    """Return a root prefix as it begins object names."""
    if not isinstance(root_prefix, str):
        raise TypeError(f"root_prefix must be a string, got {type(root_prefix).__name__}")
    return root_prefix if not root_prefix or root_prefix.endswith("/") else root_prefix + "/"


class Naming:
    """Translates keys to object names and back, for one root prefix and format."""

    def __init__(self, root: str, serialization_format: str) -> None:
        self.root = root
        self._ending = f".{serialization_format}"

    def object_name(self, key: Sequence[str]) -> str:
        """Return the name of the object that holds an item."""
        return f"{self.root}{'/'.join(key)}{self._ending}"

    def directory(self, prefix: Sequence[str]) -> str:
        """Return how the names of all items below a prefix begin."""
        return self.root + "".join(f"{component}/" for component in prefix)

    def depth(self, directory: str) -> int:
        """Return the number of components of the prefix that a directory stands for."""
        return directory.count("/", len(self.root))

    def key_of(self, name: str) -> NonEmptySafeStrTuple | None:
        """Return the key of an object, or None if it is no item of this dict."""
        if not name.endswith(self._ending):
            return None
        components = tuple(name[len(self.root) : -len(self._ending)].split("/"))
        return trusted_key(components) if all(map(is_component, components)) else None

    def components_of(self, page: Page, depth: int) -> Iterator[str]:
        """Yield the component at a depth of the key of each item in a page."""
        keys = (self.key_of(name) for name, *_ in page.objects)
        return (key[depth] for key in keys if key is not None)

    def directory_component(self, directory: str) -> str:
        """Return the last component of a directory."""
        return directory[:-1].rpartition("/")[2]
