"""Without boto3, the error names what to install."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
try:
    import persidict.s3
except ModuleNotFoundError as error:
    print(error.name, "|", error)
"""


@pytest.mark.parametrize(
    ("blocked", "says"), [("boto3", "pip install persidict-s3"), ("botocore", "No module named")]
)
def test_the_error_names_what_is_absent(blocked, says):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(blocked=blocked)],
        capture_output=True,
        text=True,
        check=True,
    )
    name, _, message = done.stdout.partition(" | ")
    assert name == blocked
    assert says in message
