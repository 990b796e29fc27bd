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
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), way],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"results": [[1, 4], [3]], "keys differ": []}


def test_a_store_in_memory_stays():
    cloudpickle = pytest.importorskip("cloudpickle")
    f = memoize(LocalDict(), name="f")(lambda x: x)
    with pytest.raises(TypeError, match="memory"):
        cloudpickle.dumps(f)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(f)
