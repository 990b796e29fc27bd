"""Stored bytes that accidents or strangers changed: an error or a value, never anything worse."""

import decimal
import random

import pytest

from persidict.core import DecodingError, NonEmptySafeStrTuple
from persidict.core._codecs.registry import codec_for
from tests.core.blob_stores import MemoryBlobs

K = NonEmptySafeStrTuple("k")
VALUES = [
    1,
    "text",
    [1, {"a": None, "b": (1, 2)}],
    {1: {"x", "y"}},
    {"k": b"x" * 30},
    [decimal.Decimal("1.5"), 2**200],
    "x" * 5000,
    [f"line {n}" for n in range(600)],
    random.Random(1).randbytes(5000),
]


def stored_forms(serialization_format):
    codec = codec_for(serialization_format, str if serialization_format == "txt" else None)
    for value in VALUES:
        try:
            yield value, b"".join(codec.encode(value, bytes(range(16))))
        except (TypeError, ImportError):
            continue


def store(serialization_format):
    base_class = str if serialization_format == "txt" else None
    return MemoryBlobs(
        serialization_format=serialization_format,
        base_class_for_values=base_class,
        max_inflated_bytes=1 << 20,
    )


def read(d, data):
    """Return whether it is a value; all other outcomes but a `DecodingError` are raised."""
    d.stored[K] = data
    try:
        d["k"]
    except DecodingError as error:
        assert error.__cause__ is not None
        assert error.key == K
        return False
    return True


@pytest.mark.parametrize("serialization_format", ["pkl", "json", "txt"])
def test_every_truncation(serialization_format):
    d = store(serialization_format)
    for _, data in stored_forms(serialization_format):
        for length in (*range(min(len(data), 700)), *range(700, len(data), 61)):
            read(d, data[:length])


def test_every_flipped_bit_of_a_pickle_is_noticed():
    """A pickle without a checksum can crash the interpreter, or ask for all the memory."""
    d = store("pkl")
    for value, data in stored_forms("pkl"):
        seen = 0
        for position in (*range(min(len(data), 200)), *range(200, len(data), 37)):
            for bit in range(8):
                changed = bytearray(data)
                changed[position] ^= 1 << bit
                if read(d, bytes(changed)):
                    # Bits that say nothing: of the mark, of a frame's header.
                    assert d["k"] == value
                    seen += 1
        assert seen <= 8 * 24


@pytest.mark.parametrize("serialization_format", ["pkl", "json", "txt"])
def test_mutations(serialization_format):
    """A short form of what was run for hours: several damages at a time, pieces exchanged."""
    seed = 20_240_607
    dice = random.Random(seed)
    d = store(serialization_format)
    forms = [data for _, data in stored_forms(serialization_format)]
    for _ in range(4000):
        data = bytearray(dice.choice(forms))
        tail = bytes(data[-10:])
        for _ in range(dice.choice([1, 1, 2, 5])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.3:
            at = dice.randrange(len(data))
            other = dice.choice(forms)
            data[at : at + dice.randrange(20)] = other[: dice.randrange(20)]
        if serialization_format == "pkl":
            data[-10:] = tail  # without its mark it would be somebody else's pickle
        read(d, bytes(data))


def test_formats_read_as_each_other():
    every = [(name, data) for name in ("pkl", "json", "txt") for _, data in stored_forms(name)]
    for serialization_format in ("pkl", "json", "txt"):
        d = store(serialization_format)
        for name, data in every:
            if serialization_format != name:
                read(d, data)


@pytest.mark.parametrize("kind", [MemoryError, RecursionError, OverflowError, SystemError])
def test_whatever_a_decoder_raises(kind, monkeypatch):
    def loads(data):
        raise kind("too much")

    d = store("pkl")
    d["k"] = 1
    monkeypatch.setattr("pickle.loads", loads)
    with pytest.raises(DecodingError, match="too much") as caught:
        d["k"]
    assert isinstance(caught.value.__cause__, kind)


def test_checksums_of_many_large_strings():
    """Flipped bits between large strings are noticed; the strings themselves have none."""
    noise = random.Random(3).randbytes
    d = store("pkl")
    value = [noise(300_000), 1, noise(300_000), "x" * 50]
    d["k"] = value
    assert d["k"] == value
    whole = d.stored[K]
    seams = [whole.index(part) + len(part) for part in (value[0], value[2])]
    for position in (*range(10), *(at + n for at in seams for n in range(8)), len(whole) - 20):
        changed = bytearray(whole)
        changed[position] ^= 4
        assert not read(d, bytes(changed))


def test_a_class_of_main_is_found_among_large_strings():
    """What is looked through for ``__main__`` leaves out nothing that could name it."""
    from persidict.core._codecs.pickle_codec import _is_string
    from persidict.core._codecs.pickling import pickled

    noise = random.Random(4).randbytes
    for value in ([noise(300_000), "__main__"], [1 << 3_000_000, "__main__"], ["__main__"]):
        pieces = pickled(value)
        assert any(b"__main__" in piece for piece in pieces if not _is_string(piece))
