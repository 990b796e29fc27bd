"""What other processes do in the tests of `memoize`: they are conducted over stdin and stdout."""

import json
import os
import sys

from persidict.file import FileDirDict
from persidict.wrappers import memoize

TASK = json.loads(sys.argv[1])
STORE = FileDirDict(base_dir=TASK["base_dir"], durable=False)


def meet(what):
    print(what, flush=True)
    return sys.stdin.readline().strip()


@memoize(STORE, once=True, lease=TASK["lease"])
def compute(x):
    """Count the computations in files, one each, and finish when told to."""
    open(os.path.join(TASK["base_dir"], f"computed-{os.getpid()}-{x}"), "x").close()
    if meet("computing") == "fail":
        raise RuntimeError("told to fail")
    return {"x": x, "by": os.getpid()}


if __name__ == "__main__":
    meet("ready")
    try:
        print(json.dumps({"result": compute(TASK["x"])}), flush=True)
    except RuntimeError as error:
        print(json.dumps({"error": str(error)}), flush=True)
