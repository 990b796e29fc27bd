"""The ``pkl`` format: a pickle, in an LZ4 frame where that makes it smaller.

Behind the pickle's STOP opcode, where no unpickler looks, stand a nonce (if asked for) and
`_MARK`, which tells our pickles from those that joblib wrote.
"""

from __future__ import annotations

import io
import pickle
import sys
from functools import cache
from typing import Any, NoReturn

from persidict.core.codecs import missing_package

_LZ4_MAGIC = b"\x04\x22\x4d\x18"
_MARK = b"\0persidict"
_JOBLIB_ARRAY = b"NumpyArrayWrapper"
# Below a disk block, compression gains nothing.
_MIN_COMPRESSED = 4096
_SAMPLE = 16384
_WORTHWHILE = 0.9


class PickleCodec:
    """Pickles of protocol 5: by the C pickler, by cloudpickle what others couldn't import."""

    def encode(self, value: Any, nonce: bytes) -> bytes:
        """Pickle a value, and compress it if a sample says that this pays."""
        data = _pickled(value) + nonce + _MARK
        return _compressed(data) if len(data) >= _MIN_COMPRESSED else data

    def decode(self, data: bytes) -> Any:
        """Unpickle: ours, joblib's, compressed or not, told apart by their bytes."""
        if data.startswith(_LZ4_MAGIC):
            data = _decompressed(data)
        if not data.endswith(_MARK) and _JOBLIB_ARRAY in data:
            return _load_with_joblib(data)
        return pickle.loads(data)


def _pickled(value: Any) -> bytes:
    cloudpickle = sys.modules.get("cloudpickle")
    if cloudpickle is not None and cloudpickle.list_registry_pickle_by_value():
        return _cloudpickled(value, None)
    try:
        data = pickle.dumps(value, 5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        return _cloudpickled(value, error)
    # A class or function of __main__ is pickled by its name, which means another thing
    # elsewhere. A false alarm, such as the text itself, only costs time.
    if b"__main__" in data:
        try:
            return _cloudpickled(value, None)
        except ImportError:
            return data
    return data


def _cloudpickled(value: Any, refusal: Exception | None) -> bytes:
    try:
        import cloudpickle
    except ImportError:
        raise missing_package(
            "cloudpickle", "storing lambdas, local classes and what is defined in __main__"
        ) from refusal
    buffer = io.BytesIO()
    _pickler_class(cloudpickle.Pickler)(buffer, 5).dump(value)
    return buffer.getvalue()


@cache
def _pickler_class(base: Any) -> Any:
    """Derive from cloudpickle's pickler, which would store an open file as the text in it."""
    table = base.dispatch_table.new_child({io.TextIOWrapper: _refuse_file})
    return type("Pickler", (base,), {"dispatch_table": table})


def _refuse_file(file: io.TextIOWrapper) -> NoReturn:
    raise TypeError(f"an open file can't be stored: {file!r}")


def _compressed(data: bytes) -> bytes:
    """Return an LZ4 frame of the data, or the data if that is not smaller."""
    try:
        import lz4.frame
    except ImportError:
        return data  # readable all the same
    middle = (len(data) - _SAMPLE) // 2
    if middle > _SAMPLE:
        sample = data[:_SAMPLE] + data[middle : middle + _SAMPLE] + data[-_SAMPLE:]
        if len(lz4.frame.compress(sample)) > _WORTHWHILE * len(sample):
            return data
    # LZ4 itself notices no flipped bit in a literal: only the checksum does.
    frame: bytes = lz4.frame.compress(data, content_checksum=True, store_size=True)
    return frame if len(frame) < len(data) else data


def _decompressed(frame: bytes) -> bytes:
    try:
        import lz4.frame
    except ImportError as error:
        raise missing_package("lz4", "reading this compressed value") from error
    data: bytes = lz4.frame.decompress(frame)
    return data


def _load_with_joblib(data: bytes) -> Any:
    """Read what joblib wrote: arrays stand between the opcodes of its pickles."""
    try:
        import joblib
    except ImportError as error:
        raise missing_package("joblib", "reading this value's arrays") from error

    return joblib.load(io.BytesIO(data))
