"""Put a CPython 3.14 without the GIL into a directory, where no distribution has one.

    python tools/portability/free_threaded.py DIRECTORY
    PATH="DIRECTORY/bin:$PATH" python dev.py tests-3.14t

freeze-core, a part of cx_Freeze, brings the interpreter and its extension modules on PyPI; the
modules in Python are those of Debian's CPython 3.14. Linux on x86-64 and Debian's tools.
"""

from __future__ import annotations

import re
import shutil
import struct
import sys
import urllib.request
from pathlib import Path

import lab

STDLIB = "libpython3.14-stdlib"
INTERPRETER = "freeze-core==0.8.1"
PLATFORM = "manylinux2014_x86_64"
SOABI = "cpython-314t-x86_64-linux-gnu"
# What Debian's build says of itself and this one is not.
VARIABLES = {
    "ABIFLAGS": "t",
    "EXT_SUFFIX": f".{SOABI}.so",
    "LDVERSION": "3.14t",
    "Py_GIL_DISABLED": 1,
    "SOABI": SOABI,
}
_JUMP = b"\xe9"  # JMP with a relative address of 32 bits
_ELF_LOADED = 1  # PT_LOAD


def download_modules(target: Path) -> Path:
    """Unpack the modules of the newest CPython 3.14 in Debian; return their directory."""
    mirror = lab.debian_mirror()
    index = download(f"{mirror}/dists/forky/main/binary-amd64/Packages.xz", target)
    packages = lab.run("xzcat", index, capture_output=True).stdout
    found = re.search(rf"^Package: {STDLIB}\n(?:.+\n)*?Filename: (\S+)$", packages, re.MULTILINE)
    if found is None:
        sys.exit(f"Debian forky has no {STDLIB}")
    for part in ("stdlib", "minimal"):
        package = download(f"{mirror}/{found[1]}".replace("-stdlib", f"-{part}"), target)
        lab.run("dpkg-deb", "-x", package, target / "debian")
    return target / "debian" / "usr" / "lib" / "python3.14"


def download(url: str, target: Path) -> Path:
    """Download a file of Debian's mirror into a directory; return its path."""
    path = target / url.rpartition("/")[2]
    urllib.request.urlretrieve(url, path)  # noqa: S310  # the mirror of this machine
    return path


def download_interpreter(target: Path) -> Path:
    """Unpack freeze-core; return its directory."""
    options = ("--no-deps", "--only-binary", ":all:", "--platform", PLATFORM)
    version = ("--implementation", "cp", "--python-version", "3.14", "--abi", "cp314t")
    lab.run(*lab.PIP, "download", "--quiet", *options, *version, "--dest", target, INTERPRETER)
    lab.unpack(target.glob("freeze_core-*.whl"), target / "wheel")
    return target / "wheel"


def with_main(program: bytes, symbols: dict[str, int]) -> bytes:
    """Return a program for frozen applications whose `main` is that of the command ``python``."""
    header_size, headers = struct.unpack_from("<HH", program, 54)
    (start,) = struct.unpack_from("<Q", program, 32)
    main = symbols["main"]
    for number in range(headers):
        kind, _, offset, address, _, size = struct.unpack_from(
            "<IIQQQQ", program, start + number * header_size
        )
        if kind == _ELF_LOADED and address <= main < address + size:
            jump = _JUMP + struct.pack("<i", symbols["Py_BytesMain"] - main - 5)
            at = offset + main - address
            return program[:at] + jump + program[at + len(jump) :]
    sys.exit("the program has no main")


def main() -> None:
    """Put the parts together."""
    prefix = Path(sys.argv[1]).resolve()
    if prefix.exists():
        sys.exit(f"{prefix} exists; name a directory that does not")
    parts = prefix / "parts"
    parts.mkdir(parents=True)
    modules, wheel = download_modules(parts), download_interpreter(parts)
    library = prefix / "lib" / "python3.14t"
    others = shutil.ignore_patterns("lib-dynload", "EXTERNALLY-MANAGED", "_sysconfigdata*")
    shutil.copytree(modules, library, ignore=others, ignore_dangling_symlinks=True)
    shutil.copytree(wheel / "freeze_core" / "lib", library / "lib-dynload")
    shutil.copytree(wheel / "freeze_core.libs", prefix / "lib" / "freeze_core.libs")
    built = (modules / "_sysconfigdata__linux_x86_64-linux-gnu.py").read_text(encoding="utf-8")
    (library / "_sysconfigdata_t_linux_x86_64-linux-gnu.py").write_text(
        f"{built}\nbuild_time_vars.update({VARIABLES!r})\n", encoding="utf-8"
    )
    frozen = wheel / "freeze_core" / "bases" / f"console-{SOABI}"
    listed = lab.run("nm", "-D", frozen, capture_output=True).stdout
    symbols = {
        name: int(at, 16) for at, name in re.findall(r"^(\w+) T (\w+)$", listed, re.MULTILINE)
    }
    program = prefix / "bin" / "python3.14t"
    program.parent.mkdir()
    program.write_bytes(with_main(frozen.read_bytes(), symbols))
    program.chmod(0o755)
    shutil.rmtree(parts)
    lab.run(program, "-c", "import sys; print(sys.version, sys._is_gil_enabled())")


if __name__ == "__main__":
    main()
