"""The ``pkl`` format: a pickle, in an LZ4 frame where that makes it smaller.

Behind the pickle's STOP opcode, where no unpickler looks, stand a nonce (if asked for), a
checksum (where no LZ4 frame has one), and a mark, which tells our pickles from those that joblib
wrote. The checksum is against accidents: a flipped bit in a pickle can crash the interpreter.
"""

from __future__ import annotations

import io
import pickle
import sys
from functools import cache
from typing import Any, NoReturn

from persidict.core._codecs.base import missing_package
from persidict.core._codecs.crc import trailer, verify, with_trailer
from persidict.core._codecs.decompress import LZ4_MAGIC, decompress

_PICKLE_MAGIC = b"\x80"
_MARK = b"\0persidict"
# The same where a checksum stands before it.
_CHECKED_MARK = b"\1persidict"
_JOBLIB_ARRAY = b"NumpyArrayWrapper"
# Below a disk block, compression gains nothing.
_MIN_COMPRESSED = 4096
# A pickle of this size is below it with all that follows.
_SMALL = _MIN_COMPRESSED - 64
_SAMPLE = 16384
_WORTHWHILE = 0.9
# The pickler hands over frames of hardly more than 128 KiB, but for huge integers, and each
# larger string as a piece of its own, in which no class can be named.
_LARGEST_FRAME = 1 << 18
_FRAME = (b"\x95", b"\x80\x05\x95")


class PickleCodec:
    """Pickles of protocol 5: by the C pickler, by cloudpickle what others couldn't import.

    Args:
        max_inflated_bytes: What a compressed value may inflate to.
    """

    def __init__(self, max_inflated_bytes: int | None = None) -> None:
        self._limit = max_inflated_bytes

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        """Pickle a value, and compress it if a sample says that this pays."""
        pieces = _pickled(value)
        if len(pieces) == 1 and len(pieces[0]) < _SMALL:
            return [with_trailer(pieces[0] + nonce) + _CHECKED_MARK]  # as below, in fewer steps
        pieces.append(nonce)
        size = sum(map(len, pieces)) + len(_MARK)
        if size >= _MIN_COMPRESSED and (self._limit is None or size <= self._limit):
            frame = _compressed([*pieces, _MARK], size)
            if frame is not None:
                return [frame]
        pieces.append(trailer(pieces, _is_string) + _CHECKED_MARK)
        return pieces

    def decode(self, data: bytes) -> Any:
        """Unpickle: ours, joblib's, compressed or not, told apart by their bytes."""
        if data.startswith(LZ4_MAGIC):
            data = decompress(data, self._limit)
        elif data.endswith(_CHECKED_MARK):
            verify(memoryview(data)[: -len(_CHECKED_MARK)])
            return pickle.loads(data)
        # joblib would inflate, without bound, what doesn't begin like a pickle.
        if data.startswith(_PICKLE_MAGIC) and not data.endswith(_MARK) and _JOBLIB_ARRAY in data:
            return _load_with_joblib(data)
        return pickle.loads(data)


class _Pieces(list[bytes]):
    """A file to pickle into, without copies: large ``bytes`` are taken as they are."""

    def write(self, piece: bytes | bytearray) -> None:
        self.append(bytes(piece))


def _pickled(value: Any) -> list[bytes]:
    cloudpickle = sys.modules.get("cloudpickle")
    if cloudpickle is not None and cloudpickle.list_registry_pickle_by_value():
        return _cloudpickled(value, None)
    pieces = _Pieces()
    try:
        pickle.Pickler(pieces, 5).dump(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        return _cloudpickled(value, error)
    # A class or function of __main__ is pickled by its name, which means another thing
    # elsewhere. A false alarm, such as the text itself, only costs time.
    for piece in pieces:
        if (len(piece) <= _LARGEST_FRAME or not _is_string(piece)) and b"__main__" in piece:
            try:
                return _cloudpickled(value, None)
            except ImportError:
                break
    return pieces


def _is_string(piece: bytes) -> bool:
    """Tell whether a piece is the inside of a large string."""
    return len(piece) > _LARGEST_FRAME and not piece.startswith(_FRAME)


def _cloudpickled(value: Any, refusal: Exception | None) -> list[bytes]:
    try:
        import cloudpickle
    except ImportError:
        raise missing_package(
            "cloudpickle", "storing lambdas, local classes and what is defined in __main__"
        ) from refusal
    pieces = _Pieces()
    _pickler_class(cloudpickle.Pickler)(pieces, 5).dump(value)
    return pieces


@cache
def _pickler_class(base: Any) -> Any:
    """Derive from cloudpickle's pickler, which would store an open file as the text in it."""
    table = base.dispatch_table.new_child({io.TextIOWrapper: _refuse_file})
    return type("Pickler", (base,), {"dispatch_table": table})


def _refuse_file(file: io.TextIOWrapper) -> NoReturn:
    raise TypeError(f"an open file can't be stored: {file!r}")


def _compressed(pieces: list[bytes], size: int) -> bytes | None:
    """Return an LZ4 frame of the data, None if that is not smaller."""
    try:
        import lz4.frame
    except ImportError:
        return None  # readable all the same
    if size > 4 * _SAMPLE:
        sample = _sample(pieces, size)
        if len(lz4.frame.compress(sample)) > _WORTHWHILE * len(sample):
            return None
    # LZ4 itself notices no flipped bit in a literal: only the checksum does.
    frame: bytes = lz4.frame.compress(b"".join(pieces), content_checksum=True, store_size=True)
    return frame if len(frame) < size else None


def _sample(pieces: list[bytes], size: int) -> bytes:
    """Return parts of the beginning, the middle and the end."""
    sample = b""
    for start in (0, (size - _SAMPLE) // 2, size - _SAMPLE):
        position = 0
        wanted = _SAMPLE
        for piece in pieces:
            first = max(0, start - position)
            cut = piece[first : first + wanted]
            sample += cut
            wanted -= len(cut)
            position += len(piece)
    return sample


def _load_with_joblib(data: bytes) -> Any:
    """Read what joblib wrote: arrays stand between the opcodes of its pickles."""
    try:
        import joblib
    except ImportError as error:
        raise missing_package("joblib", "reading this value's arrays") from error

    return joblib.load(io.BytesIO(data))
