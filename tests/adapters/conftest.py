"""The dicts that every adapter is tried on."""

import pytest

from persidict import LocalDict


@pytest.fixture(params=["file", "memory", "s3"])
def any_dict(request, tmp_path):
    """A new dict in files, in memory, or on moto's S3 server."""
    if request.param == "memory":
        return LocalDict()
    if request.param == "file":
        file = pytest.importorskip("persidict.file")
        return file.FileDirDict(base_dir=str(tmp_path / "data"), durable=False)
    s3 = pytest.importorskip("persidict.s3")
    moto = request.getfixturevalue("moto")
    return s3.BasicS3Dict(bucket_name="adapters", root_prefix=tmp_path.name, endpoint_url=moto.url)
