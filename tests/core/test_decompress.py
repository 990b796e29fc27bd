"""Decompression bombs are refused before they fill the memory."""

import base64
import json
import pickle
import random
import tracemalloc
import zlib

import pytest

from persidict.core import DecodingError, EncodingError, NonEmptySafeStrTuple
from tests.core.blob_stores import MemoryBlobs

K = NonEmptySafeStrTuple("k")
MB = 1 << 20
LINES = [f"line {n}" for n in range(3000)]


@pytest.fixture
def lz4():
    return pytest.importorskip("lz4.frame")


@pytest.fixture
def bounded():
    """Run something that may allocate no more than so many bytes."""

    def run(action, most):
        tracemalloc.start()
        try:
            return action()
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < most

    return run


def zeros(lz4, size):
    """Return an LZ4 frame of zeros that does not declare its size."""
    compressor = lz4.LZ4FrameCompressor()
    parts = [compressor.begin()]
    block = bytes(16 * MB)
    parts += [
        compressor.compress(block[: min(len(block), size - at)])
        for at in range(0, size, len(block))
    ]
    parts.append(compressor.flush())
    return b"".join(parts)


def declaring(lz4, frame, size):
    """Change the content size that a frame declares, and the checksum of its header."""
    for checksum in range(256):
        lying = frame[:6] + size.to_bytes(8, "little") + bytes([checksum]) + frame[15:]
        try:
            if lz4.get_frame_info(lying)["content_size"] == size:
                return lying
        except RuntimeError:
            continue
    raise AssertionError


def refuse(d, data):
    d.stored[K] = data
    with pytest.raises(DecodingError, match=r"max_inflated_bytes=.*larger max_inflated_bytes"):
        d["k"]


def test_a_gigabyte_in_four_megabytes(lz4, bounded):
    bomb = zeros(lz4, 1024 * MB)
    assert len(bomb) < 5 * MB
    d = MemoryBlobs(max_inflated_bytes=4 * MB)
    bounded(lambda: refuse(d, bomb), 24 * MB)


def test_an_honest_gigabyte_is_refused_at_once(lz4, bounded):
    honest = lz4.compress(bytes(64 * MB), store_size=True)
    d = MemoryBlobs(max_inflated_bytes=63 * MB)
    bounded(lambda: refuse(d, honest), 4 * MB)


def test_many_frames_count_together(lz4, bounded):
    frames = lz4.compress(bytes(MB)) * 100
    d = MemoryBlobs(max_inflated_bytes=10 * MB)
    bounded(lambda: refuse(d, frames), 24 * MB)


def test_a_declared_size_is_not_believed(lz4, bounded):
    """A small declared size does not hide a large content, nor does a large one reserve memory."""
    frame = lz4.compress(b"x" * 100, store_size=True)
    assert frame[6:14] == (100).to_bytes(8, "little")
    for declared in (1, 99, 101, 2**29, 2**63, 2**64 - 1):
        lying = declaring(lz4, frame, declared)
        d = MemoryBlobs()
        d.stored[K] = lying

        def read(d=d):
            with pytest.raises(DecodingError):
                d["k"]

        bounded(read, 4 * MB)


def test_the_bound_is_inclusive_and_can_be_lifted(lz4):
    d = MemoryBlobs()
    d["k"] = "x" * 100_000
    [size] = [lz4.get_frame_info(d.stored[K])["content_size"]]
    for bound in (size, size + 1, None):
        assert MemoryBlobs(max_inflated_bytes=bound, stored=d.stored)["k"] == "x" * 100_000
    refuse(MemoryBlobs(max_inflated_bytes=size - 1), d.stored[K])
    refuse(MemoryBlobs(max_inflated_bytes=1), d.stored[K])


def test_a_dict_reads_its_own_values_under_its_bound(lz4):
    for size in (10, 5000, 99_000, 100_000, 101_000, 300_000):
        d = MemoryBlobs(max_inflated_bytes=100_000)
        d["k"] = "x" * size
        assert d["k"] == "x" * size
        assert d.stored[K].startswith(b"\x04\x22\x4d\x18") is (5000 <= size < 99_990)


def test_frames_one_after_the_other_are_one_value(lz4):
    d = MemoryBlobs()
    data = pickle.dumps(LINES)  # as other programs write it
    for at in (1, 100, len(data) - 3):
        d.stored[K] = lz4.compress(data[:at]) + lz4.compress(b"") + lz4.compress(data[at:])
        assert d["k"] == LINES


