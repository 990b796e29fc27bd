#!/usr/bin/env python
"""Run the project's tasks on a machine that has only Python: `python dev.py tests`.

Makes a private environment with nox and uv beside this file, once, and passes the session names on.
What follows `--` goes to the session: `python dev.py tests -- -k keys`. `--list` shows them all.
"""

import importlib.util
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv-nox"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
READY = HOME / "ready"


def install_nox():
    """Make the environment; with the pip at hand, since `ensurepip` may be packaged apart."""
    print(f"dev.py: installing nox into {HOME.name}", flush=True)
    has_pip = importlib.util.find_spec("pip") is not None
    venv.create(HOME, clear=True, with_pip=not has_pip)
    pip = (
        [sys.executable, "-m", "pip", "--python", str(PYTHON)] if has_pip else [PYTHON, "-m", "pip"]
    )
    subprocess.run([*pip, "install", "--quiet", "nox[uv]>=2025.5"], check=True)
    READY.touch()


def main(arguments):
    """Run nox with `arguments`, session names first, and say how it ended."""
    start = time.monotonic()
    try:
        if not READY.exists():
            install_nox()
        named = bool(arguments) and not arguments[0].startswith("-")
        command = [PYTHON, "-m", "nox", *(["-s"] if named else []), *arguments]
        # As pip does, uv then trusts whom this machine trusts: a company's proxy, for one.
        environment = {"UV_SYSTEM_CERTS": "true", **os.environ}
        code = subprocess.run(command, cwd=ROOT, check=False, env=environment).returncode
    except subprocess.CalledProcessError as error:
        code = error.returncode
    outcome = "no failure" if code == 0 else f"FAILED (exit code {code}), see above"
    print(
        f"dev.py {' '.join(arguments)}: {outcome} after {time.monotonic() - start:.0f} s",
        flush=True,
    )
    return code


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # this file alone is read by whatever Python is at hand
        sys.exit("dev.py: persidict needs Python 3.11 or newer")
    sys.exit(main(sys.argv[1:]))
