import copy
import pickle

import pytest

from persidict import core

MEMBERS = {
    "KEEP_CURRENT": (core.KeepCurrentFlag, core.Joker),
    "DELETE_CURRENT": (core.DeleteCurrentFlag, core.Joker),
    "ANY_ETAG": (core.AnyETagFlag, core.ETagConditionFlag),
    "ETAG_IS_THE_SAME": (core.ETagIsTheSameFlag, core.ETagConditionFlag),
    "ETAG_HAS_CHANGED": (core.ETagHasChangedFlag, core.ETagConditionFlag),
    "ALWAYS_RETRIEVE": (core.AlwaysRetrieveFlag, core.RetrieveValueFlag),
    "NEVER_RETRIEVE": (core.NeverRetrieveFlag, core.RetrieveValueFlag),
    "IF_ETAG_CHANGED": (core.IfETagChangedRetrieveFlag, core.RetrieveValueFlag),
    "ITEM_NOT_AVAILABLE": (core.ItemNotAvailableFlag, core.ItemNotAvailableFlag),
    "VALUE_NOT_RETRIEVED": (core.ValueNotRetrievedFlag, core.ValueNotRetrievedFlag),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_singletons(name):
    flag = getattr(core, name)
    own, base = MEMBERS[name]
    assert isinstance(flag, own)
    assert isinstance(flag, base)
    assert own() is own(name) is flag
    assert copy.copy(flag) is copy.deepcopy(flag) is flag
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(flag, protocol)) is flag
    assert repr(flag) == str(flag) == name
    assert {flag: 1}[flag] == 1
    assert flag


def test_all_differ():
    flags = [getattr(core, name) for name in MEMBERS]
    assert len(set(flags)) == len(flags)
    assert all(one is other or one != other for one in flags for other in flags)


@pytest.mark.parametrize("base", [core.Joker, core.ETagConditionFlag, core.RetrieveValueFlag])
def test_bases_have_no_members(base):
    assert list(base) == []
    with pytest.raises((TypeError, ValueError)):
        base("KEEP_CURRENT")
