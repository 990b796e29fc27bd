"""The ``pkl`` format: a pickle, in an LZ4 frame where that makes it smaller.

Behind the pickle's STOP opcode, where no unpickler looks, stand a nonce (if asked for), a
checksum (where no LZ4 frame has one), and a mark, which tells our pickles from those that joblib
wrote. The checksum is against accidents: a flipped bit in a pickle can crash the interpreter.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from persidict.core._codecs.base import missing_package
from persidict.core._codecs.crc import trailer, verify, with_trailer
from persidict.core._codecs.decompress import LZ4_MAGIC, decompress
from persidict.core._codecs.lz4_frames import FrameReader, compress, is_sealed
from persidict.core._codecs.main_classes import load, load_from
from persidict.core._codecs.pickling import pickled

_PICKLE_MAGIC = b"\x80"
_MARK = b"\0persidict"
# The same where a checksum stands before it.
_CHECKED_MARK = b"\1persidict"
# The same where a checksum stands behind the compressed data.
_SEALED_MARK = b"\2persidict"
_JOBLIB_ARRAY = b"NumpyArrayWrapper"
# Below a disk block, compression gains nothing.
_MIN_COMPRESSED = 4096
# A pickle of this size is below it with all that follows.
_SMALL = _MIN_COMPRESSED - 64
# The pickler hands over frames of hardly more than 128 KiB, but for huge integers, and each
# larger string as a piece of its own, in which no class can be named.
_LARGEST_FRAME = 1 << 18
_FRAMED = b"\x80\x05\x95"
_FRAME = (b"\x95", _FRAMED)


class PickleCodec:
    """Pickles of protocol 5: by the C pickler, by cloudpickle what others couldn't import.

    Args:
        max_inflated_bytes: What a compressed value may inflate to.
    """

    takes_maps = False

    def __init__(self, max_inflated_bytes: int | None = None) -> None:
        self._limit = max_inflated_bytes

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        """Pickle a value, and compress it if a sample says that this pays."""
        pieces = pickled(value)
        if len(pieces) == 1 and len(pieces[0]) < _SMALL:
            return [with_trailer(pieces[0] + nonce) + _CHECKED_MARK]  # as below, in fewer steps
        pieces.append(nonce)
        size = sum(map(len, pieces)) + len(_MARK)
        if size >= _MIN_COMPRESSED and (self._limit is None or size <= self._limit):
            frame = compress([*pieces, _SEALED_MARK], size)
            if frame is not None:
                return [frame]
        pieces.append(trailer(pieces, _is_string) + _CHECKED_MARK)
        return pieces

    def decode(self, data: bytes) -> Any:
        """Unpickle: ours, joblib's, compressed or not, told apart by their bytes."""
        if data.startswith(_FRAMED) and data.endswith(_CHECKED_MARK):  # as below, in fewer steps
            verify(data, len(data) - len(_CHECKED_MARK))
            return pickle.loads(data)
        if data.startswith(LZ4_MAGIC):
            if is_sealed(data):
                return load_from(FrameReader(data, self._limit))
            data = decompress(data, self._limit)
            if data.endswith(_SEALED_MARK):
                raise EOFError("it is cut short: its checksum is missing")
        elif data.endswith(_CHECKED_MARK):
            verify(data, len(data) - len(_CHECKED_MARK))
            return load(data)
        # joblib would inflate, without bound, what doesn't begin like a pickle.
        if data.startswith(_PICKLE_MAGIC) and not data.endswith(_MARK) and _JOBLIB_ARRAY in data:
            return _load_with_joblib(data)
        return load(data)


def _is_string(piece: bytes) -> bool:
    """Tell whether a piece is the inside of a large string."""
    return len(piece) > _LARGEST_FRAME and not piece.startswith(_FRAME)


def _load_with_joblib(data: bytes) -> Any:
    """Read what joblib wrote: arrays stand between the opcodes of its pickles."""
    try:
        import joblib
    except ImportError as error:
        raise missing_package("joblib", "reading this value's arrays") from error

    return joblib.load(io.BytesIO(data))
