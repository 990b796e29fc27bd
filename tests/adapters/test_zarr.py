"""zarr's own conformance suite for stores, from its package."""

import pickle

import pytest

testing = pytest.importorskip("zarr.testing.store")
pytest.importorskip("pytest_asyncio")
from zarr.core.buffer import cpu  # noqa: E402

from persidict import LocalDict  # noqa: E402
from persidict.adapters.zarr import ZarrStore  # noqa: E402
from persidict.core.text_keys import key_from_text  # noqa: E402


class TestZarrStore(testing.StoreTests):
    store_cls = ZarrStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, any_dict):
        return {"wrapped": any_dict}

    async def set(self, store, key, value):
        store.wrapped[key_from_text(key, separator="/")] = value.to_bytes()

    async def get(self, store, key):
        return self.buffer_cls.from_bytes(store.wrapped[key_from_text(key, separator="/")])

    async def test_serializable_store(self, store):
        if isinstance(store.wrapped, LocalDict):
            with pytest.raises(TypeError, match="its items are in memory"):
                pickle.dumps(store)
        else:
            await super().test_serializable_store(store)

    def test_store_repr(self, store):
        assert repr(store) == f"ZarrStore({store.wrapped!r}, read_only=False)"

    def test_store_supports_writes(self, store):
        assert store.supports_writes

    def test_store_supports_listing(self, store):
        assert store.supports_listing


def test_xarray_writes_and_reads_a_group(any_dict):
    xarray = pytest.importorskip("xarray")
    numpy = pytest.importorskip("numpy")
    data = xarray.Dataset({"t": (("x", "y"), numpy.arange(6.0).reshape(2, 3))})
    data.to_zarr(ZarrStore(any_dict), zarr_format=3, consolidated=False)
    with xarray.open_zarr(ZarrStore(any_dict, read_only=True), consolidated=False) as found:
        assert found.load().equals(data)
