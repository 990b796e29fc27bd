"""S3 servers on loopback: moto behind one lock, with counts and faults, and a real one."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections import Counter

# The demo starts the real server in the same way.
from demo.seaweedfs import CREDENTIALS, NotInstalledError, SeaweedFS, find_binary

__all__ = [
    "CREDENTIALS",
    "Moto",
    "NotInstalledError",
    "SeaweedFS",
    "find_binary",
    "set_credentials",
]

OTHER_ACCOUNTS = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN")

_ERROR = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>injected</Message></Error>"


class Moto:
    """moto's application, one request at a time, so that it is atomic as S3 is."""

    def __init__(self, *, atomic=True):
        from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        class Quiet(MotoRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *_args):
                """Say nothing."""

            def handle_expect_100(self):
                server.seen["100-continue"] += 1
                return super().handle_expect_100()

        server = self
        self._application = create_backend_app("s3")
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
            is_first = "attempt=1" in environ.get("HTTP_AMZ_SDK_REQUEST", "attempt=1")
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
        with self._book:
            self.seen["bytes received"] += int(environ.get("CONTENT_LENGTH") or 0)
            self.seen["bytes sent"] += len(body)
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

    def fill(self, bucket, names):
        """Put empty objects into a bucket, without requests."""
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        with self._one:
            for name in names:
                s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, name, b"")

    def forget(self):
        """Forget all objects: listing one place takes moto as long as there are objects in all."""
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        with self._one:
            for bucket in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.values():
                bucket.keys.clear()

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


def set_credentials():
    os.environ.update(CREDENTIALS, AWS_EC2_METADATA_DISABLED="true")
    # Tests that are about both ways of sending ask for obstore.
    os.environ.setdefault("PERSIDICT_S3_TRANSPORT", "boto3")
    for name in OTHER_ACCOUNTS:
        os.environ.pop(name, None)
