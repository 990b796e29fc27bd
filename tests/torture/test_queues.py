"""Workers of a queue that are killed, in its short form."""

import random
import sys

import pytest

pytest.importorskip("persidict.file")
pytest.importorskip("persidict.wrappers")

from persidict import Queue
from tests.torture.queues import kill_workers

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither fork nor SIGKILL"
)


@pytest.mark.slow
def test_each_result_is_recorded_once_and_none_is_lost(tmp_path):
    outcome = kill_workers(tmp_path, random.Random(5), 300)
    assert outcome.problems == []
    assert outcome.kills > 0


def test_a_queue_that_loses_a_result_is_caught(tmp_path, monkeypatch):
    finish = Queue.finish

    def losing(self, number, attempt, result):
        is_recorded = finish(self, number, attempt, result)
        if number == 7:
            self.pop_result(number)
        return is_recorded

    monkeypatch.setattr(Queue, "finish", losing)
    assert kill_workers(tmp_path, random.Random(5), 20).problems == ["lost: [7]"]


def test_a_queue_that_records_a_result_twice_is_caught(tmp_path, monkeypatch):
    finish = Queue.finish

    def repeating(self, number, attempt, result):
        if number == 7 and attempt == 1:
            self.give_up(number, attempt, "to be done again")
            return True
        return finish(self, number, attempt, result)

    monkeypatch.setattr(Queue, "finish", repeating)
    problems = kill_workers(tmp_path, random.Random(5), 20).problems
    assert problems == ["recorded more than once: ['7']"]
