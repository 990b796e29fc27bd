"""Values that can't be taken as they are said to be, and items that vanish."""

import json
import os

import pytest

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict import FileDirDict  # noqa: E402  # if it is there


@pytest.mark.parametrize(
    ("data", "says"), [(b"\xff\xfe", "--bytes takes any bytes"), (b"{1", "--text takes it as text")]
)
def test_put_says_what_the_value_is_not(call, tmp_path, data, says):
    found = call("put", "data", "k", stdin=data)
    assert found.code != 0
    assert says in found.err
    assert not FileDirDict(base_dir=tmp_path / "data")


def test_ls_leaves_out_what_vanishes_meanwhile(call, tmp_path, monkeypatch):
    d = FileDirDict(base_dir=tmp_path / "data", durable=False)
    d.update(a=1, v=2)
    listing = FileDirDict._scan

    def scan(self, prefix):
        for key, stat in listing(self, prefix):
            if key == ("v",):
                os.unlink(d._where(("v",)))
            yield key, stat

    monkeypatch.setattr(FileDirDict, "_scan", scan)
    found = call("ls", "data", "--json", check=0)
    assert [json.loads(line)["key"] for line in found.lines] == ["a"]
