"""The cache tests of cachelib, run from its source distribution."""

import pytest
from clear import ClearTests
from common import CommonTests
from has import HasTests

from persidict import FileDirDict
from persidict.adapters.cachelib import CachelibCache


@pytest.fixture(autouse=True)
def cache_factory(request, tmp_path):
    def factory(self, *args, **kwargs):
        return CachelibCache(FileDirDict(base_dir=str(tmp_path), durable=False), *args, **kwargs)

    request.cls.cache_factory = factory


class TestCachelibCache(CommonTests, HasTests, ClearTests):
    pass
