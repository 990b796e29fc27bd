"""Every wrapper over files."""

from functools import partial

import pytest

import persidict
from persidict.core import LocalBackend, LocalDict
from persidict.core.testing import (
    AppendOnlyConformance,
    ChangingConformance,
    ConditionalConformance,
    ReadingConformance,
)

pytestmark = [pytest.mark.wrappers, pytest.mark.file]


class TestMutableDictCached(ReadingConformance, ChangingConformance, ConditionalConformance):
    """The main dict in memory or in files, the caches in one directory, as two formats."""

    n_random_runs = 10
    n_threads = 8

    @pytest.fixture(params=["memory", "files"])
    def make_dict(self, request, tmp_path):
        if request.param == "memory":
            open_main = partial(LocalDict, backend=LocalBackend())
        else:
            open_main = partial(persidict.FileDirDict, base_dir=tmp_path / "main", durable=False)
        open_cache = partial(persidict.FileDirDict, base_dir=tmp_path / "cache", durable=False)

        def make(*, append_only=False, **params):
            assert not append_only
            return persidict.MutableDictCached(
                main_dict=open_main(**params),
                data_cache=open_cache(**params),
                etag_cache=open_cache(serialization_format="txt", base_class_for_values=str),
            )

        return make


class TestExpiringDict(ReadingConformance, ChangingConformance, ConditionalConformance):
    n_random_runs = 10
    n_threads = 8

    @pytest.fixture
    def make_dict(self, tmp_path):
        def make(*, append_only=False, **params):
            assert not append_only
            files = persidict.FileDirDict(base_dir=tmp_path, durable=False, **params)
            return persidict.ExpiringDict(wrapped_dict=files, max_age=1e6)

        return make


class TestAppendOnlyDictCached(ReadingConformance):
    test_one_append_only_write_wins = AppendOnlyConformance.test_one_append_only_write_wins

    @pytest.fixture
    def make_dict(self, tmp_path):
        open_files = partial(persidict.FileDirDict, durable=False)

        def make(*, append_only=True, **params):
            assert append_only
            return persidict.AppendOnlyDictCached(
                main_dict=open_files(base_dir=tmp_path / "main", append_only=True, **params),
                data_cache=open_files(base_dir=tmp_path / "cache", append_only=True, **params),
            )

        return make


class TestWriteOnceDict(ReadingConformance):
    @pytest.fixture
    def make_dict(self, tmp_path):
        def make(*, append_only=True, **params):
            assert append_only
            files = persidict.FileDirDict(
                base_dir=tmp_path, append_only=True, durable=False, **params
            )
            return persidict.WriteOnceDict(wrapped_dict=files)

        return make


class TestEntriesWithTheirVersions(ReadingConformance, ChangingConformance, ConditionalConformance):
    """The cache that `S3Dict` has: one file per entry, with the version and its bytes."""

    test_params = test_copies_and_pickles = None  # `S3Dict` has parameters, its parts don't
    n_random_runs = 10
    n_threads = 8

    @pytest.fixture(params=[(), ("far", "below")], ids=["whole", "below"])
    def make_dict(self, request, tmp_path):
        open_files = partial(persidict.FileDirDict, durable=False)

        def make(*, append_only=False, **params):
            from persidict.wrappers.byte_entries import ByteEntries
            from persidict.wrappers.revalidating_cache import RevalidatingCache

            assert not append_only
            main = open_files(base_dir=tmp_path / "main", **params).get_subdict(request.param)
            cache = open_files(base_dir=tmp_path / "entries")
            return RevalidatingCache(main, ByteEntries(main, cache), None, None)

        return make


class TestBoundedDict(ReadingConformance, ChangingConformance, ConditionalConformance):
    n_random_runs = 10
    n_threads = 8

    @pytest.fixture
    def make_dict(self, tmp_path):
        def make(*, append_only=False, **params):
            assert not append_only
            files = persidict.FileDirDict(base_dir=tmp_path, durable=False, **params)
            return persidict.BoundedDict(files, max_items=10**6, max_bytes=10**9)

        return make
