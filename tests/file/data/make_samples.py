"""Write the samples in this directory, with the published package (0.309).

In an environment of its own: pip install persidict==0.309.0 && python make_samples.py
"""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
TEXTS = {"params": "one\ntwo\n", ("nested", "empty"): "", "unicode": "\u00e9\U0001f600"}


def objects():
    """Return values that need nothing but Python."""
    return {
        "text": "h\u00e9llo \u2014 \U0001f600",
        "number": 2**70,
        "nothing": None,
        "tuple": (1, {2, 3}),
        "nan": float("nan"),
        ("nested", "deeper", "bytes"): b"\x00\xff",
        ("nested", "other"): {"a": [1, 2.5, True]},
        ("nested", "text"): "x",
        ("Case", "A"): 1,
        ("case", "a"): 2,
        "keys": {1: 2, (1, 2): 3},
        "~odd=(name).-_": [],
    }


def arrays():
    """Return values with arrays inside."""
    import numpy as np
    import pandas as pd

    return {
        ("numpy", "array"): np.arange(6).reshape(2, 3),
        ("numpy", "mixed"): {"a": [1, np.float64(2.5), np.ones(3)]},
        ("pandas", "frame"): pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    }


def main():
    """Write all samples anew."""
    from persidict import FileDirDict

    def store(name, values, **params):
        shutil.rmtree(HERE / name, ignore_errors=True)
        FileDirDict(base_dir=str(HERE / name), **params).update(values)

    store("pkl", {**objects(), **arrays(), "long": "long " * 5000})
    store("json", {**objects(), **arrays()}, serialization_format="json")
    # Without digests, keys that differ only in case need a file system that has case.
    undigested = {key: value for key, value in objects().items() if key != ("Case", "A")}
    store("undigested", undigested, digest_len=0)
    store("text", TEXTS, serialization_format="txt", base_class_for_values=str)


if __name__ == "__main__":
    main()
