"""Keep pages for a minute."""

import time
from typing import TypedDict

from persidict import ExpiringDict, FileDirDict


class Page(TypedDict):
    url: str
    fetched: float


def page(url: str) -> Page:
    pages: ExpiringDict[Page] = ExpiringDict(FileDirDict("pages"), max_age=60)
    known = pages.get(url)
    if known is None:
        known = pages[url] = Page(url=url, fetched=time.time())
    return known
