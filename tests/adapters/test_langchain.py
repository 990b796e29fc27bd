"""LangChain's own suites for stores, from its package."""

import pytest

suites = pytest.importorskip("langchain_tests.integration_tests")
pytest.importorskip("pytest_asyncio")
from persidict.adapters.langchain import LangChainStore  # noqa: E402


class Stores:
    @pytest.fixture
    def kv_store(self, any_dict):
        return LangChainStore(any_dict)

    @pytest.fixture
    def three_values(self):
        return b"one", b"two", b"three"


class TestLangChainStore(Stores, suites.BaseStoreSyncTests):
    pass


class TestLangChainStoreAsync(Stores, suites.BaseStoreAsyncTests):
    pass
