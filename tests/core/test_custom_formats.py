"""`register_format`: value formats of one's own."""

import csv
import io
import uuid
import zlib

import pytest

from persidict import DecodingError, EmptyDict, EncodingError, LocalDict, register_format
from persidict.core import NonEmptySafeStrTuple
from tests.core.blob_stores import MemoryBlobs


def encode_rows(rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def decode_rows(data):
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


ROWS = [["name", "age"], ["Zoë, the first", "30"]]


@pytest.fixture
def name():
    """A name that nobody has registered: the registry is one per process."""
    return f"fmt{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("signing_key", [None, b"0123456789abcdef"])
def test_a_format_of_ones_own(name, signing_key):
    with pytest.raises(ValueError, match="register_format"):
        MemoryBlobs(serialization_format=name)
    register_format(name, encode_rows, decode_rows)
    d = MemoryBlobs(serialization_format=name, signing_key=signing_key)
    d["table", "people"] = ROWS
    assert d["table", "people"] == ROWS
    stored = d.stored[NonEmptySafeStrTuple("table", "people")]
    assert stored.endswith(encode_rows(ROWS))
    assert (stored == encode_rows(ROWS)) is (signing_key is None)
    assert dict(MemoryBlobs(**d.get_params())) == {("table", "people"): ROWS}
    for store in (LocalDict, EmptyDict):
        store(serialization_format=name)["a"] = ROWS


def test_a_dict_keeps_the_format_that_it_was_opened_with(name):
    text = MemoryBlobs(serialization_format=name, base_class_for_values=str)
    register_format(name, lambda value: zlib.compress(value.encode()), zlib.decompress)
    text["a"] = "plain"
    assert text["a"] == "plain"


def test_failures_are_those_of_the_built_in_formats(name):
    register_format(name, encode_rows, decode_rows)
    d = MemoryBlobs(serialization_format=name)
    d["a"] = ROWS
    with pytest.raises(EncodingError, match=name) as caught:
        d["a"] = 1
    assert caught.value.serialization_format == name
    assert d["a"] == ROWS
    d.stored[NonEmptySafeStrTuple("a")] = b"\xff"
    with pytest.raises(DecodingError, match=name):
        d["a"]


@pytest.mark.parametrize("result", ["text", None, [b"x"]])
def test_encode_must_return_bytes(name, result):
    register_format(name, lambda _: result, bytes)
    with pytest.raises(EncodingError, match="encode must return bytes"):
        MemoryBlobs(serialization_format=name)["a"] = 1


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_encode_returns_is_copied_if_it_could_change(name, kind):
    shared = bytearray(b"before")
    register_format(name, lambda _: kind(shared), bytes)
    d = MemoryBlobs(serialization_format=name)
    d["a"] = 1
    shared[:] = b"after!"
    assert d["a"] == b"before"


def test_registering_again(name):
    register_format(name, encode_rows, decode_rows)
    register_format(name, encode_rows, decode_rows)
    for functions in ((encode_rows, bytes), (bytes, decode_rows), (bytes, bytes)):
        with pytest.raises(ValueError, match="registered with other functions"):
            register_format(name, *functions)
    d = MemoryBlobs(serialization_format=name)
    d["a"] = ROWS
    assert d["a"] == ROWS


def test_a_definition_that_is_run_again(name):
    def registered(definition, **known):
        namespace = {"register_format": register_format, "name": name, **known}
        exec(definition, namespace)

    cell = """
def encode(value):
    return str(value).encode()

register_format(name, encode, lambda data: int(data.decode()))
"""
    registered(cell)
    registered(cell)
    with pytest.raises(ValueError, match="registered with other functions"):
        registered(cell.replace("int(", "float("))
    with pytest.raises(ValueError, match="registered with other functions"):
        registered(cell.replace("(value)", "(value, more=1)"))
    with pytest.raises(ValueError, match="registered with other functions"):
        registered(cell, __name__="elsewhere")


def test_functions_that_differ_in_what_they_enclose(name):
    def cipher(shift):
        return lambda data: bytes((byte + shift) % 256 for byte in data)

    register_format(name, cipher(1), cipher(-1))
    with pytest.raises(ValueError, match="registered with other functions"):
        register_format(name, cipher(2), cipher(-2))


@pytest.mark.parametrize("built_in", ["pkl", "json", "txt", "PKL", "Json"])
def test_built_in_formats_stay(built_in):
    with pytest.raises(ValueError, match="built-in"):
        register_format(built_in, bytes, bytes)


@pytest.mark.parametrize("unsafe", ["", ".", "..", "a/b", "../x", "a b", "é", "x\0", "x" * 254])
def test_unsafe_names(unsafe):
    with pytest.raises(ValueError, match="file names"):
        register_format(unsafe, bytes, bytes)


@pytest.mark.parametrize("wrong", [None, 1, b"npy", ["npy"]])
def test_names_of_wrong_types(wrong):
    with pytest.raises(TypeError, match="must be a string"):
        register_format(wrong, bytes, bytes)


@pytest.mark.parametrize("functions", [(None, bytes), (bytes, None), ("x", "y")])
def test_what_cant_be_called(name, functions):
    with pytest.raises(TypeError, match="functions"):
        register_format(name, *functions)
    with pytest.raises(ValueError):
        MemoryBlobs(serialization_format=name)


def test_it_can_not_promise_to_run_no_code(name):
    register_format(name, bytes, bytes)
    with pytest.raises(ValueError, match="object_tags"):
        MemoryBlobs(serialization_format=name, object_tags=False)


# With the libraries that have such formats


def test_npy(name):
    numpy = pytest.importorskip("numpy")

    def encode(array):
        buffer = io.BytesIO()
        numpy.save(buffer, array, allow_pickle=False)
        return buffer.getvalue()

    register_format(name, encode, lambda data: numpy.load(io.BytesIO(data), allow_pickle=False))
    d = MemoryBlobs(serialization_format=name, base_class_for_values=numpy.ndarray)
    for dtype in ("int8", "float64", "complex128", "U3", "M8[s]"):
        array = numpy.arange(6).astype(dtype).reshape(2, 3)
        d["a"] = array
        numpy.testing.assert_array_equal(d["a"], array)
        assert d["a"].dtype == array.dtype
    with pytest.raises(EncodingError, match="allow_pickle"):
        d["a"] = numpy.array([object()])
    with pytest.raises(TypeError, match="ndarray"):
        d["a"] = [1]


def test_parquet_of_pandas(name):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    register_format(
        name, lambda frame: frame.to_parquet(), lambda data: pandas.read_parquet(io.BytesIO(data))
    )
    d = MemoryBlobs(serialization_format=name, base_class_for_values=pandas.DataFrame)
    frame = pandas.DataFrame({"i": [1, 2], "f": [0.5, float("nan")], "s": ["a", "b"]})
    d["a"] = frame
    pandas.testing.assert_frame_equal(d["a"], frame)


def test_parquet_of_polars(name):
    polars = pytest.importorskip("polars")
    testing = pytest.importorskip("polars.testing")

    def encode(frame):
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()

    register_format(name, encode, polars.read_parquet)
    d = MemoryBlobs(serialization_format=name, base_class_for_values=polars.DataFrame)
    frame = polars.DataFrame({"i": [1, 2], "s": ["a", None], "l": [[1], [2, 3]]})
    d["a"] = frame
    testing.assert_frame_equal(d["a"], frame)
