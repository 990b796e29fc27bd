"""The API reference has every public name, once."""

import re
from pathlib import Path

from persidict.core import _facade

PAGES = sorted((Path(__file__).parents[2] / "docs" / "api").glob("*.rst"))
ENTRY = re.compile(r"^\.\. (?:autoclass|autoexception|autofunction|data):: (\w+)$", re.MULTILINE)


def test_every_public_name_is_there_once():
    entries = [name for page in PAGES for name in ENTRY.findall(page.read_text(encoding="utf-8"))]
    assert sorted(entries) == sorted(_facade.PART_BY_NAME.keys() - {"__version__"})
