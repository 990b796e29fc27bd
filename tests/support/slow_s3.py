"""A small S3 server in a process of its own, which answers each request after a set delay.

Its work takes nothing from the client's interpreter, and it serves any number of requests at a
time, so that what it counts and how long it takes tell of the client alone.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import hashlib
import http.client
import itertools
import json
import subprocess
import sys
from collections import Counter
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

_CONTROL = "/-/"
_REASONS = {
    200: "OK",
    204: "No Content",
    304: "Not Modified",
    404: "Not Found",
    412: "Precondition Failed",
}


class SlowS3:
    """Starts the server and asks it what it saw."""

    def __init__(self, **settings: object) -> None:
        script = str(Path(__file__).resolve())
        self._process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE)
        self._port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self._port}"
        self.configure(**settings)

    def configure(self, **settings: object) -> None:
        """Set all settings anew.

        Args:
            latency: Seconds to wait before each answer.
            together: Numbers by kind of request, as in ``{"GET": 8}``: those are only answered
                eight at a time, when all of them have arrived.
            quoted: Whether ETags in answers are in quotes.
            wants_quoted: Whether ETags in requests must be.
        """
        self._ask("configure", settings)

    def fill(self, names: list[str], body: bytes) -> None:
        """Store one body under many names, each with its bucket, at once."""
        self._ask("fill", {"names": names, "body": body.hex()})

    @contextlib.contextmanager
    def counting(self):
        """Give a counter of the requests meanwhile.

        It has them by kind, by kind and status, and ``most`` of them at a time; where they were
        answered together, also by ``<kind> rounds``.
        """
        self._ask("reset")
        found = Counter()
        yield found
        found.update(json.loads(self._ask("counts")))

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, what: str, settings: dict | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", _CONTROL + what, json.dumps(settings or {}))
            return connection.getresponse().read()
        finally:
            connection.close()


class _Server:
    """Every bucket exists; conditions are checked and acted upon in one step."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str, str]] = {}
        self.sorted: list[str] = []  # their names, until there are others
        self.counts: Counter[str] = Counter()
        self.in_flight = 0
        self._configure()

    def _configure(self, *, latency=0.0, together=None, quoted=True, wants_quoted=True):
        self.latency, self.quoted, self.wants_quoted = latency, quoted, wants_quoted
        self.barriers = {name: asyncio.Barrier(n) for name, n in (together or {}).items()}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                pairs = (line.partition(":") for line in head[1:-2])
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                if "expect" in headers:
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, extra, answer = await self._answer(method, target, headers, body)
                lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
                lines += [f"{name}: {value}" for name, value in extra.items()]
                if "Content-Length" not in extra and status not in (204, 304):
                    lines.append(f"Content-Length: {len(answer)}")
                writer.write("\r\n".join([*lines, "", ""]).encode() + answer)
                await writer.drain()
        writer.close()

    async def _answer(self, method, target, headers, body):
        path, _, query = target.partition("?")
        if path.startswith(_CONTROL):
            return 200, {}, self._control(path.removeprefix(_CONTROL), json.loads(body))
        parameters = {k: v[0] for k, v in parse_qs(query, keep_blank_values=True).items()}
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        kind = method if key else f"{method}_BUCKET"
        if "list-type" in parameters:
            kind = "LIST"
        elif "delete" in parameters:
            kind = "DELETE_MANY"
        self.counts[kind] += 1
        self.in_flight += 1
        self.counts["most"] = max(self.counts["most"], self.in_flight)
        if kind in self.barriers and await self.barriers[kind].wait() == 0:
            self.counts[f"{kind} rounds"] += 1
        if self.latency:
            await asyncio.sleep(self.latency)
        self.in_flight -= 1
        if kind == "LIST":
            answer = 200, {}, self._list(f"{bucket}/", parameters)
        elif kind == "DELETE_MANY":
            for part in body.decode().split("<Key>")[1:]:
                self._delete(f"{bucket}/{part.split('</Key>')[0]}")
            answer = 200, {}, b"<DeleteResult/>"
        elif key:
            answer = self._object(method, f"{bucket}/{key}", headers, body)
        else:
            answer = 200, {}, b""
        self.counts[f"{kind} {answer[0]}"] += 1
        return answer

    def _object(self, method, name, headers, body):
        data, etag, date = self.objects.get(name, (b"", None, ""))
        if not self._holds(headers, etag, writing=method in ("PUT", "DELETE")):
            return (412 if etag else 404), {}, b""
        if method == "PUT":
            date = formatdate(usegmt=True)
            etag = self._store(name, body, date)
            return 200, {"ETag": _etag(etag, self.quoted), "Date": date}, b""
        if method == "DELETE":
            self._delete(name)
            return 204, {}, b""
        if etag is None:
            return 404, {}, b""
        found = {"ETag": _etag(etag, self.quoted), "Last-Modified": date}
        if headers.get("if-none-match") == _etag(etag, self.wants_quoted):
            return 304, found, b""
        if method == "HEAD":
            return 200, {**found, "Content-Length": len(data)}, b""
        return 200, found, data

    def _delete(self, name):
        self.objects.pop(name, None)
        self.sorted = []

    def _store(self, name, body, date):
        if name not in self.objects:
            self.sorted = []
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.objects[name] = (body, etag, date)
        return etag

    def _holds(self, headers, etag, *, writing):
        if writing and headers.get("if-none-match") == "*":
            return etag is None
        wanted = headers.get("if-match")
        if wanted is None:
            return True
        return etag is not None and wanted in ("*", _etag(etag, self.wants_quoted))

    def _list(self, bucket, parameters):
        prefix = bucket + parameters.get("prefix", "")
        after = parameters.get("continuation-token", "")
        limit = int(parameters.get("max-keys", 1000))
        if len(self.sorted) != len(self.objects):
            self.sorted = sorted(self.objects)
        first = bisect.bisect_left(self.sorted, max(prefix, f"{after}\0"))
        several = itertools.takewhile(lambda n: n.startswith(prefix), self.sorted[first:])
        names = list(itertools.islice(several, limit + 1))
        entries = "".join(
            f"<Contents><Key>{escape(name.removeprefix(bucket))}</Key><Size>1</Size>"
            f"<ETag>{escape(_etag(self.objects[name][1], self.quoted))}</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for name in names[:limit]
        )
        more = "<IsTruncated>false</IsTruncated>"
        if len(names) > limit:
            token = f"<NextContinuationToken>{escape(names[limit - 1])}</NextContinuationToken>"
            more = f"<IsTruncated>true</IsTruncated>{token}"
        return f"<ListBucketResult>{more}{entries}</ListBucketResult>".encode()

    def _control(self, what, settings):
        if what == "configure":
            self._configure(**settings)
        elif what == "reset":
            self.counts.clear()
        elif what == "fill":
            for name in settings["names"]:
                self._store(name, bytes.fromhex(settings["body"]), formatdate(usegmt=True))
        return json.dumps(self.counts).encode()


def _etag(digest, quoted):
    return f'"{digest}"' if quoted else digest


async def _main() -> None:
    server = await asyncio.start_server(_Server().serve, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
