"""Checksums against accidents: what comes after data, and whether it still fits.

A trailer is ``n * (uint64 offset, uint64 length), uint32 n, uint32 CRC-32``, big-endian. The CRC
is of all before it but the n ranges: the insides of large strings, which can't do harm to a
decoder, and whose checksum would cost a good part of what writing them does.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable

_RANGE = struct.Struct(">QQ")
_NUMBER = struct.Struct(">I")
_END = struct.Struct(">II")  # the number of ranges, the CRC
_NO_RANGES = _NUMBER.pack(0)


def sealed(data: bytes) -> bytes:
    """Return data and its trailer, of data that is no large string: the CRC is of all of it."""
    data += _NO_RANGES
    return data + _NUMBER.pack(zlib.crc32(data))


def trailer(pieces: Iterable[bytes], is_string: Callable[[bytes], bool]) -> bytes:
    """Return the trailer of data in pieces, some of which are the insides of large strings."""
    ranges, position, checksum = b"", 0, 0
    for piece in pieces:
        if is_string(piece):
            ranges += _RANGE.pack(position, len(piece))
        else:
            checksum = zlib.crc32(piece, checksum)
        position += len(piece)
    ranges += _NUMBER.pack(len(ranges) // _RANGE.size)
    return ranges + _NUMBER.pack(zlib.crc32(ranges, checksum))


def verify(data: memoryview) -> None:
    """Raise ``ValueError`` if data and its trailer don't fit."""
    if len(data) >= _END.size:
        count, expected = _END.unpack(data[-_END.size :])
        start = len(data) - _END.size - count * _RANGE.size
        if start >= 0:
            position, checksum = 0, 0
            for offset, length in _RANGE.iter_unpack(data[start : -_END.size]) if count else ():
                checksum = zlib.crc32(data[position:offset], checksum)
                position = offset + length
            if zlib.crc32(data[position : -_NUMBER.size], checksum) == expected:
                return
    raise ValueError("it is damaged: its checksum does not fit")
