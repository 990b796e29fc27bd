"""Signed values: nothing that a stranger wrote is ever decoded."""

import copy
import json
import pickle

import pytest

from persidict.core import DecodingError, NonEmptySafeStrTuple, SigningKeys
from tests.core.blob_stores import CANARY, Canary, MemoryBlobs

KEY = b"0123456789abcdef"
OTHER = b"fedcba9876543210"


@pytest.fixture(autouse=True)
def no_code_ran():
    CANARY.clear()
    yield
    assert not CANARY


def k(*components):
    return NonEmptySafeStrTuple(components)


FORMATS = {"pkl": {"a": (1, 2)}, "json": {"a": [1, None]}, "txt": "text"}


def store(serialization_format="pkl", signing_key=KEY, **params):
    base_class = str if serialization_format == "txt" else None
    return MemoryBlobs(
        serialization_format=serialization_format,
        base_class_for_values=base_class,
        signing_key=signing_key,
        **params,
    )


@pytest.mark.parametrize("serialization_format", FORMATS)
def test_signed_values_come_back(serialization_format):
    d = store(serialization_format)
    d["x", "y"] = FORMATS[serialization_format]
    assert d["x", "y"] == FORMATS[serialization_format]
    assert d.stored[k("x", "y")].startswith(b"\xffpersidict signed 1\n")
    unsigned = store(serialization_format, None)
    unsigned["x", "y"] = FORMATS[serialization_format]
    assert len(d.stored[k("x", "y")]) - len(unsigned.stored[k("x", "y")]) == 20 + 32


@pytest.mark.parametrize("serialization_format", FORMATS)
def test_every_flipped_bit_and_every_cut_is_refused(serialization_format):
    d = store(serialization_format)
    d["x"] = FORMATS[serialization_format]
    whole = d.stored[k("x")]
    damaged = [whole[:length] for length in range(len(whole))]
    for position in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[position] ^= 1 << bit
            damaged.append(bytes(data))
    damaged += [whole + b"\0", whole[:52] + whole, b"\0" * 100]
    for data in damaged:
        d.stored[k("x")] = data
        with pytest.raises(DecodingError, match=r"'x'.*(signed|signature)"):
            d["x"]


def test_nothing_is_decoded_before_it_is_verified():
    hostile = pickle.dumps(Canary())
    d = store()
    d["x"] = 1
    header = d.stored[k("x")][:52]
    for data in (hostile, header + hostile, b"\xffpersidict signed 1\n" + hostile):
        d.stored[k("x")] = data
        for read in (
            lambda: d["x"],
            lambda: d.get("x"),
            lambda: d.get_with_etag("x"),
            lambda: list(d.values()),
            lambda: d.pop("x"),
            lambda: d.setdefault("x", 2),
            lambda: d.transform_item("x", transformer=lambda value: value),
        ):
            with pytest.raises(DecodingError):
                read()
    assert "x" in d
    d["x"] = 2
    assert d["x"] == 2


def test_what_the_canary_shows():
    d = store(signing_key=None)
    d.stored[k("x")] = pickle.dumps(Canary())
    assert d["x"] is None
    assert CANARY == ["I ran"]
    CANARY.clear()


def test_a_value_that_moved_to_another_key_is_refused():
    d = store()
    d["a", "b"] = 1
    for other in (k("b", "a"), k("ab"), k("a"), k("b"), k("a", "b", "c"), k("a", "c")):
        d.stored[other] = d.stored[k("a", "b")]
        with pytest.raises(DecodingError, match="another key"):
            d[other]


def test_a_value_of_another_format_is_refused():
    stored = {}
    one, other = store("pkl", stored=stored), store("json", stored=stored)
    one["a"] = 1
    with pytest.raises(DecodingError, match="another key or format"):
        other["a"]


def test_unsigned_values_are_refused_with_a_way_out():
    stored = {}
    store(signing_key=None, stored=stored)["a"] = 1
    d = store(stored=stored)
    with pytest.raises(DecodingError, match=r"is not signed.*without signing_key and write it"):
        d["a"]
    d["a"] = store(signing_key=None, stored=stored)["a"]
    assert d["a"] == 1


@pytest.mark.parametrize("serialization_format", FORMATS)
def test_a_reader_without_keys_is_told_so(serialization_format):
    d = store(serialization_format)
    d["a"] = FORMATS[serialization_format]
    with pytest.raises(DecodingError, match="it is signed; open the dict with the signing_key"):
        store(serialization_format, None, stored=d.stored)["a"]


