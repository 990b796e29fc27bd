"""Calls of Windows that Python does not offer: shared deletion, POSIX renames, waiting for locks.

Each raises the ``OSError`` that Python makes of the system's error.
"""

from __future__ import annotations

import codecs
import ctypes
import msvcrt
import os
import struct
import sys
from ctypes import wintypes

assert sys.platform == "win32"  # noqa: S101  # for type checkers

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateFileW.restype = wintypes.HANDLE
_kernel.CreateFileW.argtypes = [
    *(wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, wintypes.LPVOID),
    *(wintypes.DWORD, wintypes.DWORD, wintypes.HANDLE),
]
_kernel.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel.SetFileInformationByHandle.argtypes = [
    *(wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD)
]
_kernel.GetVolumeInformationByHandleW.argtypes = [
    *(wintypes.HANDLE, wintypes.LPWSTR, wintypes.DWORD, wintypes.LPDWORD, wintypes.LPDWORD),
    *(wintypes.LPDWORD, wintypes.LPWSTR, wintypes.DWORD),
]
_kernel.LockFileEx.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 4, wintypes.LPVOID]
_kernel.UnlockFileEx.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 3, wintypes.LPVOID]

_INVALID = wintypes.HANDLE(-1).value
_READ, _WRITE, _DELETE = 0x80000000, 0x40000000, 0x10000
_SHARE_ALL, _SHARE_CONTENT = 7, 3  # the latter without deletion
_OPEN_EXISTING, _OPEN_ALWAYS = 3, 4
_OF_A_LINK = 0x200000  # FILE_FLAG_OPEN_REPARSE_POINT
_DIRECTORY = 0x2000000  # FILE_FLAG_BACKUP_SEMANTICS
_RENAME_INFO_EX = 22
_REPLACE, _POSIX = 1, 2
# What file systems and systems answer that don't know such renames: ERROR_INVALID_FUNCTION,
# ERROR_NOT_SUPPORTED, ERROR_INVALID_PARAMETER.
_UNKNOWN = {1, 50, 87}
_EXCLUSIVE, _AT_ONCE = 2, 1
_LOCKED = {33, 997}  # ERROR_LOCK_VIOLATION, ERROR_IO_PENDING
_POSIX_RENAMES = 0x400  # FILE_SUPPORTS_POSIX_UNLINK_RENAME


class _Overlapped(ctypes.Structure):
    _fields_ = [
        ("Internal", ctypes.c_size_t),
        ("InternalHigh", ctypes.c_size_t),
        ("Offset", wintypes.DWORD),
        ("OffsetHigh", wintypes.DWORD),
        ("hEvent", wintypes.HANDLE),
    ]


def open_to_read(path: str) -> int:
    """Open a file for reading, and let others replace or delete it meanwhile."""
    handle = _open(path, _READ, _SHARE_ALL, _OPEN_EXISTING, 0)
    return _as_descriptor(handle, os.O_RDONLY)


def open_to_lock(path: str) -> int:
    """Open a file, or create it, so that nobody can delete it meanwhile."""
    handle = _open(path, _READ | _WRITE, _SHARE_CONTENT, _OPEN_ALWAYS, 0)
    return _as_descriptor(handle, os.O_RDWR)


def rename_over(source: str, target: str) -> None:
    """Move a file over another one, which others may have open if the file system allows it."""
    handle = _open(source, _DELETE, _SHARE_ALL, _OPEN_EXISTING, _OF_A_LINK)
    # The method of `str` would import the codec, which fails while the interpreter exits.
    name, _ = codecs.utf_16_le_encode(target, "surrogatepass")
    # FILE_RENAME_INFO: flags, a directory, the length in bytes, the name
    info = struct.pack("@IPI", _REPLACE | _POSIX, 0, len(name)) + name + bytes(2)
    done = _kernel.SetFileInformationByHandle(handle, _RENAME_INFO_EX, info, len(info))
    code = ctypes.get_last_error()
    _kernel.CloseHandle(handle)
    if done:
        return
    if code not in _UNKNOWN:
        raise _error(code, target)
    os.replace(source, target)


def lock(descriptor: int, *, wait: bool) -> bool:
    """Lock the first byte of a file; return False if somebody else has it and `wait` is False."""
    handle, flags = msvcrt.get_osfhandle(descriptor), _EXCLUSIVE | (0 if wait else _AT_ONCE)
    if _kernel.LockFileEx(handle, flags, 0, 1, 0, ctypes.byref(_Overlapped())):
        return True
    code = ctypes.get_last_error()
    if wait or code not in _LOCKED:
        raise _error(code, None)
    return False


def unlock(descriptor: int) -> None:
    """Release the lock on the first byte of a file."""
    handle = msvcrt.get_osfhandle(descriptor)
    if not _kernel.UnlockFileEx(handle, 0, 1, 0, ctypes.byref(_Overlapped())):
        raise _error(ctypes.get_last_error(), None)


def replaces_open_files(path: str) -> bool:
    """Tell whether the volume of a directory lets a file be replaced while it is open."""
    handle, flags = _open(path, 0, _SHARE_ALL, _OPEN_EXISTING, _DIRECTORY), wintypes.DWORD()
    known = _kernel.GetVolumeInformationByHandleW(
        handle, None, 0, None, None, ctypes.byref(flags), None, 0
    )
    _kernel.CloseHandle(handle)
    return bool(known and flags.value & _POSIX_RENAMES)


def _open(path: str, access: int, share: int, disposition: int, flags: int) -> int:
    handle = _kernel.CreateFileW(path, access, share, None, disposition, flags, None)
    if handle == _INVALID:
        raise _error(ctypes.get_last_error(), path)
    return int(handle)


def _as_descriptor(handle: int, flags: int) -> int:
    try:
        return msvcrt.open_osfhandle(handle, flags | os.O_BINARY | os.O_NOINHERIT)
    except OSError:
        _kernel.CloseHandle(handle)
        raise


def _error(code: int, path: str | None) -> OSError:
    return OSError(None, ctypes.FormatError(code), path, code)
