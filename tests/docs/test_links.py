"""Links lead somewhere: between pages, to headings, and from what PyPI shows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Rendered on the project's page on PyPI, where relative links lead nowhere.
ON_PYPI = sorted((ROOT / "packages").glob("*/README.md"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *(ROOT / ".github").rglob("*.md")])
# Blocks of code; not the directives that hold text, such as warnings.
FENCE = re.compile(r"^(`{3,})(?!\{(?:warning|note|tip)\}).*?^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
ENTRY = re.compile(r"^([\w-]+)$", re.MULTILINE)
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page):
    return page.read_text(encoding="utf-8")


def prose_of(page):
    """Return a page without its blocks of code."""
    return FENCE.sub("", text_of(page))


def anchors_of(page):
    """Return the names of a page's headings, made as GitHub and MyST make them."""
    headings = HEADING.findall(prose_of(page))
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def name(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_headings(page):
    for link in LINK.findall(prose_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(target), link


@pytest.mark.parametrize("page", ON_PYPI, ids=name)
def test_links_on_pypi_are_absolute(page):
    assert [link for link in LINK.findall(prose_of(page)) if not link.startswith("https://")] == []


def test_every_page_can_be_found():
    entries = [
        entry
        for tree in TOCTREE.findall(text_of(DOCS / "index.md"))
        for entry in ENTRY.findall(tree)
    ]
    pages = {page.stem for page in [*DOCS.glob("*.md"), *DOCS.glob("*.rst")]} - {"index"}
    assert sorted(entries) == sorted(pages)
