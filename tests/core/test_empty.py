import pytest

from persidict.core import ANY_ETAG, DELETE_CURRENT, ITEM_NOT_AVAILABLE, KEEP_CURRENT, EmptyDict


def test_has_no_items_to_show():
    d = EmptyDict(serialization_format="json")
    d["a"] = 1
    assert str(d) == repr(d)
    assert repr(d) == (
        "EmptyDict(append_only=False, base_class_for_values=None, serialization_format='json')"
    )
    assert list(d.items_and_timestamps()) == list(d.get_many(["a"])) == []
    assert d.random_key() is None
    assert d.get_subdict("a") == {}


def test_writes_vanish():
    d = EmptyDict()
    d["a"] = 1
    d["a"] = KEEP_CURRENT
    d["a"] = DELETE_CURRENT
    d.update(b=2)
    d.set_many([("c", 3)])
    assert d.setdefault("a", 5) == 5
    assert d == {}
    assert d.discard("a") is False
    assert d.pop("a", 7) == 7
    d.clear()
    for read in (d.__getitem__, d.__delitem__, d.pop, d.etag, d.timestamp):
        with pytest.raises(KeyError):
            read("a")
    with pytest.raises(KeyError):
        d.popitem()


def test_transformer_is_not_called():
    d = EmptyDict()
    result = d.transform_item("a", transformer=lambda _: 1 / 0)
    assert result == (ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
    with pytest.raises(ValueError):
        d.transform_item("a", transformer=lambda _: 1, n_retries=-1)


def test_lookups_say_no_and_writes_check_their_arguments():
    d = EmptyDict(base_class_for_values=str)
    assert "a/b" not in d
    assert None not in d
    assert d.get("a/b", 3) == 3
    with pytest.raises(ValueError):
        d["a/b"] = "x"
    with pytest.raises(TypeError):
        d["a"] = 5
    with pytest.raises(TypeError):
        d.set_item_if("a", value=5, condition=ANY_ETAG, expected_etag="1")
    with pytest.raises(ValueError):
        d.set_item_if("a", value="x", condition=None, expected_etag="1")
    with pytest.raises(TypeError, match="retrieve_value must be"):
        d.get_item_if("a", condition=ANY_ETAG, expected_etag="1", retrieve_value=1)


def test_params():
    d = EmptyDict(append_only=True, base_class_for_values=str)
    assert EmptyDict(**d.get_params()) == d
    assert list(d.get_params()) == ["append_only", "base_class_for_values", "serialization_format"]
