"""Buckets that the published package wrote."""

from pathlib import Path

import pytest

from persidict.s3 import BasicS3Dict, S3Dict

DATA = Path(__file__).parent / "data" / "bucket"
SAMPLES = {
    ("plain",): {"loss": 0.25, "steps": [1, 2, 3], "name": "Zoë"},
    ("nested", "deeper", "leaf"): (1, {"two"}, None),
    ("big",): {"text": "lorem ipsum " * 200, "numbers": list(range(300))},
}


@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_published_objects_are_read(basic, moto_place, tmp_path, serialization_format):
    client = basic._connection.client()
    prefix = moto_place["root_prefix"]
    for path in DATA.rglob("*.*"):
        name = path.relative_to(DATA).as_posix()
        client.put_object(Bucket="tests", Key=prefix + name, Body=path.read_bytes())
    place = {
        **moto_place,
        "root_prefix": f"{prefix}root",
        "serialization_format": serialization_format,
    }
    for d in (BasicS3Dict(**place), S3Dict(base_dir=tmp_path, **place)):
        assert dict(d.items()) == SAMPLES
        assert d.subdicts()["nested"]["deeper", "leaf"] == SAMPLES["nested", "deeper", "leaf"]
        assert d.transform_item("plain", transformer=lambda v: {**v, "new": 1}).new_value["new"]
        d["plain"] = SAMPLES["plain",]
