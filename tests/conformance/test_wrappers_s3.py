"""Every wrapper over objects, with its caches in memory, on each server."""

from functools import partial

import pytest

import persidict
from persidict.core import LocalBackend, LocalDict, PersiDict
from persidict.core.testing import (
    AppendOnlyConformance,
    ChangingConformance,
    ConditionalConformance,
    ReadingConformance,
)
from persidict.core.testing.model import CONDITIONS

pytestmark = [pytest.mark.wrappers, pytest.mark.s3, pytest.mark.slow]


class Small:
    """What grows with these numbers is how often, not what is tested."""

    n_many = 20
    n_threads = 4
    increments_per_thread = 3
    n_random_runs = 1


class Mutable(Small, ReadingConformance, ChangingConformance, ConditionalConformance):
    """What holds for a dict that can't be append-only."""


class TestMutableDictCached(Mutable):
    @pytest.fixture
    def make_dict(self, place):
        data, etags = LocalBackend(), LocalBackend()

        def make(*, append_only=False, **params):
            assert not append_only
            return persidict.MutableDictCached(
                main_dict=persidict.BasicS3Dict(**place, **params),
                data_cache=LocalDict(backend=data, **params),
                etag_cache=LocalDict(backend=etags, base_class_for_values=str),
            )

        return make


class TestBoundedDict(Mutable):
    @pytest.fixture
    def make_dict(self, place):
        def make(*, append_only=False, **params):
            assert not append_only
            return persidict.BoundedDict(persidict.BasicS3Dict(**place, **params), max_items=10**6)

        return make


class TestExpiringDict(Mutable):
    @pytest.fixture
    def make_dict(self, place):
        def make(*, append_only=False, **params):
            assert not append_only
            return persidict.ExpiringDict(
                wrapped_dict=persidict.BasicS3Dict(**place, **params), max_age=1e6
            )

        return make


class AppendOnly(Small, ReadingConformance):
    """What holds for a dict that is append-only and nothing else."""

    operations = ("get", "set", "keep", "setdefault")

    @pytest.mark.parametrize("condition", CONDITIONS, ids=repr)
    def test_append_only_outcomes(self, make_dict, condition):
        for operation in self.operations:
            AppendOnlyConformance().test_append_only_outcomes(
                lambda operation=operation, **params: make_dict(**params).get_subdict(operation),
                operation,
                condition,
            )


class TestAppendOnlyDictCached(AppendOnly):
    test_one_append_only_write_wins = AppendOnlyConformance.test_one_append_only_write_wins

    @pytest.fixture
    def make_dict(self, place):
        data = LocalBackend()

        def make(*, append_only=True, **params):
            assert append_only
            return persidict.AppendOnlyDictCached(
                main_dict=persidict.BasicS3Dict(**place, append_only=True, **params),
                data_cache=LocalDict(backend=data, append_only=True, **params),
            )

        return make


class TestAppendOnlyS3Dict(AppendOnly):
    @pytest.fixture
    def make_dict(self, place, tmp_path):
        return partial(persidict.S3Dict, **place, base_dir=tmp_path, append_only=True)


class TestWriteOnceDict(AppendOnly):
    operations = ("get", "setdefault")

    @pytest.fixture
    def make_dict(self, place):
        def make(*, append_only=True, **params):
            assert append_only
            objects = persidict.BasicS3Dict(**place, append_only=True, **params)
            return persidict.WriteOnceDict(wrapped_dict=objects)

        return make


def test_no_wrapper_is_left_out():
    from persidict import wrappers

    exported = map(vars(wrappers).get, wrappers.__all__)
    found = [c.__name__ for c in exported if isinstance(c, type) and issubclass(c, PersiDict)]
    assert found
    assert [name for name in found if f"Test{name}" not in globals()] == []
