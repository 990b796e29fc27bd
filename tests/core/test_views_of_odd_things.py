"""What can be no item of a dict is none of a view's either."""

import pytest

from persidict import LocalDict


@pytest.mark.parametrize("odd", [("no", 1), (1, 1), ("a/b", 1), (None, 1)])
def test_pairs_that_are_no_items(odd):
    d = LocalDict()
    d["a"] = 1
    assert odd not in d.items()
    assert ("a", 1) in d.items()
