"""Read what joblib has pickled without copying its arrays."""

from __future__ import annotations

import io
from typing import Any

from persidict.adapters._frameworks import framework

with framework("joblib", "joblib"):
    from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler


def load_mapped(data: bytes | memoryview, mode: str) -> Any:
    """Return the object that joblib pickled to `data`, with arrays that share its memory.

    Args:
        data: The bytes, or a memory map of a file that has them.
        mode: ``r``: arrays are read-only views of `data`; ``c``: they are copies that can change.
    """
    return _Unpickler(data, mode).load()


class _Unpickler(NumpyUnpickler):  # type: ignore[misc]
    """Reads arrays as views; joblib itself can do so only by the name of a file."""

    def __init__(self, data: bytes | memoryview, mode: str) -> None:
        self.data = data
        file = io.BufferedReader(_MemoryFile(data))
        super().__init__("", file, ensure_native_byte_order=False, mmap_mode=mode)

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return _ArrayWrapper if found is NumpyArrayWrapper else found


class _ArrayWrapper(NumpyArrayWrapper):  # type: ignore[misc]
    def read_mmap(self, unpickler: Any) -> Any:
        """Return the array that starts here, and move on to its end."""
        np, file = unpickler.np, unpickler.file_handle
        if self.safe_get_numpy_array_alignment_bytes() is not None:
            (padding,) = file.read(1)
            file.read(padding)
        offset = file.tell()
        memory = np.asarray(_Memory(np.frombuffer(unpickler.data, np.uint8)))
        array = np.ndarray.__new__(
            np.memmap, self.shape, self.dtype, memory, offset, order=self.order
        )
        file.seek(offset + array.nbytes)
        if unpickler.mmap_mode == "c":
            array = array.copy(order="K")
        array.mode = unpickler.mmap_mode
        return array


class _Memory:
    """Hides the memory map from joblib, which would have workers map a file by its name."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.__array_interface__ = array.__array_interface__


class _MemoryFile(io.RawIOBase):
    """A file to read, in memory that it does not copy."""

    def __init__(self, data: bytes | memoryview) -> None:
        super().__init__()
        self._data = memoryview(data)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._data[self._position : self._position + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = (0, self._position, len(self._data))[whence]
        self._position = start + offset
        return self._position
