"""Give all six distributions one new version: `python tools/bump_version.py 0.401.0`.

Without a version, check that they agree, and that the changelog has a heading for it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+|\.dev\d+)?")
# In a pyproject.toml: its own version, and the pins of its siblings. In core: __version__.
PLACES = {
    "packages/*/pyproject.toml": (
        re.compile(r'(?m)^version = "(?P<version>[^"]*)"'),
        re.compile(r'"persidict(?:-\w+)?(?:\[\w+\])? *(?:==)?(?P<version>[^"\s]*)"(?=[,\]])'),
    ),
    "packages/persidict-core/src/persidict/core/_version.py": (
        re.compile(r'(?m)^__version__ = "(?P<version>[^"]*)"'),
    ),
}


def found_versions(root: Path) -> dict[str, set[str]]:
    """Return the versions that each file names; an unpinned sibling counts as version ''."""
    found = {}
    for pattern, expressions in PLACES.items():
        for path in sorted(root.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            matches = [match for rule in expressions for match in rule.finditer(text)]
            found[str(path.relative_to(root))] = {match["version"] for match in matches}
    return found


def has_heading(root: Path, version: str) -> bool:
    """Tell whether the changelog has a heading for `version`."""
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.search(rf"(?m)^## \[{re.escape(version)}\]", changelog) is not None


def bump(root: Path, version: str) -> None:
    """Write `version` everywhere that a version of ours stands."""

    def replaced(match: re.Match[str]) -> str:
        start, end = (offset - match.start() for offset in match.span("version"))
        return match[0][:start] + version + match[0][end:]

    for pattern, expressions in PLACES.items():
        for path in root.glob(pattern):
            text = path.read_text(encoding="utf-8")
            for rule in expressions:
                text = rule.sub(replaced, text)
            path.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> str | None:
    """Bump or check; return what is wrong, if anything is."""
    if arguments:
        (version,) = arguments
        if not VERSION.fullmatch(version):
            return f"{version} is no version like 0.401.0, 0.401.0rc1 or 0.401.0.dev1"
        if not has_heading(ROOT, version):
            return f"CHANGELOG.md has no heading '## [{version}]' yet; write it first"
        bump(ROOT, version)
    found = found_versions(ROOT)
    versions = set().union(*found.values())
    if len(versions) != 1:
        lines = (f"  {path}: {', '.join(sorted(names))}" for path, names in found.items())
        return "the versions differ:\n" + "\n".join(lines)
    (version,) = versions
    if not has_heading(ROOT, version):
        return f"CHANGELOG.md has no heading '## [{version}]'"
    print(f"all {len(found)} files say {version}")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
