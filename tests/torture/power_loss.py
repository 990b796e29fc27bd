"""What may be left of a directory tree after a power loss: recorded calls, and a model of disks.

`Recorder` notes what is done to files through `os`. `Disk` replays the notes as the least that
POSIX promises: a file's content is sure only up to its last fsync, an entry of a directory only
up to the last fsync of that very directory, and of everything later any part may be there,
whatever the order. Real file systems lose less, each of them less in another way.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_MISSING = -1


class Event(NamedTuple):
    """One call, with the numbers of files and directories (inodes) instead of descriptors."""

    call: str
    arguments: tuple[Any, ...]


class DiesNow(BaseException):
    """Ends a simulated process: no handler of the library may catch it."""


class Recorder:
    """Patches `os` and notes what changes files, by inode, on Linux.

    Args:
        monkeypatch: pytest's, or one of one's own.
    """

    def __init__(self, monkeypatch: Any) -> None:
        self.events: list[Event] = []
        self._calls_left: int | None = None
        monkeypatch.setattr(os, "fsync", lambda _: None)  # what it does is left to the model
        monkeypatch.setattr("persidict.file.flush._syncfs", lambda: self._syncfs)
        for name in ("write", "fsync", "link", "rename", "unlink", "mkdir", "rmdir"):
            monkeypatch.setattr(os, name, self._recorded(getattr(os, name), name))
        monkeypatch.setattr(os, "open", self._opening(os.open))
        monkeypatch.setattr(os, "replace", os.rename)

    def die_after(self, calls: int) -> None:
        """Let only so many calls happen; then each one raises `DiesNow`, until `live`."""
        self._calls_left = calls

    def live(self) -> None:
        """Let calls happen again."""
        self._calls_left = None

    def _count_down(self) -> None:
        if self._calls_left is not None:
            if self._calls_left == 0:
                raise DiesNow
            self._calls_left -= 1

    def _opening(self, original: Any) -> Any:
        def call(path: Any, flags: int, *args: Any, dir_fd: int | None = None) -> int:
            if not flags & os.O_CREAT:
                return original(path, flags, *args, dir_fd=dir_fd)
            self._count_down()
            descriptor: int = original(path, flags, *args, dir_fd=dir_fd)
            place = _place(path, dir_fd)
            self.events.append(Event("create", (*place, os.fstat(descriptor).st_ino)))
            return descriptor

        return call

    def _recorded(self, original: Any, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._count_down()
            event = getattr(self, f"_{name}")(*args, **kwargs)
            result = original(*args, **kwargs)
            if name == "write":
                event = Event("write", (event.arguments[0], bytes(args[1][:result])))
            if name == "mkdir":
                inode = os.stat(args[0], dir_fd=kwargs.get("dir_fd")).st_ino
                event = Event("mkdir", (*event.arguments, inode))
            self.events.append(event)
            return result

        return call

    def _syncfs(self, descriptor: int) -> int:
        self._count_down()
        self.events.append(Event("syncfs", ()))
        return 0

    def _write(self, descriptor: int, data: Any) -> Event:
        return Event("write", (os.fstat(descriptor).st_ino, data))

    def _fsync(self, descriptor: int) -> Event:
        return Event("fsync", (os.fstat(descriptor).st_ino,))

    def _link(self, source: Any, target: Any, **at: Any) -> Event:
        inode = os.stat(source, dir_fd=at.get("src_dir_fd")).st_ino
        return Event("link", (inode, *_place(target, at.get("dst_dir_fd"))))

    def _rename(self, source: Any, target: Any, **at: Any) -> Event:
        inode = os.stat(source, dir_fd=at.get("src_dir_fd")).st_ino
        places = _place(source, at.get("src_dir_fd")) + _place(target, at.get("dst_dir_fd"))
        return Event("rename", (inode, *places))

    def _unlink(self, path: Any, **at: Any) -> Event:
        return Event("remove", _place(path, at.get("dir_fd")))

    def _mkdir(self, path: Any, mode: int = 0o777, **at: Any) -> Event:
        return Event("mkdir", _place(path, at.get("dir_fd")))

    def _rmdir(self, path: Any, **at: Any) -> Event:
        return Event("remove", _place(path, at.get("dir_fd")))


def _place(path: Any, directory: int | None) -> tuple[int, str]:
    """Return the inode of a path's directory and the name in it."""
    head, name = os.path.split(os.fspath(path))
    parent = head or "."
    info = os.fstat(directory) if directory is not None and not head else os.stat(parent)
    return info.st_ino, name


