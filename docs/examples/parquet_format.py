"""Data frames as Parquet files: `pip install pandas pyarrow`."""

import io

import pandas as pd

from persidict import FileDirDict, register_format


def decode_parquet(data: bytes) -> pd.DataFrame:
    """Return the frame that is in the bytes of a Parquet file."""
    return pd.read_parquet(io.BytesIO(data))


# Without a path, to_parquet returns bytes.
register_format("parquet", pd.DataFrame.to_parquet, decode_parquet)

tables = FileDirDict(
    base_dir="tables",
    digest_len=0,
    serialization_format="parquet",
    base_class_for_values=pd.DataFrame,
)
tables["2026", "prices"] = pd.DataFrame({"item": ["tea", "milk"], "price": [3.5, 1.25]})
print(tables["2026", "prices"]["price"].sum())  # 4.75
print(pd.read_parquet("tables/2026/prices.parquet"))  # any program reads it
