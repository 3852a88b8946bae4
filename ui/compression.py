"""Compresses the texts that the page sends: scripts, styles, documents and lists.

Brotli makes them a sixth smaller than gzip. Browsers take it from this machine and over HTTPS, and
gzip from anywhere. Scripts and styles never change: the first time they are compressed quickly, and
as well as possible when the page is there. That is kept in the cache folder, and in memory, since
a page asks for more than a hundred of them at once.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch import FileCache, MemoryCache

try:
    import brotli
except ImportError:  # a distribution may lack it: browsers take gzip as well
    brotli = None

Coding: TypeAlias = Literal["br", "gzip"]

FOLDER = "compressed"  # in the cache folder
_MOST_BYTES = 64 << 20  # all of Streamlit's scripts take 5 MB, so some of its versions
_MOST_IN_MEMORY = 4 << 20
# The first parts of paths whose content never changes: Streamlit's own files, and ours.
_UNCHANGING = frozenset({"static", "modules"})
# Those of files of the visitor, which are sent as they are while they are read.
_FILES = frozenset({"copies", "face", "moving-part", "original", "thumbnail"})
_TEXTS = ("text/", "application/javascript", "application/json", "application/manifest+json")
_STREAM = "text/event-stream"
_PARTIAL = ("range", "if-none-match", "if-modified-since")  # headers that ask for less than all
# Those of answers that are bytes and yet worth compressing: points of a map, lists of paths.
_BYTES = frozenset({"exports", "meaning"})
_LEAST_BYTES = 1000  # below, compressing saves nothing
_MOST_TEXT_BYTES = 16 << 20  # of a text; a larger one is sent as it is
# Levels. The best of Brotli saves a tenth and takes fifty times as long; gzip has no better one.
_QUICK: Mapping[Coding, int] = {"br": 5, "gzip": 6}
_BEST = 11  # of Brotli
WAIT_S = 5.0  # until the page that asked for a script is there


class CompressedTexts:
    """ASGI middleware: texts are compressed where the browser takes it.

    `cache_dir` is the folder in which compressed scripts are kept.
    """

    def __init__(self, app: ASGIApp, cache_dir: Path) -> None:
        self._app = app
        self._kept = FileCache(cache_dir / FOLDER, _MOST_BYTES)
        # Complete answers, by path and coding.
        self._answers: MemoryCache[tuple[str, Coding]] = MemoryCache(_MOST_IN_MEMORY)
        self._waiting: dict[str, bytes] = {}  # scripts to compress as well as possible, by name
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].split("/")[1] if scope["type"] == "http" else ""
        if scope["type"] != "http" or first in _FILES or scope["method"] == "HEAD":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        coding = _coding_of(asked)
        is_unchanging = first in _UNCHANGING and not any(name in asked for name in _PARTIAL)
        if is_unchanging and coding is not None:
            known = self._answers.known((scope["path"], coding), None)
            if isinstance(known, _Answer):
                await known.send(send)
                return
        kinds = (*_TEXTS, "application/octet-stream") if first in _BYTES else _TEXTS
        path = scope["path"] if is_unchanging else None
        await self._app(scope, receive, _Text(self, send, coding, kinds, path).send)

    def compressed(self, content: bytes, coding: Coding) -> bytes:
        """Return the content of an answer that may change, in a coding."""
        return _compress(content, coding, _QUICK[coding])

    def compressed_once(self, content: bytes, coding: Coding) -> tuple[bytes, bool]:
        """Return the same of an answer that never changes, and whether it is compressed best."""
        if coding != "br":
            return self.compressed(content, coding), True
        name = hashlib.blake2b(content, digest_size=20).hexdigest()
        kept = self._kept.get(name)
        if kept is not None:
            return kept, True
        self._improve_later(name, content)
        return self.compressed(content, coding), False

    def remember(self, path: str, coding: Coding, answer: _Answer) -> None:
        """Answer requests for this path with this from now on, as long as there is room."""
        self._answers.keep((path, coding), None, answer, len(answer.content))

    def _improve_later(self, name: str, content: bytes) -> None:
        with self._lock:
            is_idle = not self._waiting
            self._waiting[name] = content
        if is_idle:
            threading.Thread(target=self._improve, name="imgsearch-compress", daemon=True).start()

    def _improve(self) -> None:
        """Compress what waits as well as possible, one after the other."""
        time.sleep(WAIT_S)
        while True:
            with self._lock:
                name, content = next(iter(self._waiting.items()))
            with suppress(OSError):  # a full disk: it is compressed again next time
                self._kept.put(name, _compress(content, "br", _BEST))
            with self._lock:
                del self._waiting[name]
                if not self._waiting:
                    return


class _Answer(Struct, frozen=True):
    """A complete answer: the message with its headers, and its content."""

    start: Message
    content: bytes

    async def send(self, send: Send) -> None:
        """Send it, with headers of its own: middleware outside of this one adds to them."""
        await send({**self.start, "headers": list(self.start["headers"])})
        await send({"type": "http.response.body", "body": self.content})


class _Text:
    """One answer: it is held back until it is complete, if it is a text that can be compressed.

    `path` is that of an answer that never changes, else None.
    """

    def __init__(
        self,
        texts: CompressedTexts,
        send: Send,
        coding: Coding | None,
        kinds: tuple[str, ...],
        path: str | None,
    ) -> None:
        self._texts = texts
        self._send = send
        self._coding = coding
        self._kinds = kinds
        self._path = path
        self._start: Message | None = None  # held back, with the parts of the content
        self._parts: list[bytes] = []

    async def send(self, message: Message) -> None:
        """Pass a message on, now or when the answer is complete."""
        if message["type"] == "http.response.start":
            if _is_text(message, self._kinds):
                MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
                if self._coding is not None:
                    self._start = message
                    return
            await self._send(message)
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(self._start, b"".join(self._parts))

    async def _finish(self, start: Message, content: bytes) -> None:
        headers, texts, is_best = MutableHeaders(scope=start), self._texts, True
        assert self._coding is not None  # else nothing is held back
        if _LEAST_BYTES <= len(content) <= _MOST_TEXT_BYTES:
            if self._path is None:
                content = await run_in_threadpool(texts.compressed, content, self._coding)
            else:
                content, is_best = await run_in_threadpool(
                    texts.compressed_once, content, self._coding
                )
            headers["Content-Encoding"] = self._coding
            headers["Content-Length"] = str(len(content))
        answer = _Answer(start, content)
        if self._path is not None and is_best and "set-cookie" not in headers:  # one visitor's own
            texts.remember(self._path, self._coding, answer)
        await answer.send(self._send)


def _is_text(start: Message, kinds: tuple[str, ...]) -> bool:
    """Return whether an answer is the whole of a text that nobody has compressed."""
    headers = Headers(scope=start)
    kind = headers.get("content-type", "")
    return (
        start["status"] == 200
        and kind.startswith(kinds)
        and not kind.startswith(_STREAM)
        and "content-encoding" not in headers
    )


def _coding_of(headers: Headers) -> Coding | None:
    """Return the best coding that a browser takes."""
    taken = set()
    for each in headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = each.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            taken.add(name.strip())
    if "br" in taken and brotli is not None:
        return "br"
    return "gzip" if "gzip" in taken else None


def _compress(content: bytes, coding: Coding, level: int) -> bytes:
    if coding == "br":
        compressed: bytes = brotli.compress(content, brotli.MODE_TEXT, level)
        return compressed
    return gzip.compress(content, level, mtime=0)
