"""Every wrapper over dicts in memory, also where all of them are sub-dicts of something."""

from functools import partial

import pytest

import persidict
from persidict.core import LocalBackend, LocalDict, MutationPolicyError
from persidict.core.testing import (
    AppendOnlyConformance,
    ChangingConformance,
    ConditionalConformance,
    ReadingConformance,
)
from persidict.core.testing.model import CONDITIONS

pytestmark = pytest.mark.wrappers


def opener(prefix=()):
    """Return a function that opens dicts by name, each on a backend of its own."""
    backends = {}

    def open_dict(name, **params):
        backend = backends.setdefault(name, LocalBackend())
        return LocalDict(backend=backend, **params).get_subdict(prefix)

    return open_dict


def make_mutable(open_dict, *, append_only=False, max_cached_items=None, **params):
    assert not append_only
    return persidict.MutableDictCached(
        main_dict=open_dict("main", **params),
        data_cache=open_dict("data", **params),
        etag_cache=open_dict("etags", base_class_for_values=str),
        max_cached_items=max_cached_items,
    )


def make_append_only(open_dict, *, append_only=True, **params):
    assert append_only
    return persidict.AppendOnlyDictCached(
        main_dict=open_dict("main", append_only=True, **params),
        data_cache=open_dict("data", append_only=True, **params),
    )


def make_write_once(open_dict, *, append_only=True, **params):
    assert append_only
    return persidict.WriteOnceDict(wrapped_dict=open_dict("main", append_only=True, **params))


class MutableConformance(ReadingConformance, ChangingConformance, ConditionalConformance):
    """What holds for a dict that can't be append-only."""


class TestMutableDictCached(MutableConformance):
    @pytest.fixture(params=[(), ("far", "below")], ids=["whole", "below"])
    def make_dict(self, request):
        return partial(make_mutable, opener(request.param))


class TestBoundedCache(MutableConformance):
    """With next to no room, most reads are evictions."""

    @pytest.fixture
    def make_dict(self):
        return partial(make_mutable, opener(), max_cached_items=2)


class TestNestedCaches(MutableConformance):
    @pytest.fixture
    def make_dict(self):
        open_dict = opener()

        def make(**params):
            params.pop("append_only", None)
            return persidict.MutableDictCached(
                main_dict=make_mutable(open_dict, **params),
                data_cache=open_dict("nearer data", **params),
                etag_cache=open_dict("nearer etags"),
            )

        return make


class TestExpiringDict(MutableConformance):
    @pytest.fixture(params=[(), ("far", "below")], ids=["whole", "below"])
    def make_dict(self, request):
        open_dict = opener(request.param)

        def make(*, append_only=False, **params):
            assert not append_only
            return persidict.ExpiringDict(wrapped_dict=open_dict("main", **params), max_age=1e6)

        return make


class TestOwnAges(MutableConformance):
    @pytest.fixture(params=[(), ("far", "below")], ids=["whole", "below"])
    def make_dict(self, request):
        open_dict = opener(request.param)

        def make(*, append_only=False, base_class_for_values=None, **params):
            assert not append_only
            if base_class_for_values is not None:
                pytest.skip("values are stored in dicts")
            main = open_dict("main", **params)
            return persidict.ExpiringDict(main, max_age=1e6, own_ages=True)

        return make


class TestBoundedDict(MutableConformance):
    @pytest.fixture(params=[(), ("far", "below")], ids=["whole", "below"])
    def make_dict(self, request):
        open_dict = opener(request.param)

        def make(*, append_only=False, **params):
            assert not append_only
            return persidict.BoundedDict(open_dict("main", **params), max_items=10**6)

        return make


class TestAppendOnlyDictCached(ReadingConformance):
    test_one_append_only_write_wins = AppendOnlyConformance.test_one_append_only_write_wins

    @pytest.fixture(params=[(), ("far", "below")], ids=["whole", "below"])
    def make_dict(self, request):
        return partial(make_append_only, opener(request.param))

    @pytest.mark.parametrize("operation", ["get", "set", "keep", "setdefault"])
    @pytest.mark.parametrize("condition", CONDITIONS, ids=repr)
    def test_append_only_outcomes(self, make_dict, operation, condition):
        AppendOnlyConformance().test_append_only_outcomes(make_dict, operation, condition)


class TestWriteOnceDict(ReadingConformance):
    @pytest.fixture(params=[(), ("far", "below")], ids=["whole", "below"])
    def make_dict(self, request):
        return partial(make_write_once, opener(request.param))

    @pytest.mark.parametrize("operation", ["get", "setdefault"])
    @pytest.mark.parametrize("condition", CONDITIONS, ids=repr)
    def test_append_only_outcomes(self, make_dict, operation, condition):
        AppendOnlyConformance().test_append_only_outcomes(make_dict, operation, condition)

    def test_one_write_wins(self, make_dict):
        d = make_dict()
        self.in_threads(lambda me: d.__setitem__("a", str(me)))
        first = d["a"]
        self.in_threads(lambda me: d.__setitem__("a", str(me)))
        assert d["a"] == first


class TestWriteOnceOverCache(ReadingConformance):
    @pytest.fixture
    def make_dict(self):
        open_dict = opener()
        return lambda **params: persidict.WriteOnceDict(
            wrapped_dict=make_append_only(open_dict, **params)
        )

    def test_deletion_is_refused(self, make_dict):
        with pytest.raises(MutationPolicyError):
            make_dict().clear()
