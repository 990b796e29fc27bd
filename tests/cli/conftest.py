"""The command line as users run it: a process of its own."""

import io
import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

import pytest


class Finished(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


@pytest.fixture(name="environment")
def environment_fixture():
    return {**os.environ, "PYTHONIOENCODING": "utf-8", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(name="run")
def run_fixture(tmp_path, environment):
    """Run a command in an empty directory."""

    def run(*arguments, stdin=b"", check=None, **others):
        done = subprocess.run(
            [sys.executable, "-m", "persidict", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
            **others,
        )
        found = Finished(
            done.returncode,
            done.stdout.decode().replace("\r\n", "\n"),
            done.stderr.decode().replace("\r\n", "\n"),
        )
        assert "Traceback" not in found.err
        if check is not None:
            assert found.code == check, found
        return found

    return run


@pytest.fixture(name="call")
def call_fixture(tmp_path, monkeypatch, capfdbinary):
    """Run a command in this process: the same, but for the start."""
    from persidict.core._cli.parser import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments, stdin=b"", check=None):
        capfdbinary.readouterr()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([*map(str, arguments)])
        out, err = capfdbinary.readouterr()
        found = Finished(
            code, out.decode().replace("\r\n", "\n"), err.decode().replace("\r\n", "\n")
        )
        assert "Traceback" not in found.err
        if check is not None:
            assert found.code == check, found
        return found

    return call
