"""Run the tests on Pythons that are newer than this machine's, in a Debian of their own.

    python tools/portability/newer_pythons.py DIRECTORY [arguments for pytest]

Packages without a wheel for a version are named and left out; their tests skip themselves.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import lab

SUITE = "forky"
VERSIONS = ("3.14", "3.15")
PARTS = ("core", "file", "wrappers")
PACKAGES = ["pytest>=9.0", "pytest-xdist>=3.6", "hypothesis>=6.130", "cloudpickle", "jsonpickle"]
PACKAGES += ["lz4", "orjson", "numpy", "pandas", "tqdm", "joblib", "cachetools", "zict"]
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(5, 40)] + ["manylinux2014_x86_64"]
TESTS = ("tests/core", "tests/conformance", "tests/file", "tests/wrappers")

# In a mount namespace, which takes its mounts with it when the tests end.
_ENTER = """
project=$1 root=$2 python=$3
shift 3
mount --bind "$project" "$root/project"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" sh -c 'cd /project && exec "$@"' sh "$python" -m pytest "$@"
"""


def create_debian(root: Path) -> None:
    """Create the Debian with all versions that it has, once."""
    if (root / "complete").exists():
        return
    print(f"a Debian {SUITE}", flush=True)
    lab.bootstrap(SUITE, root)
    for version in VERSIONS:
        name = f"python{version}"
        quiet = ("-y", "-qq", "--no-install-recommends")
        install = ("apt-get", "install", *quiet, name, f"{name}-venv", "procps")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        lab.run("chroot", root, *install, env=environment, check=False, capture_output=True)
    (root / "complete").touch()


def create_environment(root: Path, version: str) -> str:
    """Create an environment inside with the packages and the project; return its path there."""
    place = f"/opt/{version}"
    wheels = Path(f"{root}{place}-wheels")
    if not Path(f"{root}{place}").exists():
        lab.run("chroot", root, f"/usr/bin/python{version}", "-m", "venv", place)
        abi = f"cp{version.replace('.', '')}"
        missing = lab.download_wheels(wheels, PACKAGES, version, abi, PLATFORMS)
        print(f"Python {version}: no wheels of {', '.join(missing) or 'nothing'}", flush=True)
    lab.build_wheels(wheels / "project", PARTS)
    script = f"exec {place}/bin/python -m pip install --quiet --no-index --no-deps"
    script += f" --disable-pip-version-check --force-reinstall {place}-wheels/*.whl"
    lab.run("chroot", root, "sh", "-c", f"{script} {place}-wheels/project/*.whl")
    return place


def main() -> int:
    """Run the tests on each version, and print how each run ended."""
    directory, *arguments = sys.argv[1:]
    lab.install_debian_packages("debootstrap")
    root = Path(directory).resolve() / "root"
    create_debian(root)
    project = lab.copy_sources(root.parent / "project")
    (root / "project").mkdir(exist_ok=True)
    failed = 0
    for version in VERSIONS:
        if not (root / "usr" / "bin" / f"python{version}").exists():
            print(f"Python {version}: not in Debian {SUITE}", flush=True)
            continue
        place = create_environment(root, version)
        enter = ("unshare", "--mount", "sh", "-euc", _ENTER, "sh", project, root)
        pytest = (f"{place}/bin/python", "-q", "-n", "2", *(arguments or TESTS))
        done = lab.run(*enter, *pytest, check=False, capture_output=True)
        last = done.stdout.strip().splitlines()[-1:] or [done.stderr[-500:]]
        print(*re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, re.MULTILINE), sep="\n")
        log = root.parent / f"{version}.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        print(f"Python {version}: {last[0]}; see {log}", flush=True)
        failed |= done.returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
