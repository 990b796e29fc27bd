"""Install, upgrade and uninstall persidict as users do, with several installers.

    python tools/check_upgrade.py WHEELS DIRECTORY

WHEELS is the directory of the wheels of all distributions, DIRECTORY is for environments. The
Python that runs this has the newest pip, and uv. Everything is downloaded first, once; then each
installer goes through the same scenarios, beside the others. After each step a program imports all
that is installed, writes and reads (`check_installation.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PUBLISHED = "persidict==0.309.0"
OLD_PIP = "pip==23.2.1"
DISTRIBUTIONS = {
    "persidict-core": "aio core",
    "persidict-file": "aio core file",
    "persidict-wrappers": "aio core wrappers",
    "persidict-s3": "aio core file s3 wrappers",
    "persidict-adapters": "adapters aio core",
    "persidict": "aio core file s3 wrappers",
}
CHECK = Path(__file__).with_name("check_installation.py")
ADVICE = "pip install --upgrade persidict"
# What docs/migrating.md advises to those who have uninstalled the meta-package alone.
WAY_BACK = ("--force-reinstall", "--no-deps", "persidict-core")


def run(*command: str | Path, code: int = 0) -> str:
    """Run a program, expect an exit code, and return all that it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != code:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def create_environment(directory: Path) -> Path:
    """Create an empty environment, and return its Python."""
    venv.create(directory, with_pip=False, symlinks=os.name != "nt")
    return directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


class Environment:
    """An environment and the installer that changes it.

    Args:
        directory: Where the environment and the stores of its checks are.
        installer: The command that takes `install` or `uninstall`, except for the environment.
        house: The directory with all wheels; the network is not used.
    """

    def __init__(self, directory: Path, installer: list[str], house: Path) -> None:
        self._directory = directory
        self._python = create_environment(directory)
        self._installer = installer
        self._house = house

    def install(self, *arguments: str) -> None:
        """Install from the wheels alone; Python compiles what it imports."""
        where = ("--no-index", "--find-links", self._house)
        self._call("install", "--no-compile", *where, *arguments)

    def uninstall(self, name: str) -> None:
        """Uninstall one distribution."""
        yes = [] if self._installer[-1] == "uv" else ["--yes"]
        self._call("uninstall", *yes, name)

    def _call(self, action: str, *arguments: str | Path) -> None:
        if self._installer[-1] == "uv":
            run(*self._installer, "pip", action, "--quiet", "--python", self._python, *arguments)
        else:
            run(*self._installer, "--python", self._python, action, "--quiet", *arguments)

    def check(self, expected: str, *options: str) -> None:
        """Use what is installed, and compare the parts that are there."""
        found = run(self._python, CHECK, *options, self._directory).strip()
        if found != expected:
            raise RuntimeError(f"installed are {found!r}, expected {expected!r}")

    def expect_error(self, code: str, message: str) -> None:
        """Run Python code that fails, and look for a text in the last line that it prints."""
        last = run(self._python, "-c", code, code=1).strip().splitlines()[-1]
        if message not in last:
            raise RuntimeError(f"{message!r} is not in {last!r}")


def upgrade_to_all(env: Environment) -> None:
    """The published package becomes the new distributions; its store is read."""
    env.install(PUBLISHED)
    env.check("before 0.400", "--before")
    env.install("--upgrade", "persidict")
    env.check(DISTRIBUTIONS["persidict"])


def install_a_part_beside(env: Environment) -> None:
    """A part beside the published package says what to do; that command mends it."""
    env.install("--no-deps", PUBLISHED)
    env.install("persidict-file")
    for code in ("import persidict", "import persidict.file", "from persidict import FileDirDict"):
        env.expect_error(code, ADVICE)
    env.install(*ADVICE.split()[2:])
    env.check(DISTRIBUTIONS["persidict"])


def uninstall_the_whole(env: Environment) -> None:
    """Without `persidict` the names are gone, until core is installed again."""
    env.install("persidict")
    env.uninstall("persidict")
    env.expect_error("from persidict import LocalDict", "cannot import name 'LocalDict'")
    env.install(*WAY_BACK)
    env.check(DISTRIBUTIONS["persidict-s3"])


def install_fresh(name: str) -> Callable[[Environment], None]:
    """Return the scenario that installs one distribution into an empty environment."""

    def install(env: Environment) -> None:
        env.install(name)
        env.check(DISTRIBUTIONS[name])

    install.__name__ = f"install_{name}"
    return install


SCENARIOS = [
    upgrade_to_all,
    install_a_part_beside,
    uninstall_the_whole,
    *map(install_fresh, DISTRIBUTIONS),
]


def go_through_scenarios(name: str, installer: list[str], house: Path, directory: Path) -> None:
    """Play all scenarios with one installer."""
    for scenario in SCENARIOS:
        start = time.monotonic()
        env = Environment(directory / f"{name}-{scenario.__name__}", installer, house)
        try:
            scenario(env)
        except (OSError, RuntimeError) as error:
            raise RuntimeError(f"{name}, {scenario.__name__}: {error}") from error
        print(f"{name}: {scenario.__name__} ok, {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    """Download what is needed, and go through the scenarios with each installer."""
    wheels, directory = map(Path, sys.argv[1:])
    house = directory / "wheels"
    newest = [sys.executable, "-m", "pip"]
    run(*newest, "download", "--quiet", "--dest", house, PUBLISHED)
    run(*newest, "download", "--quiet", "--dest", house, "--find-links", wheels, *DISTRIBUTIONS)
    old_python = create_environment(directory / "old-pip")
    run(*newest, "--python", old_python, "install", "--quiet", OLD_PIP)
    installers = {
        "pip 23.2.1": [str(old_python), "-m", "pip"],
        "newest pip": newest,
        "uv": [sys.executable, "-m", "uv"],
    }
    with ThreadPoolExecutor(len(installers)) as pool:
        futures = [
            pool.submit(go_through_scenarios, name, installer, house, directory)
            for name, installer in installers.items()
        ]
        for future in futures:
            future.result()


if __name__ == "__main__":
    main()
