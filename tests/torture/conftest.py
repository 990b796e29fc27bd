"""The short form of the torture session; `nox -s torture` is the long one."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
# Modules beside the tests, also for child processes.
for directory in (HERE, HERE.parent / "file", HERE.parent / "s3"):
    sys.path.insert(0, str(directory))
