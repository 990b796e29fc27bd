"""What the whole suite shares."""

from __future__ import annotations

import signal
import uuid
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PARTS = ("core", "file", "wrappers", "s3")


def pytest_configure():
    """Let interrupts come up, here and in children: a job in a shell's background has none."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_installed(part):
    spec = find_spec(f"persidict.{part}")
    return spec is not None and spec.origin is not None


def parts_needed(path):
    """The parts that a test file is about, by where it stands and how it is named.

    `tests/file/…` and `tests/conformance/test_file….py` are about `persidict.file`.
    """
    first, *rest = path.relative_to(TESTS).parts
    words = Path(rest[-1]).stem.split("_") if first == "conformance" and rest else [first]
    return [part for part in PARTS if part in words]


def pytest_ignore_collect(collection_path):
    """Leave out the tests of parts that are not installed: each distribution is tested alone."""
    if collection_path.is_relative_to(TESTS) and collection_path != TESTS:
        needed = parts_needed(collection_path)
        return True if not all(map(is_installed, needed)) else None
    return None


@pytest.fixture(scope="session")
def session_moto():
    """An S3 server for the tests of this process."""
    for module in ("persidict.s3", "moto", "flask"):
        pytest.importorskip(module)
    from tests.support import servers

    server = servers.Moto()
    yield server
    server.stop()


@pytest.fixture
def s3_account(session_moto, monkeypatch):
    """What examples rely on: the environment names a server and an account without buckets."""
    import boto3

    from tests.support import servers

    for name in servers.OTHER_ACCOUNTS:
        monkeypatch.delenv(name, raising=False)
    # A new name, because it is remembered which buckets the account has.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", uuid.uuid4().hex)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", session_moto.url)
    s3 = boto3.session.Session().resource("s3")
    foreign = {bucket.name for bucket in s3.buckets.all()}
    yield
    for bucket in s3.buckets.all():
        if bucket.name not in foreign:
            bucket.objects.all().delete()
            bucket.delete()
    s3.meta.client.close()
