"""What notebooks show of a dict."""

import re
from contextlib import contextmanager
from html import unescape

import pytest

from persidict.core import BackendError, EmptyDict, LocalDict, NonEmptySafeStrTuple


def rows(d):
    html = d._repr_html_()
    cells = re.findall(r"<tr><th[^>]*>(.*?)</th><td[^>]*>(.*?)</td></tr>", html)
    assert (
        re.sub(r"</?(div|strong|table|tr|th|td)( style=\"text-align: left\")?>", "", html).count(
            "<"
        )
        == 0
    )
    return [(unescape(name), unescape(text)) for name, text in cells]


class Timed(LocalDict):
    """A dict with times of writes that the test sets, and values that must not be read."""

    def _load(self, key, known):
        raise AssertionError("values are not to be read")

    def keys_and_timestamps(self):
        return ((key, float(key[0])) for key, _ in super().keys_and_timestamps())


def test_parameters_and_newest_keys():
    d = Timed(append_only=True)
    for at in range(7):
        d[str(at), "b"] = at
    shown = rows(d)
    assert ("append_only", "True") in shown
    assert ("serialization_format", "'pkl'") in shown
    assert shown[-7:] == [
        ("items", "7"),
        ("newest keys", "6 / b"),
        ("", "5 / b"),
        ("", "4 / b"),
        ("", "3 / b"),
        ("", "2 / b"),
        ("last write", "1970-01-01 00:00:06 UTC"),
    ]
    assert "<strong>Timed</strong>" in d._repr_html_()


def test_an_empty_dict():
    assert rows(EmptyDict())[-1] == ("items", "0")


@pytest.mark.parametrize(("count", "shown"), [(1000, "1,000"), (1001, "more than 1,000")])
def test_counting_stops(count, shown):
    class Endless(LocalDict):
        listed = 0

        def _scan(self, prefix):
            for key, stat in super()._scan(prefix):
                Endless.listed += 1
                yield key, stat

    d = Endless()
    d.update((f"k{i:04}", i) for i in range(count))
    d.update((f"more{i}", i) for i in range(500) if count > 1000)
    assert ("items", shown) in rows(d)
    assert Endless.listed == count
    assert len(rows(d)) < 20


def test_sub_dicts_show_their_own():
    d = LocalDict()
    d["a", "b"] = 1
    d["c"] = 2
    shown = rows(d.get_subdict("a"))
    assert ("items", "1") in shown
    assert ("newest keys", "b") in shown


class Unreachable(LocalDict):
    def _scan(self, prefix):
        raise BackendError("no <route> to host", backend="x", operation="list")
        yield


def test_a_store_that_is_down():
    assert rows(Unreachable())[-1] == ("items", "BackendError: no <route> to host")


def test_parameters_that_can_not_be_shown():
    class Shy:
        def __repr__(self):
            raise RuntimeError("<shy>")

    class Odd(LocalDict):
        prune_interval = property(lambda self: Shy(), lambda self, value: None)

    assert rows(Odd())[0] == ("parameters", "RuntimeError: <shy>")
    assert rows(Odd())[-1] == ("items", "0")


def test_everything_is_escaped_and_shortened():
    evil = "<script>alert(1)</script>&'\""

    class Evil(LocalDict):
        prune_interval = property(lambda self: evil * 50, lambda self, value: None)

    html = Evil()._repr_html_()
    assert "<script" not in html
    assert dict(rows(Evil()))["prune_interval"] == repr(evil * 50)[:300] + "…"


class Printer:
    """As much of IPython's pretty printer as is used."""

    def __init__(self):
        self.out = ""

    @contextmanager
    def group(self, indent, before, after):
        self.out += before
        yield
        self.out += after

    def text(self, text):
        self.out += text

    def breakable(self):
        self.out += " "

    def pretty(self, value):
        self.out += repr(value)


def test_pretty_printing():
    d = EmptyDict(append_only=True)
    printer = Printer()
    d._repr_pretty_(printer, cycle=False)
    assert printer.out == repr(d)
    printer = Printer()
    d._repr_pretty_(printer, cycle=True)
    assert printer.out == "EmptyDict()"


def test_pretty_printing_in_ipython():
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    assert pretty(EmptyDict(), max_width=100) == (
        "EmptyDict(append_only=False, base_class_for_values=None, serialization_format='pkl')"
    )
    assert pretty(EmptyDict(), max_width=40).splitlines() == [
        "EmptyDict(append_only=False,",
        "          base_class_for_values=None,",
        "          serialization_format='pkl')",
    ]


def test_times_beyond_all_years():
    d = Timed()
    d[str(2**38)] = 1
    assert ("last write", f"{2**38} seconds after 1970") in rows(d)


def test_completions_of_keys_read_no_value_and_one_page(monkeypatch):
    d = Timed()
    d["a"] = d["b", "c"] = 1
    assert sorted(map(str, d._ipython_key_completions_())) == ["('b', 'c')", "a"]
    assert d.get_subdict("b")._ipython_key_completions_() == ["c"]
    listed = []

    def many(prefix):
        for number in range(100_000):
            listed.append(number)
            yield NonEmptySafeStrTuple(f"k{number}")

    monkeypatch.setattr(d, "_keys", many)
    assert len(d._ipython_key_completions_()) == 1000
    assert len(listed) <= 1000


def test_completions_of_a_store_that_fails_are_none(monkeypatch):
    d = LocalDict()

    def fail(prefix):
        raise BackendError("no")

    monkeypatch.setattr(d, "_keys", fail)
    assert d._ipython_key_completions_() == []


def test_looking_at_a_large_dict_reads_nothing_but_a_page(monkeypatch):
    d = Timed()
    for number in range(5000):
        d[str(number)] = number
    listed = []
    scan = d._scan

    def counting(prefix):
        for found in scan(prefix):
            listed.append(found)
            yield found

    monkeypatch.setattr(d, "_scan", counting)
    assert "\n" not in f"{d}{d!r}{d!s}"
    assert not listed
    assert "more than 1,000" in d._repr_html_()
    assert len(listed) <= 1001


@pytest.mark.filterwarnings("ignore:.*Completer.complete:PendingDeprecationWarning")
def test_ipython_completes_keys():
    completer = pytest.importorskip("IPython.core.completer")
    d = LocalDict()
    d.update({"alpha": 1, ("run-1", "loss"): 2, ("run-1", "accuracy"): 3})
    complete = completer.IPCompleter(namespace={"d": d}, use_jedi=False).complete

    def completed(text):
        return complete(line_buffer=text, cursor_pos=len(text))[1]

    assert completed('d["al') == ["alpha"]
    assert completed('d["run-1", "') == ["accuracy", "loss"]


def test_inspection_in_ipython_reads_no_value():
    oinspect = pytest.importorskip("IPython.core.oinspect")
    d = Timed()
    d["1"] = 1
    shown = oinspect.Inspector(theme_name="nocolor").info(d, oname="d")
    assert shown["string_form"] == repr(d)
