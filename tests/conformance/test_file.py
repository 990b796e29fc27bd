from functools import partial

import pytest

import persidict
from persidict.core.testing import PersiDictConformance

pytestmark = pytest.mark.file


class TestFileDirDict(PersiDictConformance):
    @pytest.fixture(params=["pkl", "json"])
    def make_dict(self, request, tmp_path):
        return partial(
            persidict.FileDirDict,
            base_dir=tmp_path,
            serialization_format=request.param,
            durable=False,
        )


class TestPlainText(PersiDictConformance):
    """Without digests, and with as many characters of them as there are."""

    @pytest.fixture(params=[0, 26])
    def make_dict(self, request, tmp_path):
        params = {"serialization_format": "txt", "base_class_for_values": str, "durable": False}
        params["digest_len"] = request.param
        return lambda **more: persidict.FileDirDict(base_dir=tmp_path, **{**params, **more})


class TestDurable(PersiDictConformance):
    n_random_runs = 2
    increments_per_thread = 2

    @pytest.fixture
    def make_dict(self, tmp_path):
        return partial(persidict.FileDirDict, base_dir=tmp_path, digest_len=0)
