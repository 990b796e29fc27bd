"""Helpers of the tests of `FileDirDict`."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

_WORKERS = Path(__file__).with_name("workers.py")


@pytest.fixture
def base(tmp_path):
    """A directory that does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def make(base):
    """Make handles on one store, without waiting for the disk."""
    from persidict import FileDirDict  # this file is loaded even where that is not installed

    return partial(FileDirDict, base_dir=base, durable=False)


@pytest.fixture
def tree(base):
    """List what is in the store's directory, temporary files apart."""

    def paths():
        found = (path.relative_to(base).as_posix() for path in base.rglob("*"))
        ours = (path for path in found if not path.startswith("+"))
        # Directories of items have lock files on Windows.
        return sorted(path for path in ours if os.name != "nt" or not path.endswith("/+lock"))

    return paths


@pytest.fixture
def leftovers(base):
    """List the temporary files in the store's directory."""
    return lambda: sorted(path for path in base.rglob("*") if _is_temporary(path, base))


@pytest.fixture
def slept(monkeypatch):
    """Record pauses: an error that can't go away is not to be waited for."""
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


@pytest.fixture
def mount(tmp_path, monkeypatch):
    """Describe mounts, the last of which holds the store."""

    def describe(kind, options="rw", point=None, device=None, before=()):
        number = os.stat(tmp_path).st_dev
        device = device or f"{os.major(number)}:{os.minor(number)}"
        lines = [f"20 1 {device} / / rw,relatime shared:1 - ext4 /dev/root rw", *before]
        point = str(point or tmp_path).replace(" ", "\\040")
        lines.append(f"30 20 {device} / {point} rw,relatime - {kind} source rw,{options}")
        mounts = tmp_path / "mountinfo"
        mounts.write_text("\n".join(lines) + "\n")
        monkeypatch.setattr("persidict.file.file_systems._MOUNTS", str(mounts))

    return describe


def _is_temporary(path, base):
    if os.name == "nt" and path.name == "+lock":
        return False
    return path.is_file() and any(part.startswith("+") for part in path.relative_to(base).parts)


@pytest.fixture
def run_workers(base):
    """Run one job in several processes at once, and return what each of them reports."""

    def run(job, count=8, **settings):
        processes = [_start(job, worker, base, settings) for worker in range(count)]
        try:
            return _conduct(processes)
        finally:
            for process in processes:
                process.kill()
                process.communicate()

    return run


def _start(job, worker, base, settings):
    task = json.dumps({"job": job, "worker": worker, "base_dir": str(base), **settings})
    return subprocess.Popen(
        [sys.executable, str(_WORKERS), task],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _conduct(processes):
    """Let the processes wait for each other wherever they ask to."""
    results = {}
    while len(results) < len(processes):
        waiting = []
        for process in processes:
            if process in results:
                continue
            line = process.stdout.readline()
            assert line, f"a worker died with {process.wait()}; its traceback is in stderr"
            if line == "ready\n":
                waiting.append(process)
            else:
                results[process] = json.loads(line)
        for process in waiting:
            process.stdin.write("go\n")
            process.stdin.flush()
    return [results[process] for process in processes]
