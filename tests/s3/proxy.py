"""A proxy between client and S3 server that counts requests and makes some of them fail."""

from __future__ import annotations

import http.client
import random
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# What a proxy must not pass on: it is about one connection.
_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}
_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>injected</Message></Error>"


class Proxy:
    """Passes requests on to `url`; `faults(method, headers)` says what goes wrong, if anything.

    ``"drop"`` lets the server act and then hangs up; ``(status, code)`` is answered in its place.
    """

    def __init__(self, url, faults=None):
        self.faults = faults or (lambda _method, _headers: None)
        self.seen = Counter()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._server.upstream = urlsplit(url).netloc
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def count(self, *names):
        with self._lock:
            self.seen.update(names)


class RandomFaults:
    """Faults of all kinds for a share of the requests, drawn from a seed.

    Only the first of the four times that botocore sends a request, and the one time that obstore
    does: none may fail for good.
    """

    DROP, CONFLICT, BUSY = "drop", (409, "ConditionalRequestConflict"), (503, "SlowDown")

    def __init__(self, seed, share):
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._longest_gap = round(2 / share) - 1
        self._gap = 0
        self._kinds = []

    def __call__(self, method, headers):
        if not headers.get("amz-sdk-request", "attempt=1").startswith("attempt=1"):
            return None
        has_condition = method in ("PUT", "DELETE") and (
            "If-Match" in headers or "If-None-Match" in headers
        )
        with self._lock:
            self._gap -= 1
            if self._gap > 0:
                return None
            if not self._kinds:  # each kind comes in its turn, in an order of chance
                self._kinds = [self.DROP, self.DROP, self.CONFLICT, self.BUSY]
                self._dice.shuffle(self._kinds)
            for kind in self._kinds:
                # S3 says 409 only where it had a condition to judge.
                if has_condition or kind != self.CONFLICT:
                    self._kinds.remove(kind)
                    self._gap = self._dice.randint(1, self._longest_gap)
                    return kind
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Say nothing of clients that were killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for status, headers and body
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self._upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)

    def finish(self):
        self._upstream.close()
        super().finish()

    def log_message(self, *_):
        """Say nothing."""

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server.proxy
        fault = proxy.faults(self.command, self.headers)
        if isinstance(fault, tuple):
            status, code = fault
            proxy.count(self.command, f"injected {status}")
            text = b"" if self.command == "HEAD" else _ERROR.format(code).encode()
            self._answer(status, [("Content-Type", "text/xml")], text)
            return
        answer = self._ask(body)
        data = answer.read()
        proxy.count(self.command, f"{self.command} {answer.status}")
        if fault == "drop":
            proxy.count("dropped")
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(answer.status, answer.getheaders(), data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815  # what it calls

    def _ask(self, body):
        upstream = self._upstream
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP:
                upstream.putheader(name, value)  # Host as well, since it is signed
        upstream.endheaders(body or None)
        return upstream.getresponse()

    def _answer(self, status, headers, data):
        self.send_response_only(status)
        for name, value in headers:
            is_length = name.lower() == "content-length"
            if name.lower() not in _HOP and not (is_length and self.command != "HEAD"):
                self.send_header(name, value)
        if self.command != "HEAD" and status not in (204, 304):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()
