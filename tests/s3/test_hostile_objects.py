"""A bucket and a cache that strangers can write to: nothing of theirs is decoded or served."""

import os
import pickle
import random

import pytest

from persidict.core import DecodingError, SigningKeys
from persidict.s3 import BasicS3Dict, S3Dict

KEY = b"0123456789abcdef"
OTHER = b"fedcba9876543210"


@pytest.fixture
def objects(moto_place):
    """The objects of a place by their names below its prefix, to be changed as a stranger would."""
    client = BasicS3Dict(**moto_place)._connection.client()
    prefix = moto_place["root_prefix"]

    class Objects:
        def __getitem__(self, name):
            return client.get_object(Bucket="tests", Key=prefix + name)["Body"].read()

        def __setitem__(self, name, data):
            client.put_object(Bucket="tests", Key=prefix + name, Body=data)

    return Objects()


@pytest.fixture(params=["basic", "cached", "append-only"])
def make(request, moto_place, tmp_path):
    """Make handles on one place, of each kind."""

    def handle(**params):
        if request.param == "basic":
            return BasicS3Dict(**moto_place, **params)
        append_only = request.param == "append-only"
        return S3Dict(base_dir=tmp_path / "c", append_only=append_only, **moto_place, **params)

    return handle


def refuses(d, key, words):
    for read in (lambda: d[key], lambda: d.get(key), lambda: d.get_with_etag(key)):
        with pytest.raises(DecodingError, match=words):
            read()


def test_signed_objects(make, objects):
    d = make(signing_key=KEY)
    d["a", "b"], d["c"] = {"x": 1}, "c"
    assert dict(make(signing_key=[OTHER, KEY])) == {("a", "b"): {"x": 1}, ("c",): "c"}
    assert objects["c.pkl"].startswith(b"\xffpersidict signed 1\n")
    objects["a/c.pkl"] = objects["a/b.pkl"]
    refuses(make(signing_key=KEY), ("a", "c"), "another key")
    objects["plain.pkl"] = pickle.dumps("forged")
    refuses(make(signing_key=KEY), "plain", "is not signed")
    signed = bytearray(objects["c.pkl"])
    signed[-1] ^= 1
    objects["d.pkl"] = bytes(signed)
    refuses(make(signing_key=KEY), "d", "signature does not match")
    refuses(make(signing_key=OTHER), "c", "not in signing_key")
    refuses(make(), "c", "open the dict with the signing_key")


def test_many_signed_values(make, objects):
    d = make(signing_key=KEY)
    d.update({f"k{n}": n for n in range(20)})
    assert sorted(make(signing_key=KEY).values()) == list(range(20))
    objects["k7x.pkl"] = objects["k7.pkl"]
    with pytest.raises(DecodingError, match="'k7x'"):
        list(make(signing_key=KEY).items())


def test_every_write_of_a_signed_value_has_an_etag_of_its_own(moto_place):
    d = BasicS3Dict(signing_key=KEY, **moto_place)
    etags = set()
    for _ in range(3):
        d["a"] = 1
        etags.add(d.etag("a"))
    assert len(etags) == 3
    assert d.transform_item("a", transformer=lambda n: n + 1).new_value == 2


def test_sub_dicts_of_signed_dicts_open_again(make):
    d = make(signing_key=KEY)
    d["a", "b", "c"] = 1
    sub = d.get_subdict(("a", "b"))
    again = type(sub)(**sub.get_params())
    assert again == sub
    assert again["c"] == sub["c"] == 1
    again["d"] = 2
    assert d["a", "b", "d"] == 2
    assert sub.signing_key == SigningKeys(KEY, prefix=("a", "b"))
    assert "0123" not in repr(d) + repr(sub)


def cached_files(tmp_path, ending="pkl"):
    kinds = {"data", "entries"}  # of append-only dicts, and of all others
    return [path for path in (tmp_path / "c").rglob(f"*.{ending}") if kinds & set(path.parts)]


def split_entry(data, append_only):
    """What stands before the signed bytes of an entry, its ETag, and these bytes."""
    before = b"" if append_only else data[: data.index(b'"\xff') + 1]
    return before, data[len(before) :]


