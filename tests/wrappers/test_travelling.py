"""Memoized functions go to other processes, also those that a script defines."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from persidict.core import LocalDict
from persidict.wrappers import memoize

pytest.importorskip("persidict.file")
SCRIPT = Path(__file__).with_name("travel_script.py")
WAYS = {"by_pickle": None, "by_joblib": "joblib", "by_cloudpickle": "cloudpickle"}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_workers_share_the_results_of_a_script(way, tmp_path):
    if WAYS[way] is not None:
        pytest.importorskip(WAYS[way])
    assert run(tmp_path, way) == {"results": [[1, 4], [3]], "keys differ": []}


@pytest.mark.slow
def test_workers_tell_classes_of_one_name_apart(tmp_path):
    pytest.importorskip("joblib")
    names = ["", "Legacy", "refused"]
    expected = {"here": names, "there": names, "computed again": 0}
    assert run(tmp_path, "classes_of_one_name") == expected


def run(directory, way):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(directory), way],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_store_in_memory_stays():
    cloudpickle = pytest.importorskip("cloudpickle")
    f = memoize(LocalDict(), name="f")(lambda x: x)
    with pytest.raises(TypeError, match="memory"):
        cloudpickle.dumps(f)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(f)
