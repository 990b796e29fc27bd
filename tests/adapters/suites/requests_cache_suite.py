"""The backend tests of requests-cache, run from its source distribution."""

from suite_stores import new_store

from persidict.adapters.requests_cache import RequestsCacheBackend, RequestsCacheTable
from tests.integration.base_cache_test import BaseCacheTest
from tests.integration.base_storage_test import BaseStorageTest

STORE = new_store()


class TestCache(BaseCacheTest):
    def backend_class(self, cache_name, **options):
        return RequestsCacheBackend(STORE, cache_name=cache_name, **options)


class TestStorage(BaseStorageTest):
    def storage_class(self, cache_name, table_name, **options):
        return RequestsCacheTable(STORE.get_subdict((cache_name, table_name)), **options)
