"""A power loss after any call loses nothing that was acknowledged, and halves nothing."""

import random
import sys

import pytest

pytest.importorskip("persidict.file")

from tests.torture.power_cuts import (
    SKIPPED,
    cut_power,
    flush_no_deletions,
    flush_only_once,
    skip_fsync,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it patches what Linux does")


@pytest.mark.parametrize("seed", range(2))
def test_acknowledged_items_survive(seed, tmp_path, monkeypatch):
    outcome = cut_power(tmp_path, monkeypatch, random.Random(seed), kills=False)
    assert outcome.problems == []
    assert outcome.states > 30


@pytest.mark.parametrize("seed", range(3))
def test_also_beside_writers_that_die_or_do_not_sync(seed, tmp_path, monkeypatch):
    outcome = cut_power(tmp_path, monkeypatch, random.Random(seed), steps=14)
    assert outcome.problems == []


@pytest.mark.parametrize("what", SKIPPED)
def test_a_store_that_skips_fsync_is_caught(what, tmp_path, monkeypatch):
    skip_fsync(monkeypatch, what)
    outcome = cut_power(tmp_path, monkeypatch, random.Random(0), kills=False)
    assert len(outcome.problems) == 1


BROKEN = {
    "before": lambda patch: flush_only_once(patch, "before"),
    "after": lambda patch: flush_only_once(patch, "after"),
    "deletions": flush_no_deletions,
}


@pytest.mark.parametrize("left_out", BROKEN)
def test_a_batch_that_leaves_out_a_flush_is_caught(left_out, tmp_path):
    found = []
    for seed in range(3):
        (tmp_path / str(seed)).mkdir()
        with pytest.MonkeyPatch.context() as patch:
            BROKEN[left_out](patch)
            dice = random.Random(seed)
            found += cut_power(tmp_path / str(seed), patch, dice, kills=False).problems
    assert found
