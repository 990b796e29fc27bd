"""Both S3 dicts do what every dict does, on moto and on a real server."""

from functools import partial

import pytest

from persidict.core.testing import PersiDictConformance
from persidict.s3 import BasicS3Dict, S3Dict


class Small(PersiDictConformance):
    n_threads = 4
    increments_per_thread = 3
    n_random_runs = 3


class TestBasicS3Dict(Small):
    @pytest.fixture
    def make_dict(self, place):
        return partial(BasicS3Dict, **place)


class TestPlainText(Small):
    etags_are_unique = False

    @pytest.fixture
    def make_dict(self, place):
        params = {**place, "serialization_format": "txt", "base_class_for_values": str}
        return lambda **more: BasicS3Dict(**{**params, **more})


class TestS3Dict(Small):
    @pytest.fixture
    def make_dict(self, place, tmp_path):
        return partial(S3Dict, base_dir=tmp_path, **place)