def test_keys_are_rotated():
    stored = {}
    store(signing_key=OTHER, stored=stored)["old"] = 1
    d = store(signing_key=[KEY, OTHER], stored=stored)
    d["new"] = 2
    assert dict(d) == {("old",): 1, ("new",): 2}
    only_new = store(signing_key=KEY, stored=stored)
    assert only_new["new"] == 2
    with pytest.raises(DecodingError, match="a key that is not in signing_key"):
        only_new["old"]
    d["old"] = d["old"]
    assert only_new["old"] == 1


def test_sub_dicts_sign_complete_keys():
    d = store()
    d.get_subdict("a")["b"] = 1
    assert d["a", "b"] == 1
    d["a", "c"] = 2
    assert d.get_subdict("a")["c"] == 2
    assert dict(d.subdicts()["a"]) == {("b",): 1, ("c",): 2}


def test_a_sub_dict_can_become_a_store_of_its_own():
    d = store()
    d["a", "b", "c"] = 1
    inside = d.get_subdict(("a", "b"))
    own = {k("c"): d.stored[k("a", "b", "c")]}
    assert store(signing_key=inside.signing_key, stored=own)["c"] == 1
    assert store(signing_key=SigningKeys(KEY, prefix=("a", "b")), stored=own)["c"] == 1
    deeper = store(signing_key=SigningKeys(KEY, prefix="a"), stored={k("b", "c"): own[k("c")]})
    assert deeper.get_subdict("b")["c"] == 1
    assert deeper.get_subdict("b").signing_key == inside.signing_key
    with pytest.raises(DecodingError, match="the signing_key of its get_params"):
        store(stored=own)["c"]


def test_keys_and_formats_are_told_apart_by_lengths():
    keys = SigningKeys(KEY)
    headers = {
        keys.header(("a", "b"), "pkl", [b"x"]),
        keys.header(("ab",), "pkl", [b"x"]),
        keys.header(("a",), "pkl", [b"bx"]),
        keys.header(("a", "b"), "pk", [b"lx"]),
        keys.header(("b",), "pkla", [b"x"]),
        keys.header(("pkl", "a"), "b", [b"x"]),
    }
    assert len(headers) == 6
    assert keys.header(("a",), "pkl", [b"x", b"y"]) == keys.header(("a",), "pkl", [b"xy"])


def test_a_known_signature():
    """The stored form stays readable: made by hand with the standard library."""
    import hmac

    payload = b"payload"
    text = b"\0\0\0\x03\0\0\0\x04json\0\0\0\x01a\0\0\0\x02bc" + payload
    header = b"\xffpersidict signed 1\n" + hmac.digest(KEY, text, "sha256")
    keys = SigningKeys([OTHER, KEY])
    assert keys.verified(("a", "bc"), "json", header + payload) == payload


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (b"", ValueError, "at least 16 bytes, got 0"),
        (b"x" * 15, ValueError, "at least 16 bytes, got 15"),
        ([KEY, b"short"], ValueError, "at least 16 bytes, got 5"),
        ([], ValueError, "empty"),
        ("0123456789abcdef", TypeError, "bytes"),
        (["0123456789abcdef"], TypeError, "bytes"),
        (bytearray(KEY), TypeError, "bytes"),
        (16, TypeError, "bytes"),
        ({KEY}, TypeError, "bytes"),
    ],
)
def test_wrong_keys(wrong, error, words):
    with pytest.raises(error, match=words):
        store(signing_key=wrong)


def test_params_hide_the_keys():
    d = store(signing_key=[KEY, OTHER])
    keys = d.get_params()["signing_key"]
    for text in (repr(d), repr(keys), str(keys), f"{d.get_params()}", repr(vars(d))):
        assert "0123" not in text
        assert "3210" not in text
    again = MemoryBlobs(**d.get_params())
    d["a"] = 1
    assert again["a"] == 1
    assert again == d


def test_keys_can_be_compared_and_copied_but_not_sent():
    keys = SigningKeys([KEY, OTHER])
    assert keys == SigningKeys([KEY, OTHER]) == SigningKeys(keys)
    assert keys not in (SigningKeys(KEY), SigningKeys([OTHER, KEY]), SigningKeys(KEY + OTHER), KEY)
    assert keys != SigningKeys(keys, prefix="a")
    assert copy.copy(keys) is copy.deepcopy(keys) is keys
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(keys)
    with pytest.raises(TypeError):
        json.dumps(keys)
    with pytest.raises(TypeError):
        hash(keys)
