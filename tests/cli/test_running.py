"""How the program behaves among other programs: pipes, terminals, Ctrl-C, a server."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid

import pytest

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict import BackendError, FileDirDict  # noqa: E402  # if it is there

windows = os.name == "nt"


@pytest.fixture(name="store")
def store_fixture(tmp_path):
    d = FileDirDict(base_dir=tmp_path / "data", durable=False)
    d.update({("k", f"{number}"): number for number in range(50)})
    return d


@pytest.fixture(name="start")
def start_fixture(tmp_path, environment):
    """Start a command that goes on for a while."""
    with contextlib.ExitStack() as stack:

        def start(*arguments, **others):
            process = subprocess.Popen(
                [sys.executable, "-u", "-m", "persidict", *arguments],
                cwd=tmp_path,
                env=environment,
                **others,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


@pytest.mark.slow
@pytest.mark.skipif(windows, reason="it has no signal for that")
def test_nobody_reads_the_output(store, start):
    store.update({f"{number:0200}": 0 for number in range(2000)})  # more than a pipe holds
    process = start("ls", "data", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def test_values_go_through_pipes(run, store):
    text = "größer\n"
    run("put", "data", "a/b", "--text", stdin=text.encode(), check=0)
    assert store["a", "b"] == text
    assert run("get", "--raw", "data", "a/b", check=0).out == text


@pytest.mark.skipif(windows, reason="a pseudo-terminal")
@pytest.mark.parametrize("quiet", [False, True])
def test_progress_on_a_terminal(store, start, quiet):
    import pty
    import termios

    pytest.importorskip("tqdm")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    options = ["-q"] if quiet else []
    process = start("verify", "data", *options, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # that is how Linux tells the end of a terminal
        while chunk := os.read(ours, 10000):
            shown += chunk
    os.close(ours)
    assert process.stdout.read() == b"50 items, 0 damaged\n"
    process.stdout.close()
    assert process.wait(60) == 0
    assert (b"/50" in shown) is not quiet


def test_no_progress_elsewhere(store, run):
    found = run("cp", "data", "copy", check=0)
    assert (found.out, found.err) == ("50 copied\n", "")


class Watching:
    """A `watch` in the background, read line by line."""

    def __init__(self, start, *options):
        self.process = start(
            "watch", "data", "--interval", "0.01", *options,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.first = self.process.stderr.readline()

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        rest = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, rest


@pytest.mark.skipif(windows, reason="Ctrl-C goes to the whole console")
def test_watch(store, start):
    watching = Watching(start)
    assert watching.first == "persidict: watching 50 items; press Ctrl-C to stop\n"
    store["new", "one"] = 1
    assert watching.line() == "+ new/one"
    store["k", "7"] = 7
    assert watching.line() == "~ k/7"
    del store["new", "one"]
    assert watching.line() == "- new/one"
    assert watching.end() == (130, "persidict: interrupted\n")


def test_what_a_listing_misses_is_not_deleted(store, call, monkeypatch):
    from persidict.core._cli import watching

    looks = []

    def etags(d, selection, original=watching.etags):
        looks.append(original(d, selection))
        if len(looks) == 2:
            del looks[-1]["k/7"]
        if len(looks) == 3:
            store["k", "7"] = 8
            looks[-1] = original(d, selection)
        if len(looks) == 4:
            raise BackendError("no answer", backend="x", operation="list")
        if len(looks) == 5:
            raise KeyboardInterrupt
        return looks[-1]

    monkeypatch.setattr(watching, "etags", etags)
    found = call("watch", "data", "--interval", "0", check=130)
    assert found.out == "~ k/7\n"
    assert "persidict: no answer; trying again\n" in found.err


@pytest.mark.skipif(windows, reason="Ctrl-C goes to the whole console")
def test_watch_for_programs(store, start):
    watching = Watching(start, "--json", "k")
    store["elsewhere"] = 1
    store["k", "7"] = 7
    found = json.loads(watching.line())
    assert found == {"event": "changed", "key": "k/7", "etag": store.etag(("k", "7"))}
    del store["k", "7"]
    assert json.loads(watching.line()) == {"event": "deleted", "key": "k/7", "etag": None}
    assert watching.end() == (130, "persidict: interrupted\n")


def test_start_is_quick():
    """What is not needed is not loaded: counted, not timed."""
    script = (
        "import sys\nfrom persidict.core._cli.parser import main\n"
        "main(['--version'])\nprint(*sys.modules)"
    )
    # Not what coverage.py loads into the processes that it follows.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"boto3", "tqdm", "orjson", "persidict.file", "pickle", "asyncio"})


@pytest.fixture(name="bucket", scope="module")
def bucket_fixture():
    """The URL of a place on moto's server, with its parameters."""
    pytest.importorskip("moto")
    pytest.importorskip("boto3")
    pytest.importorskip("persidict.s3")
    from tests.support import servers

    before = dict(os.environ)
    servers.set_credentials()
    server = servers.Moto()
    yield f"s3://cli/{uuid.uuid4().hex[:8]}", f"endpoint_url={server.url}"
    server.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.slow
