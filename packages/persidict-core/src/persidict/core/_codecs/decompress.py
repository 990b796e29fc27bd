"""Bounded decompression: a few stored bytes can't fill the memory."""

from __future__ import annotations

from typing import Any

LZ4_MAGIC = b"\x04\x22\x4d\x18"
# The largest growth of an LZ4 block: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
_LZ4_RATIO = 255
_STEP = 1 << 20


def decompress(frames: bytes, limit: int | None) -> bytes:
    """Return the content of one or more LZ4 frames; ``ValueError`` if it exceeds the limit.

    The size that a frame declares is only a hint.
    """
    lz4 = lz4_decoder()
    declared = lz4.get_frame_info(frames)["content_size"]
    if limit is not None and declared > limit:
        raise too_much(limit)
    at_once = max(_STEP, min(declared, _LZ4_RATIO * len(frames)))
    context = lz4.create_decompression_context()
    pieces: list[bytes] = []
    total = 0
    rest, is_complete = memoryview(frames), False
    while rest:
        if limit is not None:
            at_once = min(at_once, limit - total + 1)
        piece, used, is_complete = lz4.decompress_chunk(context, rest, max_length=at_once)
        if not (piece or used):
            raise ValueError("the LZ4 frame is damaged")
        total += len(piece)
        if limit is not None and total > limit:
            raise too_much(limit)
        if piece:
            pieces.append(piece)
        rest = rest[used:]
        at_once = _STEP
    if not is_complete:
        raise EOFError("the LZ4 frame is cut short")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def lz4_decoder() -> Any:
    """Return the package lz4, or the decoder in Python if it is not installed."""
    try:
        import lz4.frame
    except ImportError:
        from persidict.core._codecs import lz4_decoder

        return lz4_decoder
    return lz4.frame


def too_much(limit: int | None) -> ValueError:
    """Return the error for a value that exceeds the limit."""
    return ValueError(
        f"it would decompress to more than max_inflated_bytes={limit}; if you trust it, open the "
        "dict with a larger max_inflated_bytes (None: no bound)"
    )
