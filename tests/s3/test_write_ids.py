"""Whether a write whose answer got lost was carried out, told from what others built on it."""

import pytest

from persidict.s3.write_ids import WriteIds, is_made_from

OURS, BASE, OTHER = '"ours"', '"base"', '"other"'


@pytest.fixture
def memory():
    return WriteIds()


def build_on(memory, ids, etag, times=1):
    """The ids of the last of so many conditional writes over a version."""
    for number in range(times):
        memory.note("n", etag, ids)
        ids = memory.begin("n", etag).ids
        etag = f'"{number}"'
    return ids


def new_ids():
    return WriteIds().begin("n", None).ids


@pytest.fixture(params=["known", "unknown"])
def sent(request, memory):
    """The ids of our write over the base, whether we know who wrote the base or not."""
    if request.param == "known":
        memory.note("n", BASE, new_ids())
    return memory.begin("n", BASE).ids


def is_ours(found, sent, expected, *, unique=True):
    return is_made_from(found, sent, OURS, expected, unique=unique)


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("later", [0, 1, 230])
def test_own_write_is_recognised_after_others(memory, sent, later, unique):
    assert is_ours(build_on(memory, sent, OURS, later), sent, BASE, unique=unique) is True


def test_own_write_is_recognised_by_those_who_read_it_from_a_cache(memory, sent):
    found = build_on(memory, WriteIds().begin("n", OURS).ids, OTHER, 5)
    assert is_ours(found, sent, BASE) is True
    assert is_ours(found, sent, BASE, unique=False) is None, "an older version may have that ETag"


@pytest.mark.parametrize("later", [0, 1, 200])
def test_somebody_else_was_first(memory, sent, later):
    found = build_on(memory, memory.begin("n", BASE).ids, OTHER, later)
    assert is_ours(found, sent, BASE) is False


def test_marks_of_etags_that_come_back_prove_nothing(memory):
    sent = WriteIds().begin("n", BASE).ids
    found = WriteIds().begin("n", BASE).ids
    assert is_ours(found, sent, BASE) is False
    assert is_ours(found, sent, BASE, unique=False) is None


def test_an_insertion_can_be_covered_by_another_after_a_deletion(memory):
    sent, other = new_ids(), new_ids()
    assert is_ours(build_on(memory, sent, OURS, 3), sent, None) is True
    assert is_ours(build_on(memory, other, OTHER, 3), sent, None) is None


def test_a_new_item_after_a_deletion_says_nothing_of_the_version_before(sent):
    assert is_ours(new_ids(), sent, BASE) is None


def test_too_many_others(memory, sent):
    found = build_on(memory, sent, OURS, 300)
    assert len(found) < 2000, "S3 takes 2 KB of metadata"
    assert is_ours(found, sent, BASE) is None


def test_others_who_do_not_say_what_was_before(sent):
    found = WriteIds().begin("n", OTHER).ids
    assert is_ours(found, sent, BASE) is None


def test_a_version_that_is_no_longer_the_last_one_seen_lends_no_ids(memory):
    memory.note("n", BASE, new_ids())
    memory.note("n", OTHER, "")
    write = memory.begin("n", BASE)
    assert write.seen == OTHER
    assert "~" in write.ids


def test_many_objects_push_out_the_oldest_only(memory):
    latest = new_ids()
    memory.note("n", BASE, new_ids())
    for number in range(100):
        memory.note(f"other{number}", OTHER, "")
    memory.note("n", BASE, latest)
    for number in range(500):
        memory.note(f"another{number}", OTHER, "")
    assert memory.begin("n", BASE).ids.endswith(latest)
    for number in range(2000):
        memory.note(f"more{number}", OTHER, "")
    assert memory.begin("n", BASE).seen is None
