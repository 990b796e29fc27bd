"""Compress values into LZ4 frames with a checksum, and read them piece by piece.

The checksum is of the compressed bytes, so it costs little where compression gains much. It is in
a second frame, of the kind that LZ4 readers skip.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from persidict.core._codecs.decompress import lz4_decoder, too_much

_SAMPLE = 16384
_WORTHWHILE = 0.9
# A skippable frame of 4 bytes: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
_SEAL = b"\x5c\x2a\x4d\x18" + (4).to_bytes(4, "little")
_SEAL_BYTES = len(_SEAL) + 4
# Small enough to stay in the processor's cache while it is copied.
_STEP = 1 << 18


def compress(pieces: Sequence[bytes], size: int) -> bytes | None:
    """Return a sealed frame of data in pieces, or None if that would not be much smaller."""
    try:
        import lz4.frame as lz4
    except ImportError:
        return None  # it can be stored as it is
    if size > 4 * _SAMPLE:
        sample = _sample(pieces, size)
        if len(lz4.compress(sample)) > _WORTHWHILE * len(sample):
            return None
    compressor = lz4.LZ4FrameCompressor()
    parts = [compressor.begin(source_size=size)]
    for piece in pieces:
        view = memoryview(piece)
        starts = range(0, len(view), _STEP)
        parts += [compressor.compress(view[start : start + _STEP]) for start in starts]
    frame: bytes = b"".join([*parts, compressor.flush()])
    frame += _SEAL + zlib.crc32(frame).to_bytes(4, "little")
    return frame if len(frame) < size else None


def is_sealed(data: bytes) -> bool:
    """Return whether compressed data ends with a checksum."""
    return data[-_SEAL_BYTES:].startswith(_SEAL)


class FrameReader:
    """A binary file with the content of a sealed frame.

    Args:
        data: The frame and its seal.
        limit: The number of bytes that it may decompress to; None: no limit.

    Raises:
        ValueError: The frame does not match its checksum, or exceeds the limit. Reading raises
            this too.
    """

    def __init__(self, data: bytes, limit: int | None) -> None:
        lz4 = lz4_decoder()
        frame = memoryview(data)[:-_SEAL_BYTES]
        if zlib.crc32(frame) != int.from_bytes(data[-4:], "little"):
            raise ValueError("it is damaged: its checksum does not match")
        if limit is not None and lz4.get_frame_info(data)["content_size"] > limit:
            raise too_much(limit)
        self._decompress = lz4.decompress_chunk
        self._context = lz4.create_decompression_context()
        self._rest = frame
        self._limit = self._left = limit
        self._piece = memoryview(b"")
        self._fill()

    def head(self) -> memoryview:
        """Return the next bytes, without moving on: usually many, fewer only near the end."""
        return self._piece

    def readinto(self, target: Any, /) -> int:
        """Fill a buffer, and return the number of bytes."""
        view = memoryview(target).cast("B")
        done = 0
        while done < len(view) and (self._piece or self._fill()):
            part = self._piece[: len(view) - done]
            view[done : done + len(part)] = part
            self._piece = self._piece[len(part) :]
            done += len(part)
        return done

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only at the end."""
        parts = []
        while size > 0 and (self._piece or self._fill()):
            part = self._piece[:size]
            parts.append(part)
            self._piece = self._piece[len(part) :]
            size -= len(part)
        return b"".join(parts)

    def readline(self) -> bytes:
        """Return the bytes up to a line end."""
        line = b""
        while not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return line

    def _fill(self) -> bool:
        """Decompress the next piece; return False at the end."""
        while self._rest:
            most = _STEP if self._left is None else min(_STEP, self._left + 1)
            piece, used, _ = self._decompress(self._context, self._rest, max_length=most)
            if not (piece or used):
                raise ValueError("the LZ4 frame is damaged")
            self._rest = self._rest[used:]
            if self._left is not None:
                if len(piece) > self._left:
                    raise too_much(self._limit)
                self._left -= len(piece)
            if piece:
                self._piece = memoryview(piece)
                return True
        return False


def _sample(pieces: Sequence[bytes], size: int) -> bytes:
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
