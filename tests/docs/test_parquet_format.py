"""The example of a format for data frames runs where its packages are."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("persidict.file")
pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "parquet_format.py"


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(EXAMPLE))
    assert capsys.readouterr().out.startswith("4.75\n")
    frame = names["tables"]["2026", "prices"]
    assert list(frame["item"]) == ["tea", "milk"]
    assert (tmp_path / "tables" / "2026" / "prices.parquet").read_bytes().startswith(b"PAR1")
