"""The codecs in a process of its own: without third-party packages, and for `__main__`."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"orjson", "cloudpickle", "lz4", "jsonpickle", "joblib"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from persidict.core._codecs.registry import codec_for
pkl, json = codec_for("pkl", None), codec_for("json", None)
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_plain_values_need_no_package():
    run(
        BLOCKED
        + """
for codec in (pkl, json):
    for value in (1, "é", [1, {"a": None, "b": [True, 0.5]}], 2**70, "x" * 100_000):
        data = b"".join(codec.encode(value, b"nonce"))
        assert codec.decode(data) == value, value
assert pkl.decode(b"".join(pkl.encode((1, {2}, b"3"), b""))) == (1, {2}, b"3")
assert json.encode({"a": 1}, b"")[0].startswith(b'{\\n  "a": 1')
"""
    )


@pytest.mark.parametrize(
    ("expression", "package"),
    [
        ("json.encode((1, 2), b'')", "jsonpickle"),
        ("json.decode(b'{\"py/tuple\": [1]}')", "jsonpickle"),
        ("pkl.encode(lambda: 1, b'')", "cloudpickle"),
        ("pkl.decode(b'\\x80\\x05 NumpyArrayWrapper')", "joblib"),
    ],
)
def test_errors_say_what_to_install(expression, package):
    code = f"""{BLOCKED}
try:
    {expression}
except ImportError as error:
    print(error.name, error)
"""
    said = run(code)
    assert said.startswith(package)
    assert f"pip install {package}" in said


@pytest.mark.skipif(find_spec("cloudpickle") is None, reason="needs cloudpickle")
def test_what_main_defines_is_read_elsewhere(tmp_path):
    path = tmp_path / "value"
    run(
        """
import sys
from persidict.core._codecs.registry import codec_for

class Answer:
    def __init__(self, number):
        self.number = number
    def twice(self):
        return 2 * self.number

def half(number):
    return number / 2

with open(sys.argv[1], "wb") as file:
    file.writelines(codec_for("pkl", None).encode([Answer(21), half, lambda x: -x], b""))
""",
        str(path),
    )
    said = run(
        """
import sys
from persidict.core._codecs.registry import codec_for

with open(sys.argv[1], "rb") as file:
    answer, half, minus = codec_for("pkl", None).decode(file.read())
print(answer.twice(), half(3), minus(4))
""",
        str(path),
    )
    assert said == "42 1.5 -4"


@pytest.mark.skipif(find_spec("lz4") is None, reason="needs lz4")
def test_compressed_values_are_read_without_lz4(tmp_path):
    """Those of this version, of earlier ones, and of the published package."""
    import pickle

    import lz4.frame

    from persidict.core._codecs.registry import codec_for

    value = [bytes(300_000), [f"line {n}" for n in range(5000)], "é" * 70_000, list(range(9000))]
    plain = pickle.dumps(value)
    forms = [
        b"".join(codec_for("pkl", None).encode(value, b"nonce")),
        lz4.frame.compress(plain, content_checksum=True, store_size=True),
        lz4.frame.compress(plain, block_linked=False, block_checksum=True, block_size=7),
        lz4.frame.compress(plain[:1000]) + lz4.frame.compress(plain[1000:]),
    ]
    for number, data in enumerate(forms):
        path = tmp_path / str(number)
        path.write_bytes(data)
        run(
            BLOCKED
            + """
value = [bytes(300_000), [f"line {n}" for n in range(5000)], "é" * 70_000, list(range(9000))]
with open(sys.argv[1], "rb") as file:
    data = file.read()
assert pkl.decode(data) == value
for damaged in (data[:-1], data[:5], data[:3] + b"x" + data[4:], data[: len(data) // 2]):
    try:
        pkl.decode(damaged)
    except Exception:
        continue
    raise SystemExit("read")
""",
            str(path),
        )


def test_a_bomb_is_refused_without_lz4():
    run(
        BLOCKED
        + """
from persidict.core._codecs.pickle_codec import PickleCodec
header = bytes.fromhex("04224d18607000")
block = bytes.fromhex("1f780100" + "ff" * 200_000 + "00")
bomb = header + len(block).to_bytes(4, "little") + block + bytes(4)
try:
    PickleCodec(1 << 20).decode(bomb)
except ValueError as error:
    assert "damaged" in str(error) or "max_inflated_bytes" in str(error), error
else:
    raise SystemExit("read")
"""
    )
