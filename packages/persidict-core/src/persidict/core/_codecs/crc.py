"""Append and verify a CRC-32 trailer, which detects accidental damage.

A trailer is ``n * (uint64 offset, uint64 length), uint32 n, uint32 CRC-32``, big-endian. The CRC
covers everything before it except the n ranges. These are the contents of large strings: damage
there can't confuse a decoder, and a CRC of them would take much of the time of a write.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable

_RANGE = struct.Struct(">QQ")
_NUMBER = struct.Struct(">I")
_END = struct.Struct(">II")  # the number of ranges, the CRC
_NO_RANGES = _NUMBER.pack(0)
# Up to this size in bytes, a copy costs less than a view.
_COPIED = 1024


def with_trailer(data: bytes) -> bytes:
    """Return data that contains no large string, followed by its trailer."""
    data += _NO_RANGES
    return data + _NUMBER.pack(zlib.crc32(data))


def trailer(pieces: Iterable[bytes], is_string: Callable[[bytes], bool]) -> bytes:
    """Return the trailer of data in pieces; `is_string` tells which are left out of the CRC."""
    ranges, position, checksum = b"", 0, 0
    for piece in pieces:
        if is_string(piece):
            ranges += _RANGE.pack(position, len(piece))
        else:
            checksum = zlib.crc32(piece, checksum)
        position += len(piece)
    ranges += _NUMBER.pack(len(ranges) // _RANGE.size)
    return ranges + _NUMBER.pack(zlib.crc32(ranges, checksum))


def verify(data: bytes, end: int) -> None:
    """Raise ``ValueError`` if the trailer does not match the data before it.

    Args:
        data: The data, its trailer, and anything.
        end: Where the trailer ends.
    """
    start = end - _END.size
    if start >= 0:
        count, expected = _END.unpack_from(data, start)
        whole = data if end < _COPIED else memoryview(data)
        covered = whole[: end - _NUMBER.size]
        if start >= count * _RANGE.size and expected == (
            _checksum(covered, count) if count else zlib.crc32(covered)
        ):
            return
    raise ValueError("it is damaged: its checksum does not match")


def _checksum(data: bytes | memoryview, count: int) -> int:
    """Return the CRC of data that ends with some ranges and their number, without the ranges."""
    position, checksum = 0, 0
    end = len(data) - _NUMBER.size
    for offset, length in _RANGE.iter_unpack(data[end - count * _RANGE.size : end]):
        checksum = zlib.crc32(data[position:offset], checksum)
        position = offset + length
    return zlib.crc32(data[position:], checksum)