class _File:
    def __init__(self) -> None:
        self.safe = b""
        self.content = b""

    def sync(self) -> None:
        self.safe = self.content

    def survivors(self, dice: random.Random, most: int) -> list[bytes]:
        """Return what its content may be: old, cut short, its length filled with zeros, new."""
        if self.safe == self.content:
            return [self.safe]
        half = self.content[: len(self.content) // 2]
        return [self.safe, half, bytes(len(self.content)), self.content]


class _Directory:
    def __init__(self) -> None:
        self.safe: dict[str, int] = {}
        self.changes: list[tuple[str, int]] = []  # a name, and its inode or _MISSING

    def sync(self) -> None:
        entries = dict(self.safe) | dict(self.changes)
        self.safe = {name: node for name, node in entries.items() if node != _MISSING}
        self.changes = []

    def survivors(self, dice: random.Random, most: int) -> list[dict[str, int]]:
        """Return which entries there may be: any part of the changes since the last fsync."""
        if not self.changes:
            return [self.safe]
        count = len(self.changes)
        if 2**count <= most:
            choices = list(itertools.product((False, True), repeat=count))
        else:
            ends = [tuple(n < kept for n in range(count)) for kept in range(count + 1)]
            drawn = [tuple(dice.random() < 0.5 for _ in range(count)) for _ in range(most)]
            choices = [*ends[:-1], *drawn, ends[-1]]
        found = []
        for choice in choices:
            entries = dict(self.safe)
            for (name, inode), kept in zip(self.changes, choice, strict=True):
                if kept:
                    entries[name] = inode
            found.append({name: inode for name, inode in entries.items() if inode != _MISSING})
        return found


class Disk:
    """The state of a tree as far as it is sure, and what was done since.

    Args:
        top: The inode of a directory that was there before everything, and stays.
    """

    def __init__(self, top: int) -> None:
        self._nodes: list[_File | _Directory] = []
        self._ids: dict[int, int] = {}
        self._new(top, _Directory())

    def apply(self, event: Event) -> None:
        """Do what was recorded."""
        getattr(self, f"_{event.call}")(*event.arguments)

    def crashes(self, dice: random.Random, most: int = 32) -> Iterator[dict[str, bytes | None]]:
        """Yield trees that a power loss may leave, as paths and contents (None: a directory).

        Args:
            dice: Draws from the possible ones where there are too many.
            most: How many to yield at most.
        """
        options = [node.survivors(dice, most) for node in self._nodes]
        total = 1
        for some in options:
            total *= len(some)
        if total <= most:
            drawn: Any = itertools.product(*options)
        else:
            # Nothing of what is not sure, all of it, and draws.
            nothing = [some[0] for some in options]
            everything = [some[-1] for some in options]
            others = ([dice.choice(some) for some in options] for _ in range(most - 2))
            drawn = [nothing, everything, *others]
        for survivors in drawn:
            yield dict(_tree(survivors, 0, ""))

    def _new(self, inode: int, made: _File | _Directory) -> int:
        """Give a file or directory a number of its own; those of inodes are used again."""
        number = self._ids[inode] = len(self._nodes)
        self._nodes.append(made)
        return number

    def _directory(self, inode: int) -> _Directory:
        found = self._nodes[self._ids[inode]]
        assert isinstance(found, _Directory)
        return found

    def _create(self, parent: int, name: str, inode: int) -> None:
        self._directory(parent).changes.append((name, self._new(inode, _File())))

    def _mkdir(self, parent: int, name: str, inode: int) -> None:
        self._directory(parent).changes.append((name, self._new(inode, _Directory())))

    def _write(self, inode: int, data: bytes) -> None:
        file = self._nodes[self._ids[inode]]
        assert isinstance(file, _File)
        file.content += data

    def _fsync(self, inode: int) -> None:
        if inode in self._ids:  # else one above the top
            self._nodes[self._ids[inode]].sync()

    def _syncfs(self) -> None:
        for node in self._nodes:
            node.sync()

    def _link(self, inode: int, parent: int, name: str) -> None:
        self._directory(parent).changes.append((name, self._ids[inode]))

    def _rename(self, inode: int, old: int, old_name: str, parent: int, name: str) -> None:
        self._link(inode, parent, name)
        self._remove(old, old_name)

    def _remove(self, parent: int, name: str) -> None:
        self._directory(parent).changes.append((name, _MISSING))


def _tree(survivors: list[Any], number: int, path: str) -> Iterator[tuple[str, bytes | None]]:
    for name, child in survivors[number].items():
        if isinstance(survivors[child], bytes):
            yield path + name, survivors[child]
        else:
            yield path + name, None
            yield from _tree(survivors, child, f"{path}{name}/")


def materialise(tree: dict[str, bytes | None], where: Path) -> None:
    """Make a tree of real files."""
    where.mkdir()
    for path, content in tree.items():
        if content is None:
            (where / path).mkdir()
        else:
            (where / path).write_bytes(content)
