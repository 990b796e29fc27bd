"""The conformance kit, with every public method called through `AsyncPersiDict`."""

import functools

import pytest

from persidict import LocalBackend, LocalDict
from persidict.aio.testing import through_async
from persidict.core.testing import PersiDictConformance

pytestmark = pytest.mark.core


class TestLocalDictThroughAsync(PersiDictConformance):
    n_random_runs = 5

    @pytest.fixture
    def make_dict(self):
        return through_async(functools.partial(LocalDict, backend=LocalBackend()))


class TestFileDirDictThroughAsync(PersiDictConformance):
    n_random_runs = 5

    @pytest.fixture
    def make_dict(self, tmp_path):
        file = pytest.importorskip("persidict.file")
        return through_async(functools.partial(file.FileDirDict, base_dir=str(tmp_path / "data")))
