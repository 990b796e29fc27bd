"""What the laboratories share: programs, Debian packages, wheels for other systems.

The laboratories build the places in which they run tests: other Pythons, Windows under Wine, a
virtual machine with network file systems. They need Debian, root and its package mirror.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
# What a copy of the sources leaves out.
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", ".nox", "build", "__pycache__", ".*_cache")


def run(
    *command: str | Path, check: bool = True, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program; if `check`, an exit code other than 0 ends this one."""
    words = [str(word) for word in command]
    done = subprocess.run(words, text=True, check=False, **options)
    if check and done.returncode:
        sys.exit(f"{words} ended with {done.returncode}\n{done.stderr or ''}")
    return done


def install_debian_packages(*names: str) -> None:
    """Install packages of Debian, unless all are there."""
    if os.geteuid() != 0:
        sys.exit("this laboratory needs root")
    known = run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", capture_output=True)
    installed = {line.split()[0] for line in known.stdout.splitlines() if line.endswith("ii ")}
    if missing := [name for name in names if name not in installed]:
        print("apt-get install", *missing, flush=True)
        run("apt-get", "update", "-qq", check=False)
        quiet = ("-y", "-qq", "--no-install-recommends")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "install", *quiet, *missing, env=environment, stdout=subprocess.DEVNULL)


def debian_mirror() -> str:
    """Return the mirror that this machine installs Debian from."""
    policy = run("apt-cache", "policy", capture_output=True).stdout
    found = re.findall(r"^ *\d+ (https?://\S+) \S+/main \w+ Packages", policy, re.MULTILINE)
    found = [url for url in found if "security" not in url]
    return str(found[0]) if found else "http://deb.debian.org/debian"


def bootstrap(suite: str, target: Path, *packages: str) -> None:
    """Install a small Debian into a directory."""
    install_debian_packages("debootstrap")
    shutil.rmtree(target, ignore_errors=True)
    script = Path("/usr/share/debootstrap/scripts", suite)
    # All suites of Debian have the same script; an old debootstrap does not know new names.
    more = [] if script.exists() else [script.with_name("sid")]
    include = [f"--include={','.join(packages)}"] if packages else []
    run(
        *("debootstrap", "--variant=minbase", *include, suite, target, debian_mirror(), *more),
        stdout=subprocess.DEVNULL,
    )


def build_wheels(target: Path, parts: Iterable[str]) -> list[Path]:
    """Build the wheels of parts of the project."""
    shutil.rmtree(target, ignore_errors=True)
    sources = [ROOT / "packages" / f"persidict-{part}" for part in parts]
    run(*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", target, *sources)
    return sorted(target.glob("*.whl"))


def download_wheels(
    target: Path, requirements: Iterable[str], version: str, abi: str, platforms: Iterable[str]
) -> list[str]:
    """Download wheels for another Python, and return the requirements that have none for it."""
    tags = ["--only-binary", ":all:", "--python-version", version, "--implementation", "cp"]
    tags += [word for name in (abi, "abi3", "none") for word in ("--abi", name)]
    tags += [word for name in platforms for word in ("--platform", name)]
    missing = []
    for requirement in requirements:
        command = (*PIP, "download", "--quiet", "--dest", target, *tags, requirement)
        if run(*command, check=False, capture_output=True).returncode:
            missing.append(requirement)
    return missing


def unpack(wheels: Iterable[Path], target: Path) -> None:
    """Unpack wheels into a directory that is on the path of some Python."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)


def copy_sources(target: Path) -> Path:
    """Copy the project, so that no test writes into it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT, target, ignore=_LEFT_OUT, symlinks=True)
    return target
