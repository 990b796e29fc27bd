"""The conformance kit: the tests that every store must pass. It needs pytest and hypothesis.

The test file of a store overrides one fixture::

    class TestMyDict(PersiDictConformance):
        @pytest.fixture
        def make_dict(self, tmp_path):
            return functools.partial(MyDict, path=tmp_path)

`stateful_machine` compares random sequences of all operations with a plain dict.
`persidict.core.testing.model` predicts the outcome of every conditional operation.
"""

from persidict.core.testing.append_only import AppendOnlyConformance
from persidict.core.testing.base import MakeDict
from persidict.core.testing.changing import ChangingConformance
from persidict.core.testing.conditional import ConditionalConformance
from persidict.core.testing.machine import stateful_machine
from persidict.core.testing.reading import ReadingConformance

__all__ = [
    "AppendOnlyConformance",
    "ChangingConformance",
    "ConditionalConformance",
    "MakeDict",
    "PersiDictConformance",
    "ReadingConformance",
    "stateful_machine",
]


class PersiDictConformance(
    ReadingConformance, ChangingConformance, ConditionalConformance, AppendOnlyConformance
):
    """All parts, for a dict that takes ``append_only`` and allows changes without it."""
