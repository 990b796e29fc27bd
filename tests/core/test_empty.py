from persidict.core import EmptyDict


def test_has_no_items_to_show():
    d = EmptyDict(serialization_format="json")
    d["a"] = 1
    assert (str(d), repr(d)) == (
        "{}",
        "EmptyDict(append_only=False, base_class_for_values=None, serialization_format='json')",
    )
    assert list(d.items_and_timestamps()) == list(d.get_many(["a"])) == []
    assert d.random_key() is None
    assert d.get_subdict("a") == {}
