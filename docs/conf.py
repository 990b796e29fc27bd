"""Configuration of Sphinx; `python dev.py docs` builds the pages."""

from importlib.util import find_spec

from persidict import __version__

project = "persidict"
author = "the persidict developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo" if find_spec("furo") else "alabaster"
html_title = f"persidict {version}"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # they are in the signatures of the source; here they crowd out words
autodoc_mock_imports = [
    name for name in ("boto3", "botocore", "hypothesis", "pytest") if find_spec(name) is None
]
default_role = "code"
