"""Give the place alone."""

import os
from pathlib import Path

from persidict import FileDirDict

first = FileDirDict("data")
second = FileDirDict(os.path.join("data", "part"))
third = FileDirDict(str(Path("data") / "part"))
first["a"] = second.get("b")
third["text"] = "any"
