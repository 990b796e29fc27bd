"""The one version of all five distributions; `tools/bump_version.py` changes it everywhere."""

__version__ = "0.400.0"