def test_a_server(bucket, run, call, store):
    place, endpoint = bucket
    url = f"{place}?{endpoint}&format=json"
    assert run("put", url, "a/b", '{"x": 1}', check=0).out == ""
    assert call("get", url, "a/b", check=0).json == {"x": 1}
    assert call("ls", url, check=0).out == "a/b\n"
    assert call("stat", "--json", url, check=0).json["bytes"] > 8
    assert run("cp", "data", url, check=0).out == "50 copied\n"
    assert call("verify", f"{url}&base_dir=cache", check=0).out == "51 items, 0 damaged\n"
    assert call("sync", url, "data", check=0).out == "1 copied, 50 unchanged\n"
    assert call("sync", "data", url, check=0).out == "51 unchanged\n"
    assert call("rm", "-r", url, "k", check=0).out == ""
    assert call("ls", url, check=0).out == "a/b\n"
    assert call("ls", place, "--endpoint-url", endpoint.partition("=")[2], check=0).out == "a/b\n"
    assert "add ?format=json" in call("ls", f"{place}?{endpoint}", "--format", "txt", check=1).err
    assert call("ls", f"{place}?{endpoint}", "--cache-dir", "cache", check=0).out == "a/b\n"
    assert call("get", url, "no", check=1).err == "persidict: there is no item no\n"
    nowhere = f"s3://no-such-bucket/x?{endpoint}"
    for command in (["ls", nowhere], ["cp", "-n", "data", nowhere], ["watch", nowhere]):
        said = call(*command, check=3).err  # looking for a bucket does not make it
        assert "check its name" in said
        assert "persidict put" in said
        assert said.count("\n") == 1
    run("put", nowhere, "a", "1", check=0)  # as it says
    assert run("ls", nowhere, check=0).out == "a\n"


def test_a_server_that_is_not_there(run):
    pytest.importorskip("boto3")
    found = run("ls", "s3://bucket/x?endpoint_url=http://127.0.0.1:9", check=3)
    assert found.err.count("\n") == 1
    assert "127.0.0.1:9" in found.err


@pytest.mark.slow
def test_a_public_bucket_without_credentials(bucket, run, environment):
    place, endpoint = bucket
    url = f"{place}/public?{endpoint}&format=json"
    run("put", url, "a", "1", check=0)
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint.partition("=")[2])
    key = f"{place.rpartition('/')[2]}/public/a.json"
    client.put_object_acl(Bucket="cli", Key=key, ACL="public-read")
    client.close()
    for name in [name for name in environment if name.startswith("AWS_")]:
        del environment[name]
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    environment["AWS_SHARED_CREDENTIALS_FILE"] = environment["AWS_CONFIG_FILE"] = os.devnull
    assert "anonymous" in run("get", url, "a", check=3).err
    assert run("get", url, "a", "--no-sign-request", check=0).out == "1\n"
    assert run("get", f"{url}&anonymous=true", "a", check=0).out == "1\n"


@pytest.mark.parametrize("name", ["json", "md"])
def test_the_format_of_a_bucket_is_found_in_one_page(bucket, call, name):
    place, endpoint = bucket
    url = f"{place}/{name}?{endpoint}"
    call("put", url, "a/b", "--text", "1", "--format", name, check=0)
    assert call("ls", url, check=0).out == "a/b\n"
    call("put", url, "c", "--text", "2", check=0)
    assert call("ls", url, "--format", name, "--sort", "name", check=0).lines == ["a/b", "c"]
    assert f"but of {name}" in call("verify", url, "--format", "pkl", check=1).err
