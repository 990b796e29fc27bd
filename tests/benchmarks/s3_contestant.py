"""One contestant of the comparison on S3: does what stdin names, answers with seconds.

Runs under the Python of what it measures, so it imports nothing of ours but what it measures.
Each operation is a method; what has to be there before it is done by `before_<operation>`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ITEMS = 100
PREFIXES = 10
WORKERS = 32
KEYS = [f"k{number:03}" for number in range(ITEMS)]


class Bare:
    """The requests that the work needs, by boto3, as one would write them for one case."""

    def __init__(self, url: str, bucket: str) -> None:
        config = Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
            max_pool_connections=WORKERS,
        )
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=config)
        client.create_bucket(Bucket=bucket)
        self.client, self.bucket = client, bucket
        self.numbers = count()
        for number in range(ITEMS):
            self._put(f"p{number % PREFIXES}/nested{number}")

    def before_get(self) -> None:
        self.etag_seen = self._put("one")["ETag"]

    before_get_unchanged = before_contains = before_etag = before_set = before_get
    before_setdefault_hit = before_set_if_same = before_set_if_conflict = before_get
    before_transform = before_get

    def get(self) -> None:
        self._get("one")

    get_unchanged = get

    def get_missing(self) -> None:
        self._or_error(self._get, "missing")

    def contains(self) -> None:
        self.client.head_object(Bucket=self.bucket, Key="one.pkl")

    etag = contains

    def set(self) -> None:
        self._put("one")

    def setdefault_hit(self) -> None:
        self._or_error(self._put, "one", IfNoneMatch="*")
        self._get("one")

    def setdefault_miss(self) -> None:
        self._put(f"new{next(self.numbers)}", IfNoneMatch="*")

    def set_if_same(self) -> None:
        self._put("one", IfMatch=self.etag_seen)

    def set_if_conflict(self) -> None:
        self._or_error(self._put, "one", IfMatch='"another"')
        self._get("one")

    def transform(self) -> None:
        self._put("one", IfMatch=self._get("one"))

    def before_discard_hit(self) -> None:
        self._put("gone")

    def discard_hit(self) -> None:
        self.client.head_object(Bucket=self.bucket, Key="gone.pkl")
        self.client.delete_object(Bucket=self.bucket, Key="gone.pkl")

    def discard_miss(self) -> None:
        self._or_error(self.client.head_object, Bucket=self.bucket, Key="missing.pkl")

    def get_subdict(self) -> None:
        pass

    def bool(self) -> None:
        self._page(MaxKeys=1)

    def len(self) -> None:
        self._page()

    def subdicts(self) -> None:
        self._page(Delimiter="/")

    def before_items(self) -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda key: self._put(f"bulk/{key}"), KEYS))

    before_clear = before_items

    def items(self) -> None:
        names = [entry["Key"] for entry in self._page(Prefix="bulk/")]
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda name: self._get(name.removesuffix(".pkl")), names))

    def update(self) -> None:
        self.before_items()

    def clear(self) -> None:
        objects = [{"Key": entry["Key"]} for entry in self._page(Prefix="bulk/")]
        self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects})

    def _put(self, key: str, **condition: str) -> Any:
        body = b"\x80\x05K\x01." + os.urandom(16)
        return self.client.put_object(Bucket=self.bucket, Key=f"{key}.pkl", Body=body, **condition)

    def _get(self, key: str) -> str:
        answer = self.client.get_object(Bucket=self.bucket, Key=f"{key}.pkl")
        answer["Body"].read()
        etag: str = answer["ETag"]
        return etag

    def _page(self, **params: Any) -> list[Any]:
        answer = self.client.list_objects_v2(Bucket=self.bucket, **params)
        found: list[Any] = answer.get("Contents", [])
        return found

    def _or_error(self, request: Any, *args: Any, **params: Any) -> None:
        try:
            request(*args, **params)
        except ClientError:
            return
        raise RuntimeError("this should have been refused")


class Dict:
    """The same by a dict, ours or the published one."""

    def __init__(self, d: Any) -> None:
        import persidict

        self.persidict, self.dict = persidict, d
        self.numbers = count()
        for number in range(ITEMS):
            d[f"p{number % PREFIXES}", f"nested{number}"] = number
        self.bulk = d.get_subdict("bulk")

    def before_get(self) -> None:
        self.dict["one"] = 1
        self.etag_seen = self.dict.etag("one")

    before_get_unchanged = before_contains = before_etag = before_set = before_get
    before_setdefault_hit = before_set_if_same = before_set_if_conflict = before_get
    before_transform = before_get

    def get(self) -> None:
        self.dict["one"]

    get_unchanged = get

    def get_missing(self) -> None:
        self.dict.get("missing")

    def contains(self) -> None:
        "one" in self.dict  # noqa: B015  # the look itself is measured

    def etag(self) -> None:
        self.dict.etag("one")

    def set(self) -> None:
        self.dict["one"] = 2

    def setdefault_hit(self) -> None:
        self.dict.setdefault("one", 3)

    def setdefault_miss(self) -> None:
        self.dict.setdefault(f"new{next(self.numbers)}", 3)

    def set_if_same(self) -> None:
        self._set_if(self.etag_seen)

    def set_if_conflict(self) -> None:
        self._set_if('"another"')

    def transform(self) -> None:
        self.dict.transform_item("one", transformer=lambda value: value + 1)

    def before_discard_hit(self) -> None:
        self.dict["gone"] = 1

    def discard_hit(self) -> None:
        self.dict.discard("gone")

    def discard_miss(self) -> None:
        self.dict.discard("missing")

    def get_subdict(self) -> None:
        self.dict.get_subdict("p1")

    def bool(self) -> None:
        bool(self.dict)

    def len(self) -> None:
        len(self.dict)

    def subdicts(self) -> None:
        self.dict.subdicts()

    def before_items(self) -> None:
        self.bulk.update(dict.fromkeys(KEYS, 1))

    before_clear = before_items

    def items(self) -> None:
        for _ in self.bulk.items():  # a list would ask for its length first
            pass

    def update(self) -> None:
        self.bulk.update(dict.fromkeys(KEYS, 1))

    def clear(self) -> None:
        self.bulk.clear()

    def _set_if(self, etag: str) -> None:
        self.dict.set_item_if(
            "one",
            value=4,
            condition=self.persidict.ETAG_IS_THE_SAME,
            expected_etag=self.persidict.ETagValue(etag),
        )


def contestant(name: str, url: str) -> Any:
    """Open what a contestant works on, in a bucket of its own."""
    bucket = name.lower().replace(" ", "-")
    if name == "boto3":
        return Bare(url, bucket)
    import persidict

    # The published package knows no endpoints of its own.
    os.environ["AWS_ENDPOINT_URL"] = url
    place: dict[str, Any] = {"bucket_name": bucket, "region": "us-east-1"}
    if name.endswith("S3Dict") and not name.endswith("BasicS3Dict"):
        return Dict(persidict.S3Dict(base_dir=tempfile.mkdtemp(), **place))
    return Dict(persidict.BasicS3Dict(**place))


def main() -> None:
    """Do what stdin names until it ends."""
    name, url = sys.argv[1:]
    store = contestant(name, url)
    print(json.dumps(None), flush=True)
    for line in sys.stdin:
        operation = getattr(store, json.loads(line), None)
        start = time.perf_counter()
        if operation is not None:
            operation()
        print(json.dumps(time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
