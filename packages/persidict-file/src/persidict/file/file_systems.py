"""Which file system holds a store, and what it can't do between machines.

Most are local: everything that uses them runs on one kernel. On the others, locks or looks may end
at the machine, or at the mount, that makes them.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from functools import cache, partial
from typing import NamedTuple

from persidict.core.errors import raise_if_from_handler
from persidict.file.held import Held, holding

_MOUNTS = "/proc/self/mountinfo"
_REMOTE_ON_WINDOWS = "a network drive"
_STEPS_ON_WINDOWS = "a drive on which open files are replaced in steps"
_ESCAPED = re.compile(r"\\([0-7]{3})")


class FileSystem(NamedTuple):
    """What persidict has to know of a file system; the defaults describe a local one.

    Attributes:
        title: Its name, for messages.
        loss: Why conditions are not exact between machines or mounts; empty if they are.
        is_shared: Whether locks on files, and looks that open what they look at, reach other
            machines, while locks on directories don't.
        passing: The errors that looking at an item can have while somebody replaces it.
        is_smb: Whether it refuses for a moment what somebody has open; see `SmbDirectory`.
    """

    title: str = ""
    loss: str = ""
    is_shared: bool = False
    passing: frozenset[int] = frozenset()
    is_smb: bool = False

    @property
    def is_local(self) -> bool:
        """Whether all who use it run on this machine, or nothing else is known."""
        return not self.title


LOCAL = FileSystem()
_ABSENT = frozenset({errno.ENOENT, errno.ESTALE})
_REFUSED = _ABSENT | {errno.EACCES, errno.EINVAL, errno.EBUSY, errno.EAGAIN}
_LATE = "a client can overlook what another has just changed"
_ONE_MOUNT = "locks reach only those who use the same mount"
_UNTRIED = "persidict was not tried on it"
_KNOWN = {
    "nfs4": FileSystem("NFS 4", "", is_shared=True, passing=_ABSENT),
    "nfs": FileSystem("NFS before version 4", _LATE, is_shared=True, passing=_ABSENT),
    "cifs": FileSystem("SMB", _LATE, is_shared=True, passing=_REFUSED, is_smb=True),
    "smb3": FileSystem("SMB", _LATE, is_shared=True, passing=_REFUSED, is_smb=True),
    "9p": FileSystem("9p", _ONE_MOUNT, passing=_ABSENT),
    "virtiofs": FileSystem("virtiofs", _ONE_MOUNT, passing=_ABSENT),
    _STEPS_ON_WINDOWS: FileSystem(passing=_ABSENT),
}
_UNTRIED_TYPES = frozenset(
    (
        *("acfs", "afs", "beegfs", "ceph", "coda", "gfs2", "gpfs", "lustre", "ocfs2", "orangefs"),
        *("panfs", "prl_fs", "pvfs2", "vboxsf", "vmhgfs"),
        *("afpfs", "smbfs", "webdav", "macfuse", "osxfuse"),  # of macOS
        _REMOTE_ON_WINDOWS,
    )
)
# The stores that were warned of.
_warned: set[str] = set()


@cache
def file_system_of(path: str) -> FileSystem:
    """Return the file system that holds a directory, or will hold it; an unknown one is local.

    It is found out once per path and process.
    """
    while not os.path.exists(path) and (above := os.path.dirname(path)) != path:
        path = above
    kind, options = "", ""
    try:
        if sys.platform == "linux":
            kind, options = _mounted_at(os.path.realpath(path))
        elif sys.platform == "darwin":
            kind = _type_on_macos(path)
        elif sys.platform == "win32":
            kind = _type_on_windows(path)
    except (OSError, ImportError, AttributeError) as error:
        raise_if_from_handler(error)
        return LOCAL  # no /proc, no ctypes
    return described(kind, options)


def warn_or_refuse(root: str, found: FileSystem, *, strict: bool) -> None:
    """Log a warning, once per store and process, that conditions are not exact.

    Raises:
        OSError: ``ENOTSUP``, if `strict`.
    """
    loss = f"{root} is on {found.title}: {found.loss}"
    instead = "use S3 between machines, NFS 4 or a local file system"
    if strict:
        text = f"{loss}, so this operation can't be atomic; {instead}, or strict_conditions=False"
        raise OSError(errno.ENOTSUP, text)
    if root not in _warned:
        _warned.add(root)
        import logging  # slow to import

        logging.getLogger("persidict.file").warning(
            "%s, so conditional operations are NOT atomic between machines or mounts: updates can "
            "be lost, and several callers can win one insertion; %s. strict_conditions=True "
            "refuses such operations",
            loss,
            instead,
        )


def described(kind: str, options: str = "") -> FileSystem:
    """Return what is known of a type of file system, as the system names it.

    Example:
        >>> described("ext4") == LOCAL, described("fuse.sshfs").title
        (True, 'FUSE (sshfs)')
    """
    if kind in _KNOWN:
        found = _KNOWN[kind]
        if "nocto" in options.split(","):
            return found._replace(loss=f"it is mounted with nocto, and {_LATE}")
        return found
    if kind in {"fuse", "fuseblk"} or kind.startswith(("fuse.", "fuseblk.")):
        title = "FUSE (" + kind.partition(".")[2] + ")" if "." in kind else "FUSE"
        return FileSystem(title, _ONE_MOUNT, passing=_ABSENT)
    if kind in _UNTRIED_TYPES:
        return FileSystem(kind, _UNTRIED, passing=_ABSENT)
    return LOCAL


def _mounted_at(path: str) -> tuple[str, str]:
    """Return type and options of the mount that a path is on, on Linux."""
    info = os.stat(path)
    device = f"{os.major(info.st_dev)}:{os.minor(info.st_dev)}"
    found = ((False, 0), "", "")
    # Not `splitlines` and a bare `split`, because the kernel escapes ASCII white space only.
    for line in filter(None, holding(_mounts).decode("utf-8", "surrogateescape").split("\n")):
        mount, _, source = line.partition(" - ")
        fields, kind = mount.split(" "), source.split(" ")
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
        if path != point and not path.startswith(point.rstrip("/") + "/"):
            continue
        # A mount can hide others; some file systems have several devices. Later ones win.
        rank = fields[2] == device, len(point)
        if rank >= found[0]:
            found = rank, kind[0], ",".join(kind[2:])
    return found[1:]


def _mounts(held: Held) -> bytes:
    """Return the list of mounts; `open` is not there while the interpreter exits."""
    held.descriptors += map(os.open, (_MOUNTS,), (os.O_RDONLY,))
    return b"".join(iter(partial(os.read, held.descriptors[-1], 1 << 16), b""))


def _type_on_macos(path: str) -> str:
    """Return the type of the file system that a path is on, on macOS."""
    import ctypes  # slow to import

    library = ctypes.CDLL(None, use_errno=True)
    name = "statfs$INODE64" if os.uname().machine == "x86_64" else "statfs"
    buffer = ctypes.create_string_buffer(4096)
    if library[name](os.fsencode(path), buffer):
        raise OSError(ctypes.get_errno(), "statfs", path)
    start = 72  # of f_fstypename, which has 16 bytes, in <sys/mount.h>
    return buffer.raw[start : start + 16].partition(b"\0")[0].decode()


def _type_on_windows(path: str) -> str:
    """Return what is special about the drive of a path on Windows."""
    if sys.platform == "win32":
        import ctypes

        from persidict.file.windows_calls import replaces_open_files

        drive = os.path.splitdrive(path)[0].removeprefix("\\\\?\\")
        remote = 4  # DRIVE_REMOTE
        if (
            drive.startswith(("UNC", "\\\\"))
            or ctypes.WinDLL("kernel32").GetDriveTypeW(f"{drive}\\") == remote
        ):
            return _REMOTE_ON_WINDOWS
        if not replaces_open_files(path):
            return _STEPS_ON_WINDOWS
    return ""
