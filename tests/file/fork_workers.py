"""A process with a thread in the middle of a write that forks, and dies: its child goes on."""

import os
import sys
import threading

from persidict.file import FileDirDict


def main(base, lock):
    if lock == "file":  # as on file systems that lock no directories
        import errno
        import fcntl

        flock = fcntl.flock

        def lock_files_only(descriptor, operation):
            if os.path.isdir(f"/dev/fd/{descriptor}/."):
                raise OSError(errno.EINVAL, "no locks on directories")
            return flock(descriptor, operation)

        fcntl.flock = lock_files_only
    d = FileDirDict(base_dir=base, durable=False)
    d["a"] = 0
    locked, never = threading.Event(), threading.Event()

    def hold():
        rename = os.rename

        def wait_first(*args, **kwargs):
            if threading.current_thread() is thread:
                locked.set()
                never.wait()
            return rename(*args, **kwargs)

        os.rename = wait_first
        d["a"] = "never"

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
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
