"""A stored value whose class is gone is an ordinary error."""

import pytest

from persidict.core._codecs.registry import codec_for


def test_json_of_a_class_that_is_gone():
    pytest.importorskip("jsonpickle")
    with pytest.raises(LookupError, match=r"no\.such\.Class"):
        codec_for("json", None).decode(b'{"py/object": "no.such.Class"}')
