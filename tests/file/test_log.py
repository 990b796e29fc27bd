"""What the file store logs."""

import logging
import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(os.name == "nt", reason="processes can't be asked about there")
def test_what_dead_writers_left_behind(base, make, caplog):
    make()["a"] = 1
    script = (
        "import os, sys; from persidict import FileDirDict;"
        "os.link = lambda path, *_, **__: (print(path, flush=True), os._exit(1));"
        "FileDirDict(base_dir=sys.argv[1])['never'] = 1"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(base)], stdout=subprocess.PIPE, text=True, check=False
    )
    path = done.stdout.strip()
    assert os.path.exists(path)
    with caplog.at_level(logging.DEBUG, "persidict"):
        make()["b"] = 2
    assert not os.path.exists(path)
    (record,) = caplog.records
    assert record.name == "persidict.file"
    assert record.getMessage() == f"deleted {path}, which is no longer needed"
