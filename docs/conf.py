"""Configuration of Sphinx; `python dev.py docs` builds the pages."""

import sys
from enum import EnumMeta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from persidict import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "persidict"
author = "the persidict developers"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    # Pictures that are drawn from text.
    "flow",
    "sequence",
    "shared_store",
]
exclude_patterns = ["_build", "_ext", "_static", "examples"]
html_theme = "furo" if find_spec("furo") else "alabaster"
html_title = f"persidict {version}"
html_show_copyright = False
html_show_sourcelink = False
pygments_dark_style = "monokai"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # they are in the signatures of the source; here they crowd out words
autodoc_mock_imports = [
    name
    for name in (
        *("boto3", "botocore", "hypothesis", "pytest"),
        *("cachelib", "django", "joblib", "key_value", "langchain_core", "requests_cache", "zarr"),
    )
    if find_spec(name) is None
]
napoleon_attr_annotations = False
default_role = "py:obj"  # a link, if there is something of that name


def without_signature(_app: Any, _what: str, _name: str, found: object, *_: Any) -> Any:
    """Leave out what every Enum's constructor takes, which says nothing of a flag."""
    return ("", None) if isinstance(found, EnumMeta) else None


def setup(app: Any) -> None:
    """Register the function above with Sphinx."""
    app.connect("autodoc-process-signature", without_signature)
