from functools import partial

import pytest

from persidict.core import LocalBackend, LocalDict
from persidict.core.testing import PersiDictConformance

pytestmark = pytest.mark.core


class TestLocalDict(PersiDictConformance):
    n_random_runs = 50

    @pytest.fixture
    def make_dict(self):
        return partial(LocalDict, backend=LocalBackend())


class TestBelowPrefix(PersiDictConformance):
    """A sub-dict is a dict like any other."""

    @pytest.fixture
    def make_dict(self):
        backend = LocalBackend()
        LocalDict(backend=backend)["outside"] = "not seen"
        return lambda **params: LocalDict(backend=backend, **params).get_subdict(["far", "below"])
