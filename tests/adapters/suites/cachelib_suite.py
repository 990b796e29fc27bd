"""The cache tests of cachelib, run from its source distribution."""

import pytest
from clear import ClearTests
from common import CommonTests
from has import HasTests
from suite_stores import new_store

from persidict.adapters.cachelib import CachelibCache


@pytest.fixture(autouse=True)
def cache_factory(request):
    store = new_store()

    def factory(self, *args, **kwargs):
        return CachelibCache(store, *args, **kwargs)

    request.cls.cache_factory = factory


class TestCachelibCache(CommonTests, HasTests, ClearTests):
    pass
