"""Listings of objects, page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from persidict.core._codecs.registry import stores_text
from persidict.core.key_components import is_component
from persidict.s3.naming import Naming
from persidict.s3.objects import PAGE_SIZE, Page
from persidict.s3.parallel import ordered_map

# Objects to look at first in a directory: one item is enough.
_SAMPLE = 10
# Objects to look at to find out which formats there are.
_FORMATS_SAMPLE = 100


class ListPage(Protocol):
    """Requests one page, as `ObjectStore.page` does."""

    def __call__(
        self, directory: str, token: str | None, *, limit: int = ..., deep: bool = ...
    ) -> Page:
        """Return the page that follows a token."""


def pages(
    list_page: ListPage, directory: str, *, first: int = PAGE_SIZE, deep: bool = True
) -> Iterator[Page]:
    """List a directory page by page; only the first page has the size `first`."""
    page = list_page(directory, None, limit=first, deep=deep)
    yield page
    while page.next_token is not None:
        page = list_page(directory, page.next_token, deep=deep)
        yield page


def has_item(list_page: ListPage, naming: Naming, directory: str, first: int = _SAMPLE) -> bool:
    """Tell whether any object in a directory is an item."""
    return any(
        naming.key_of(name) is not None
        for page in pages(list_page, directory, first=first)
        for name, *_ in page.objects
    )


def first_components(
    list_page: ListPage, naming: Naming, directory: str, workers: int
) -> Iterator[str]:
    """Yield, at least once, the component after a directory of every item in it.

    One page tells all of a small directory. For a larger one, S3 lists the directories in it, and
    persidict looks into those that are not yet known to hold an item.
    """
    depth = naming.depth(directory)
    page = list_page(directory, None)
    known = dict.fromkeys(naming.components_of(page, depth))
    yield from known
    if page.next_token is None:
        return
    for page in pages(list_page, directory, deep=False):
        yield from naming.components_of(page, depth)
        unknown = [
            name for name in page.directories if naming.directory_component(name) not in known
        ]
        answers = ordered_map(lambda name: has_item(list_page, naming, name), unknown, workers)
        for name, holds in zip(unknown, answers, strict=True):
            if holds:
                yield naming.directory_component(name)


def other_formats(list_page: ListPage, naming: Naming) -> list[str]:
    """Return the formats of the first hundred objects, the most frequent first.

    There are none if one of these is an item of the format of `naming`. Objects with the
    extension of no registered format can be foreign; they count only if all objects have it.
    """
    names = [name for name, *_ in list_page(naming.root, None, limit=_FORMATS_SAMPLE).objects]
    if any(naming.key_of(name) is not None for name in names):
        return []
    found = Counter(name.rpartition(".")[2] for name in names)
    return [
        extension
        for extension, count in found.most_common()
        if (not stores_text(extension) or count == len(names))
        and is_component(extension)
        and all(map(Naming(naming.root, extension).key_of, _with_extension(names, extension)))
    ]


def _with_extension(names: list[str], extension: str) -> list[str]:
    return [name for name in names if name.endswith(f".{extension}")]
