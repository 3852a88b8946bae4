"""A folder as object storage that counts requests and bytes: S3 as far as a reader needs it.

An archive in the folder is read through it by its address `s3://BUCKET/NAME`, where BUCKET is the
name of a folder in it. Whoever writes is refused. It answers ListObjectsV2 and GetObject.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from msgspec import Struct

from tests.object_storage import environment_of

Kind = Literal["LIST", "GET", "HEAD"]
# Dollars a request: S3 Standard, see the sources in docs/scale-planning.md.
PRICES: dict[Kind, float] = {"LIST": 0.005 / 1_000, "GET": 0.0004 / 1_000, "HEAD": 0.0004 / 1_000}
_MOST_KEYS = 1_000  # of one answer to LIST
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Request(Struct, frozen=True):
    """A request that was answered."""

    kind: Kind
    key: str
    sent_bytes: int


class StorageTraffic(Struct, frozen=True):
    """The requests that were answered during something."""

    requests: tuple[Request, ...]

    def count(self, kind: Kind | None = None) -> int:
        """The number of requests of a kind, or of all."""
        return sum(kind in (None, each.kind) for each in self.requests)

    @property
    def sent_bytes(self) -> int:
        return sum(each.sent_bytes for each in self.requests)

    @property
    def dollars_a_million(self) -> float:
        """The price of a million times these requests."""
        return 1e6 * sum(PRICES[each.kind] for each in self.requests)

    @property
    def by_table(self) -> dict[str, int]:
        """The number of requests by table and kind: "photos.lance/_indices GET"."""
        places = ("/".join(each.key.split("/")[1:3]) + f" {each.kind}" for each in self.requests)
        return dict(sorted(Counter(places).items()))


class CountedStorage:
    """The storage. Its requests are read with `take`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[Request] = []
        self._lock = Lock()

    def note(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def take(self) -> StorageTraffic:
        """The requests since this was called last."""
        with self._lock:
            taken, self.requests = self.requests, []
        return StorageTraffic(tuple(taken))


@contextmanager
def counted_storage(folder: Path) -> Iterator[CountedStorage]:
    """Serve a folder at a port of this machine; this process finds it by its environment."""
    storage = CountedStorage(folder)

    class CountingHandler(_Handler):
        counted = storage

    server = ThreadingHTTPServer(("127.0.0.1", 0), CountingHandler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(server.server_port).items():
            patch.setenv(name, value)
        try:
            yield storage
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    counted: CountedStorage

    def log_message(self, format: str, *args: object) -> None:  # its name there
        """Write no log."""

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        asked = parse_qs(place.query)
        if "list-type" in asked:
            self._list(unquote(place.path).strip("/"), asked)
        else:
            self._send_object(unquote(place.path).lstrip("/"), with_content=True)

    def do_PUT(self) -> None:
        self._refuse()

    def do_DELETE(self) -> None:
        self._refuse()

    def do_POST(self) -> None:
        self._refuse()

    def _refuse(self) -> None:
        """Answer as storage does to somebody who may read only."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(403, b"<Error><Code>AccessDenied</Code></Error>", {})

    def do_HEAD(self) -> None:
        self._send_object(unquote(urlsplit(self.path).path).lstrip("/"), with_content=False)

    def _list(self, bucket: str, asked: dict[str, list[str]]) -> None:
        prefix = asked.get("prefix", [""])[0]
        delimiter = asked.get("delimiter", [""])[0]
        after = asked.get("continuation-token", asked.get("start-after", [""]))[0]
        most = min(_MOST_KEYS, int(asked.get("max-keys", ["1000"])[0]))
        root = self.counted.folder / bucket
        start = root / prefix.rpartition("/")[0]
        found = [str(each.relative_to(root)) for each in start.rglob("*") if each.is_file()]
        names = set()
        for key in found:
            if key.startswith(prefix):
                end = key.find(delimiter, len(prefix)) if delimiter else -1
                names.add(key if end < 0 else key[: end + 1])
        ordered = sorted(name for name in names if name > after)
        page, rest = ordered[:most], ordered[most:]
        parts = [
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
            if name.endswith("/")
            else _contents(name, root / name)
            for name in page
        ]
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
        body = (
            "<ListBucketResult>"
            f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(bool(rest)).lower()}</IsTruncated>{more}{''.join(parts)}"
            "</ListBucketResult>"
        ).encode()
        self._answer(200, body, {"Content-Type": "application/xml"})
        self.counted.note(Request("LIST", f"{bucket}/{prefix}", len(body)))

    def _send_object(self, key: str, *, with_content: bool) -> None:
        file = self.counted.folder / key
        kind: Kind = "GET" if with_content else "HEAD"
        if not file.is_file():
            body = b"<Error><Code>NoSuchKey</Code></Error>" if with_content else b""
            self._answer(404, body, {})
            self.counted.note(Request(kind, key, len(body)))
            return
        size = file.stat().st_size
        first, last, status = 0, size - 1, 200
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        headers = {"ETag": f'"{file.stat().st_mtime_ns:x}"', "Last-Modified": _DATE}
        if asked is not None:
            status = 206
            if not asked[1]:
                first = max(0, size - int(asked[2]))
            else:
                first = int(asked[1])
                last = min(int(asked[2]), last) if asked[2] else last
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if not with_content:
            self._answer(200, b"", headers, size)
            self.counted.note(Request(kind, key, 0))
            return
        with file.open("rb") as content:
            content.seek(first)
            body = content.read(last - first + 1)
        self._answer(status, body, headers)
        self.counted.note(Request(kind, key, len(body)))

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


_DATE = "Mon, 30 Nov 2026 12:00:00 GMT"


def _contents(name: str, file: Path) -> str:
    about = file.stat()
    return (
        f"<Contents><Key>{escape(name)}</Key><LastModified>2026-11-30T12:00:00.000Z</LastModified>"
        f'<ETag>"{about.st_mtime_ns:x}"</ETag><Size>{about.st_size}</Size></Contents>'
    )
