"""Whether a write whose answer got lost was carried out, told from what others built on it."""

import pytest

from persidict.s3.write_ids import Lineage, is_made_from, new_writer

OURS, BASE, OTHER = '"ours"', '"base"', '"other"'


@pytest.fixture
def lineage():
    return Lineage()


def build_on(lineage, writers, etag, times=1):
    """What the last of so many conditional writes over a version carries."""
    for number in range(times):
        lineage.note("n", etag, writers)
        writers = lineage.extended(new_writer(), "n", etag)
        etag = f'"{number}"'
    return writers


@pytest.fixture(params=["known", "unknown"])
def sent(request, lineage):
    """What our write over the base carries, whether we know who wrote the base or not."""
    if request.param == "known":
        lineage.note("n", BASE, new_writer())
    return lineage.extended(new_writer(), "n", BASE)


@pytest.mark.parametrize("later", [0, 1, 230])
def test_own_write_is_recognised_after_others(lineage, sent, later):
    found = build_on(lineage, sent, OURS, later)
    assert is_made_from(found, sent, OURS, BASE) is True


def test_own_write_is_recognised_by_those_who_read_it_from_a_cache(lineage, sent):
    found = build_on(lineage, Lineage().extended(new_writer(), "n", OURS), OTHER, 5)
    assert is_made_from(found, sent, OURS, BASE) is True


@pytest.mark.parametrize("later", [0, 1, 200])
def test_somebody_else_was_first(lineage, sent, later):
    found = build_on(lineage, lineage.extended(new_writer(), "n", BASE), OTHER, later)
    assert is_made_from(found, sent, OURS, BASE) is False


def test_somebody_elses_insertion(lineage):
    sent, other = (lineage.extended(new_writer(), "n", None) for _ in range(2))
    assert is_made_from(build_on(lineage, other, OTHER, 3), sent, OURS, None) is False
    assert is_made_from(build_on(lineage, other, OTHER, 300), sent, OURS, None) is False
    assert is_made_from(build_on(lineage, sent, OURS, 3), sent, OURS, None) is True


def test_too_many_others(lineage, sent):
    found = build_on(lineage, sent, OURS, 300)
    assert len(found) < 2000, "S3 takes 2 KB of metadata"
    assert is_made_from(found, sent, OURS, BASE) is None


def test_others_who_do_not_say_what_was_before(sent):
    found = Lineage().extended(new_writer(), "n", OTHER)
    assert is_made_from(found, sent, OURS, BASE) is None
