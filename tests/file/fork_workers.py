"""A process with a thread in the middle of a write that forks, and dies: its child goes on."""

import os
import sys
import threading

from persidict.file import FileDirDict
from persidict.file.directory import Directory, DirectoryMaker


def main(base, lock):
    if lock == "file":  # as on file systems that lock no directories
        import errno

        from persidict.file import directory

        def refuse(descriptor):
            raise OSError(errno.EINVAL, "no locks on directories")

        directory.lock_directory = refuse
    d = FileDirDict(base_dir=base, durable=False)
    d["a"] = 0
    locked, never = threading.Event(), threading.Event()

    def hold():
        with Directory(base, [], DirectoryMaker(0o700, durable=False)) as root:
            root.lock()
            locked.set()
            never.wait()

    threading.Thread(target=hold, daemon=True).start()
    locked.wait()
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        os.read(read, 1)  # the child is there
        os._exit(0)
    os.write(write, b"1")
    d["a"] = 1
    d["b"] = os.getpid()
    print("written", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
