"""Canonical forms of numpy's arrays, scalars, dtypes and functions.

The package is not imported: a value of its types exists only if somebody has loaded it.
"""

from __future__ import annotations

import sys
from typing import Any

from persidict.wrappers._memoize.canonical import (
    Update,
    begin,
    feed,
    feed_sequence,
    refuse,
    token,
)
from persidict.wrappers._memoize.objects import feed_reference

# Without long doubles, which have bytes without meaning in them.
_PLAIN_KINDS = frozenset("biufcmMSU")
_PADDED = frozenset("gG")


def feed_numpy(update: Update, value: Any) -> bool:
    """Write the canonical form of a value of numpy, or return False if it is none."""
    if type(value).__module__.partition(".")[0] != "numpy":
        return False
    np: Any = sys.modules["numpy"]
    if type(value) in (np.ndarray, np.memmap):
        begin(update, b"array", 2)
        feed_array(update, value)
    elif isinstance(value, np.generic):
        begin(update, b"scalar", 2)
        feed_array(update, np.asarray(value))
    elif isinstance(value, np.dtype) and value.kind in _PLAIN_KINDS and not value.metadata:
        token(update, b"dtype", value.str.encode())
    elif isinstance(value, (np.ufunc, type(np.sum))) and hasattr(value, "__qualname__"):
        feed_reference(update, value)  # ufuncs of numpy 1 have no such name
    else:
        raise refuse(value)
    return True


def feed_array(update: Update, array: Any) -> None:
    """Write shape, dtype and content of an array."""
    np: Any = sys.modules["numpy"]
    dtype = array.dtype
    feed(update, array.shape)
    if dtype.metadata:
        raise refuse(array)
    if dtype.names is not None:  # field by field: there may be padding between them
        begin(update, b"record", len(dtype.names))
        _feed_layout(update, dtype)
        for name in dtype.names:
            feed(update, name)
            feed_array(update, array[name])
    elif dtype.kind in _PLAIN_KINDS and dtype.char not in _PADDED:
        feed(update, dtype.str)
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            begin(update, b"by columns", 0)  # seen by `ravel("K")`
        flat = np.ascontiguousarray(array).reshape(-1)
        token(update, b"data", flat.view("u1").data if flat.nbytes else b"")
    elif dtype.kind == "O":
        feed_sequence(update, b"objects", array.reshape(-1).tolist())
    elif dtype.kind == "T":
        feed(update, (dtype.str, dtype.coerce))
        if hasattr(dtype, "na_object"):
            feed(update, [dtype.na_object])
        feed_sequence(update, b"strings", array.reshape(-1).tolist())
    else:
        raise refuse(array.reshape(-1)[0] if array.size else array)


def _feed_layout(update: Update, dtype: Any) -> None:
    """Write where the fields of a record are, unless they follow each other without gaps."""
    fields = [dtype.fields[name] for name in dtype.names]
    offsets = [field[1] for field in fields]
    titles = [field[2] for field in fields if len(field) > 2]  # there is a title
    if any(field[0].metadata for field in fields):
        raise refuse(dtype)
    end, packed = 0, []
    for field in fields:
        packed.append(end)
        end += field[0].itemsize
    if titles or offsets != packed or end != dtype.itemsize or dtype.isalignedstruct:
        feed(update, [offsets, dtype.itemsize, dtype.isalignedstruct, titles])
