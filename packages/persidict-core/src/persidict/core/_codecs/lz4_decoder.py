"""An LZ4 decoder in Python, for builds of Python that the package lz4 has no wheel for.

It has the interface of ``lz4.frame`` as far as this package uses it for reading. It is some fifty
times slower, and it leaves out the frame's own checksums; sealed frames have another one.
"""

from __future__ import annotations

from typing import Any

_MAGIC = b"\x04\x22\x4d\x18"
_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte from 0x50 to 0x5f
_HISTORY = 1 << 16
_LARGEST_BLOCK = 4 << 20
_RAW = 1 << 31  # the flag of a block that is not compressed


def get_frame_info(data: bytes) -> dict[str, Any]:
    """Return the content size that a frame declares, 0 if it declares none."""
    if data[:4] != _MAGIC or len(data) < 7:
        raise ValueError("it is no LZ4 frame")
    declares_size = data[4] & 8 and len(data) >= 15
    return {"content_size": int.from_bytes(data[6:14], "little") if declares_size else 0}


def create_decompression_context() -> _Context:
    """Return a context for one or more frames."""
    return _Context()


def decompress_chunk(
    context: _Context, data: memoryview, max_length: int = -1
) -> tuple[bytes, int, bool]:
    """Return decompressed bytes, the number of bytes used, and whether a frame has ended."""
    used = 0
    while not context.ready:
        step = context.step(data[used:])
        if step == 0:
            break
        used += step
        if context.is_complete:
            break
    most = len(context.ready) if max_length < 0 else max_length
    piece = bytes(context.ready[:most])
    del context.ready[:most]
    return piece, used, context.is_complete and not context.ready


class _Context:
    """What is known between two calls."""

    def __init__(self) -> None:
        self.ready = bytearray()
        self.is_complete = True
        self._history = bytearray()
        self._flags = 0

    def step(self, data: memoryview) -> int:
        """Take one header or block from the data, and return its size; 0 if it is not complete."""
        return self._start(data) if self.is_complete else self._block(data)

    def _start(self, data: memoryview) -> int:
        if len(data) < 8:
            return 0
        if data[0] & 0xF0 == 0x50 and data[1:4] == _SKIPPABLE:
            size = 8 + int.from_bytes(data[4:8], "little")
            return size if len(data) >= size else 0
        if data[:4] != _MAGIC or data[4] >> 6 != 1:
            raise ValueError("it is no LZ4 frame")
        self._flags = data[4]
        if self._flags & 1:
            raise ValueError("it needs an LZ4 dictionary")
        self._history = bytearray()
        self.is_complete = False
        return 7 + (8 if self._flags & 8 else 0)

    def _block(self, data: memoryview) -> int:
        header = int.from_bytes(data[:4], "little")
        if len(data) < 4:
            return 0
        if header == 0:
            size = 4 + (4 if self._flags & 4 else 0)
            self.is_complete = len(data) >= size
            return size if self.is_complete else 0
        length = header & (_RAW - 1)
        size = 4 + length + (4 if self._flags & 16 else 0)
        if len(data) < size:
            return 0
        content = data[4 : 4 + length]
        if header & _RAW:
            self._history += content
            self.ready += content
        else:
            start = len(self._history)
            _decode(content, self._history)
            self.ready += self._history[start:]
        keep = _HISTORY if not self._flags & 32 else 0  # blocks refer to those before them
        del self._history[: max(0, len(self._history) - keep)]
        return size


def _decode(block: memoryview, output: bytearray) -> None:
    """Append the content of a block to the output, which the block may refer to."""
    position, end, most = 0, len(block), len(output) + _LARGEST_BLOCK
    while position < end:
        token = block[position]
        literals, position = _length(block, position + 1, token >> 4)
        output += block[position : position + literals]
        position += literals
        if position >= end:
            break  # the last sequence has literals only
        offset = int.from_bytes(block[position : position + 2], "little")
        length, position = _length(block, position + 2, token & 15)
        length += 4
        start = len(output) - offset
        if offset == 0 or start < 0 or len(output) + length > most:
            raise ValueError("the LZ4 block is damaged")
        pattern = output[start : start + length]
        output += (pattern * (length // len(pattern) + 1))[:length]
    if position > end:
        raise ValueError("the LZ4 block is damaged")


def _length(block: memoryview, position: int, start: int) -> tuple[int, int]:
    """Return a length whose first part is given, and the position after it."""
    length = start
    if start == 15:
        while (more := block[position]) == 255:
            length += more
            position += 1
        length += more
        position += 1
    return length, position
