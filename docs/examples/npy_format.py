"""NumPy arrays as memory maps: `pip install numpy`."""

import io

import numpy as np

from persidict import FileDirDict, register_format


def encode_npy(array: np.ndarray) -> bytes:
    """Return the content of a `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def decode_npy(data: memoryview | bytes) -> np.ndarray:
    """Return the array in a `.npy` file, without a copy."""
    header = io.BytesIO(data[:4096])
    if np.lib.format.read_magic(header) != (1, 0):
        return np.load(io.BytesIO(data), allow_pickle=False)  # structured arrays with long names
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(header)
    order = "F" if fortran_order else "C"
    return np.ndarray(shape, dtype, buffer=data, offset=header.tell(), order=order)


register_format("mapped.npy", encode_npy, decode_npy, memory_map=True)

arrays = FileDirDict(
    base_dir="mapped",
    digest_len=0,
    serialization_format="mapped.npy",
    base_class_for_values=np.ndarray,
)
arrays["large"] = np.arange(1_000_000)
large = arrays["large"]
print(large[-3:], large.flags.writeable)  # [999997 999998 999999] False
arrays["large"] = np.zeros(2)  # replaces the item, not the map
print(large[-1], np.load("mapped/large.mapped.npy"))  # 999999 [0. 0.]
