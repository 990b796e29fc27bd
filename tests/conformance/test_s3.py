"""Both S3 dicts do what every dict does, on moto and on a real server."""

from functools import partial

import pytest

import persidict
from persidict.core.testing import PersiDictConformance

pytestmark = pytest.mark.s3


class Small(PersiDictConformance):
    n_many = 20  # long listings have tests of their own
    n_threads = 4
    increments_per_thread = 3
    n_random_runs = 3


class TestBasicS3Dict(Small):
    @pytest.fixture
    def make_dict(self, place):
        return partial(persidict.BasicS3Dict, **place)


class TestBasicS3DictThroughObstore(Small):
    @pytest.fixture
    def make_dict(self, place, monkeypatch):
        pytest.importorskip("obstore")
        monkeypatch.setenv("PERSIDICT_S3_TRANSPORT", "obstore")
        return partial(persidict.BasicS3Dict, **place)


class TestPlainText(Small):
    etags_are_unique = False

    @pytest.fixture
    def make_dict(self, place):
        params = {**place, "serialization_format": "txt", "base_class_for_values": str}
        return lambda **more: persidict.BasicS3Dict(**{**params, **more})


class TestS3Dict(Small):
    @pytest.fixture
    def make_dict(self, place, tmp_path):
        return partial(persidict.S3Dict, base_dir=tmp_path, **place)
