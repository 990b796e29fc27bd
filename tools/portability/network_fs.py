"""Examine `FileDirDict` on network file systems, in a virtual machine of User-mode Linux.

    python tools/portability/network_fs.py DIRECTORY [nfs] [smb] [9p] [fuse] [local]

The machine is server and two clients in one: each client has a network and a mount of its own. It
has one processor, which makes races rare: a loss counts, and an `ok` needs many runs.
Variables: ROUNDS, increments of each process (60); MEMORY of the machine (1500M).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import lab

HERE = Path(__file__).resolve().parent
JOBS = ("nfs", "smb", "9p", "fuse", "local")
# Debian 12's kernel is the one that Debian 12's user-mode-linux is made from.
SUITE = "bookworm"
GUEST = (
    "python3 iproute2 kmod util-linux mount e2fsprogs dosfstools f2fs-tools rpcbind samba "
    "nfs-kernel-server nfs-common cifs-utils diod openssh-server"
)
# debootstrap would install two packages that exclude each other.
FUSE = ("fuse3", "bindfs", "sshfs", "ntfs-3g")
IMAGE = f"guest-{zlib.crc32(repr((SUITE, GUEST, FUSE)).encode()):08x}.img"
NEEDED = ("cloudpickle", "jsonpickle", "lz4", "orjson")
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(5, 37)] + ["manylinux2014_x86_64"]
MINUTES = 30
_FIRST = """#!/bin/sh
mount -t proc none /proc
mount -o ro /dev/ubdb /payload
exec /bin/sh /payload/guest_init.sh
"""
_LINE = re.compile(r"^[\w-]+ \| \w+ \| (\w+) \| .*", re.MULTILINE)


def create_image(image: Path) -> None:
    """Create the disk of the machine, once."""
    if image.exists():
        return
    print(f"a Debian {SUITE} with servers", flush=True)
    root = image.with_name("root")
    lab.bootstrap(SUITE, root, *GUEST.split())
    quiet = ("-y", "-qq", "--no-install-recommends")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ("chroot", root, "apt-get", "install", *quiet, *FUSE)
    lab.run(*install, env=environment, capture_output=True)
    (root / "payload").mkdir()
    shutil.copytree("/usr/lib/uml/modules", root / "lib" / "modules", dirs_exist_ok=True)
    first = root / "first"
    first.write_text(_FIRST)
    first.chmod(0o755)
    create_file_system(image, root, "4G")
    shutil.rmtree(root)


def create_file_system(image: Path, content: Path, size: str) -> None:
    """Write a directory into the image of an ext4 file system."""
    new = image.with_suffix(".new")
    new.unlink(missing_ok=True)
    lab.run("mke2fs", "-q", "-F", "-t", "ext4", "-d", content, new, size, capture_output=True)
    new.rename(image)


def create_payload(base: Path) -> Path:
    """Create the disk with the project and the exam."""
    content = base / "payload"
    shutil.rmtree(content, ignore_errors=True)
    lab.download_wheels(base / "needed", NEEDED, "3.11", "cp311", PLATFORMS)
    wheels = [*(base / "needed").glob("*.whl"), *lab.build_wheels(base / "own", ("core", "file"))]
    lab.unpack(wheels, content / "site")
    for name in ("exam.py", "guest_init.sh"):
        shutil.copy(HERE / name, content)
    create_file_system(base / "payload.img", content, "128M")
    return base / "payload.img"


def run_job(job: str, base: Path, payload: Path) -> Counter[str]:
    """Boot the machine for one kind of file system, and return how often each outcome came."""
    changes = base / f"{job}.cow"
    changes.unlink(missing_ok=True)
    words = ["linux.uml", f"mem={os.environ.get('MEMORY', '1500M')}", "root=/dev/ubda", "rw"]
    words += [f"ubd0={changes},{base / IMAGE}", f"ubd1={payload}", "init=/first", "quiet"]
    words += [
        "con=null",
        "con0=null,fd:1",
        f"job={job}",
        f"rounds={os.environ.get('ROUNDS', '60')}",
    ]
    limit = ("timeout", "-k", "10", f"{MINUTES}m")
    done = lab.run(*limit, *words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    text = done.stdout.replace("\r", "")
    (base / f"{job}.log").write_text(text)
    for line in _LINE.finditer(text):
        print(line[0], flush=True)
    outcomes = Counter(line[1] for line in _LINE.finditer(text))
    if "guest: done" not in text:
        outcomes["UNFINISHED"] += 1
    return outcomes


def main() -> int:
    """Run the jobs; what is lost is a failure, for the program has to prevent or to refuse it."""
    directory, *jobs = sys.argv[1:]
    lab.install_debian_packages("debootstrap", "user-mode-linux", "e2fsprogs")
    base = Path(directory).resolve()
    base.mkdir(parents=True, exist_ok=True)
    create_image(base / IMAGE)
    payload = create_payload(base)
    total: Counter[str] = Counter()
    for job in jobs or JOBS:
        total += run_job(job, base, payload)
    print("in all:", ", ".join(f"{n} {outcome}" for outcome, n in sorted(total.items())))
    return 1 if total["LOST"] + total["UNFINISHED"] else 0


if __name__ == "__main__":
    sys.exit(main())