def test_ten_megabytes_of_empty_frames(lz4):
    d = MemoryBlobs()
    d.stored[K] = lz4.compress(b"") * (MB // len(lz4.compress(b"")))
    with pytest.raises(DecodingError):
        d["k"]


def test_cut_frames(lz4):
    d = MemoryBlobs()
    d["k"] = LINES
    whole = d.stored[K]
    for length in [*range(30), *range(30, len(whole), 97), *range(len(whole) - 30, len(whole))]:
        d.stored[K] = whole[:length]
        with pytest.raises(DecodingError):
            d["k"]
    for rest in (b"x", b"\0" * 20, whole[:10], whole[-5:], b"\x04\x22\x4d\x18"):
        d.stored[K] = whole + rest
        with pytest.raises(DecodingError):
            d["k"]


def test_joblib_does_not_inflate_by_itself():
    """What joblib compresses begins otherwise; nobody ever stored that here."""
    pytest.importorskip("joblib")
    stored_block = zlib.compress(b"\x80\x05 NumpyArrayWrapper", 0)
    assert b"NumpyArrayWrapper" in stored_block
    d = MemoryBlobs()
    d.stored[K] = stored_block
    with pytest.raises(DecodingError, match=r"UnpicklingError|KeyError|ValueError"):
        d["k"]


# jsonpickle's own, with the newest numpy
@pytest.mark.filterwarnings("ignore:Setting the dtype on a NumPy array:DeprecationWarning")
def test_arrays_in_json_count_inflated(bounded):
    numpy = pytest.importorskip("numpy")
    pytest.importorskip("jsonpickle")
    d = MemoryBlobs(serialization_format="json", max_inflated_bytes=MB)
    d["k"] = numpy.zeros(10_000)
    numpy.testing.assert_array_equal(d["k"], numpy.zeros(10_000))
    flat = json.loads(d.stored[K])
    flat["values"] = base64.b64encode(zlib.compress(bytes(64 * MB))).decode()
    flat["shape"] = [8 * MB]
    bounded(lambda: refuse(d, json.dumps(flat).encode()), 8 * MB)
    small = {
        **flat,
        "values": base64.b64encode(zlib.compress(bytes(MB // 2))).decode(),
        "shape": [MB // 16],
    }
    refuse(d, json.dumps([small, small, small]).encode())
    with pytest.raises(EncodingError, match="max_inflated_bytes"):
        d["k"] = numpy.zeros(MB)


@pytest.mark.parametrize("bound", ["1", 1.5, True])
def test_bounds_of_a_wrong_type(bound):
    with pytest.raises(TypeError, match="max_inflated_bytes"):
        MemoryBlobs(max_inflated_bytes=bound)


@pytest.mark.parametrize("bound", [0, -1])
def test_bounds_that_are_not_positive(bound):
    with pytest.raises(ValueError, match="max_inflated_bytes"):
        MemoryBlobs(max_inflated_bytes=bound)


def test_large_values_keep_their_bytes():
    """What is written in pieces is whole, whatever the pieces are."""
    noise = random.Random(5).randbytes
    values = [
        noise(2 * MB),
        [noise(300_000), "x", noise(200_000), {"a": noise(2 * MB)}],
        bytearray(noise(MB)),
        "é" * 300_000,
        (1 << 8 * 400_000) + 1,
        [noise(1000) for _ in range(500)],
    ]
    for d in (MemoryBlobs(), MemoryBlobs(signing_key=b"0123456789abcdef")):
        for value in values:
            d["k"] = value
            assert d["k"] == value
            assert type(d["k"]) is type(value)


def test_what_only_looks_deflated_is_data():
    pytest.importorskip("jsonpickle")
    d = MemoryBlobs(serialization_format="json", max_inflated_bytes=100)
    for text in ("abcd", "abc", "?é"):  # base64 of something else, and none at all
        d["k"] = ({"values": text},)
        assert d["k"] == ({"values": text},)


def test_a_changed_byte_of_a_compressed_value_is_noticed_before_it_is_unpickled(lz4, monkeypatch):
    d = MemoryBlobs()
    d["k"] = [LINES, bytes(3 * MB)]
    whole = d.stored[K]
    monkeypatch.setattr("pickle.Unpickler", None)
    monkeypatch.setattr("pickle.loads", None)
    for position in (
        *range(4, 40),
        *range(40, len(whole), 101),
        *range(len(whole) - 12, len(whole)),
    ):
        changed = bytearray(whole)
        changed[position] ^= 1
        d.stored[K] = bytes(changed)
        with pytest.raises(
            DecodingError, match=r"checksum|LZ4|damaged|cut|inflate|decompress"
        ) as caught:
            d["k"]
        assert "NoneType" not in str(caught.value)


def test_large_compressible_values_need_little_more_than_their_size(lz4, bounded):
    numpy = pytest.importorskip("numpy")
    value = {
        "a": numpy.zeros(5 * MB // 8),
        "b": bytes(5 * MB),
        "c": bytearray(3 * MB),
        "d": "x" * MB,
    }
    d = MemoryBlobs()
    d["k"] = value
    again = bounded(lambda: d["k"], 16 * MB)
    numpy.testing.assert_array_equal(again.pop("a"), value.pop("a"))
    assert again == value
    again["c"][0] = 1
    assert d["k"]["a"].flags.writeable


def test_old_pickle_protocols_in_frames(lz4):
    for protocol in range(6):
        data = lz4.compress(pickle.dumps(LINES, protocol), store_size=True)
        d = MemoryBlobs(stored={K: data})
        assert d["k"] == LINES