@pytest.mark.parametrize("append_only", [False, True])
@pytest.mark.parametrize("damage", ["forged", "cut", "moved", "unsigned", "empty"])
def test_a_cache_that_strangers_write_to(moto_place, tmp_path, append_only, damage):
    params = {
        **moto_place,
        "base_dir": tmp_path / "c",
        "append_only": append_only,
        "signing_key": KEY,
    }
    d = S3Dict(**params)
    d["a"], d["b"] = "right", "other"
    assert (d["a"], d["b"]) == ("right", "other")
    [a] = [path for path in cached_files(tmp_path) if path.name.startswith("a_")]
    [b] = [path for path in cached_files(tmp_path) if path.name.startswith("b_")]
    before, signed = split_entry(a.read_bytes(), append_only)
    data = {
        "forged": before + signed[:52] + pickle.dumps("forged"),
        "cut": before + signed[:-3],
        "moved": before + split_entry(b.read_bytes(), append_only)[1],
        "unsigned": before + pickle.dumps("forged"),
        "empty": b"",
    }[damage]
    info = a.stat()
    with a.open("r+b") as file:  # the same inode; and the same time, to look unchanged
        file.truncate()
        file.write(data)
    os.utime(a, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert d["a"] == S3Dict(**params)["a"] == "right"
    assert dict(d) == {("a",): "right", ("b",): "other"}
    signed = split_entry(a.read_bytes(), append_only)[1]
    assert signed.startswith(b"\xffpersidict signed 1\n")


def test_signed_and_unsigned_handles_have_caches_of_their_own(moto_place, tmp_path):
    base = {**moto_place, "base_dir": tmp_path / "c"}
    S3Dict(**base)["a"] = 1
    S3Dict(**base, signing_key=KEY)["b"] = 2
    S3Dict(**base, signing_key=OTHER)["c"] = 3
    assert len({path.parents[1] for path in cached_files(tmp_path)}) == 2
    rotated = S3Dict(**base, signing_key=[OTHER, KEY])
    assert (rotated["b"], rotated["c"]) == (2, 3)


def test_untagged_json_over_a_cache_that_was_filled_with_tags(moto_place, tmp_path):
    pytest.importorskip("jsonpickle")
    base = {**moto_place, "base_dir": tmp_path / "c", "serialization_format": "json"}
    S3Dict(**base)["a"] = (1, 2)
    d = S3Dict(**base, object_tags=False)
    refuses(d, "a", "object_tags=False")
    d["a"] = [1, 2]
    assert d["a"] == S3Dict(**base)["a"] == [1, 2]


def test_a_bomb_in_a_bucket(make, objects):
    lz4 = pytest.importorskip("lz4.frame")
    objects["a.pkl"] = lz4.compress(bytes(1 << 24))
    refuses(make(max_inflated_bytes=1 << 20), "a", "larger max_inflated_bytes")


@pytest.mark.slow
def test_damaged_objects(make, objects):
    d = make()
    d["a"] = [f"line {n}" for n in range(600)]
    whole = objects["a.pkl"]
    dice = random.Random(11)
    for n in range(25):
        data = bytearray(whole)
        if n % 2:
            del data[dice.randrange(len(data)) :]
        else:
            data[dice.randrange(6, len(data))] ^= 1 << dice.randrange(8)
        objects[f"x{n}.pkl"] = bytes(data)
        refuses(make(), f"x{n}", "can't be read")
    assert make()["a"] == d["a"]


@pytest.mark.parametrize(
    "name", ["../a.pkl", "./a.pkl", "/a.pkl", "a//b.pkl", "a b.pkl", "é.pkl", "a.pkl/", ".pkl", "a"]
)
def test_objects_that_are_no_items(make, objects, name):
    objects["real.pkl"] = pickle.dumps(1)
    objects[name] = pickle.dumps("foreign")
    d = make()
    assert dict(d) == {("real",): 1}
    assert objects[name] == pickle.dumps("foreign")


def test_foreign_objects_stay(basic, moto_place, objects):
    objects["a b.pkl"] = b"foreign"
    basic["a"] = 1
    basic.clear()
    assert not basic
    assert objects["a b.pkl"] == b"foreign"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"signing_key": b"short"}, ValueError),
        ({"signing_key": "text that is long enough"}, TypeError),
        ({"max_inflated_bytes": 0}, ValueError),
        ({"max_inflated_bytes": "1"}, TypeError),
        ({"object_tags": False}, ValueError),
        ({"serialization_format": "../x"}, ValueError),
        ({"serialization_format": 1}, TypeError),
        ({"root_prefix": 1}, TypeError),
        ({"bucket_name": ""}, ValueError),
        ({"max_workers": 0}, ValueError),
        ({"max_workers": 10**9}, ValueError),
        ({"region": 5}, TypeError),
        ({"endpoint_url": 5}, TypeError),
        ({"endpoint_url": "file:///etc/passwd"}, ValueError),
        ({"config": {}}, TypeError),
        ({"client": 5}, TypeError),
        ({"base_class_for_values": "str"}, TypeError),
    ],
)
def test_parameters_are_judged_before_anything_is_sent(params, error, tmp_path):
    """With an address that nobody answers, sending would be another error."""
    nowhere = {"endpoint_url": "http://127.0.0.1:9", "bucket_name": "b", **params}
    with pytest.raises(error):
        BasicS3Dict(**nowhere)
    with pytest.raises(error):
        S3Dict(base_dir=tmp_path, **nowhere)
