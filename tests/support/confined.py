"""Runs Python in places that forbid most things, by namespaces of Linux; needs no privileges."""

from __future__ import annotations

import functools
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# Not in the system's list of users.
UNKNOWN_USER = "54321"

_ENTER = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc"]
_BECOME = f"unshare --user --map-user={UNKNOWN_USER} --map-group={UNKNOWN_USER}"


def run_program(
    program: str, *options: str, writable: Path, environment: dict[str, str] | None = None
) -> str:
    """Run a program where one directory can be written to, and return what it prints.

    The user has no name and no home directory, the environment is empty but for what is given, the
    working directory is read-only, and there is no shared memory, as in functions as a service.

    Args:
        program: Python source.
        options: Options of Python.
        writable: The directory that can be written to.
        environment: All environment variables.
    """
    given = [f"{name}={value}" for name, value in (environment or {}).items()]
    command = [sys.executable, *options, "-c", textwrap.dedent(program)]
    done = _run(writable, shlex.join(["env", "-i", *given, *command]))
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run(writable: Path, command: str) -> subprocess.CompletedProcess[str]:
    directory = shlex.quote(str(writable))
    script = f"""
        mount --make-rprivate /
        mount --bind {directory} {directory}
        mount -o remount,bind,ro /
        mount -t tmpfs -o ro none /dev/shm
        exec {_BECOME} {command}
    """
    return subprocess.run(
        [*_ENTER, textwrap.dedent(script)], capture_output=True, text=True, check=False
    )


@functools.cache
def _obstacle(writable: Path) -> str | None:
    try:
        return _run(writable, "true").stderr or None
    except OSError as error:
        return str(error)


@pytest.fixture
def confined(tmp_path):
    """Return `run_program` with a writable directory; skip where the system has no namespaces."""
    if obstacle := _obstacle(tmp_path):
        pytest.skip(f"namespaces can't be used here: {obstacle}")
    return functools.partial(run_program, writable=tmp_path)
