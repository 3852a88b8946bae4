"""What the service answers: `openapi.json` describes it, docs/serve.md tells it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from functools import cached_property, partial
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imgsearch.errors import ImgsearchError, QueryError, UsageError
from imgsearch.service import codec
from imgsearch.service.auth import TokenAuth, is_private
from imgsearch.service.client import MAX_BODY_BYTES, MAX_K, hello_form
from imgsearch.version import VERSION

if TYPE_CHECKING:
    from starlette.exceptions import HTTPException

    from imgsearch.library import Library

HOSTS = ["localhost", "127.0.0.1"]
SEND_S = 10.0  # how long a request may take to arrive
MAX_SIDE_PX = 4096
MAX_AT_S = 1e6  # into a video
THUMBNAILS_AT_ONCE = 8  # sixty that a page asks for must not keep a query waiting
_STATUS_OF = {2: 400, 5: 422, 6: 503, 9: 409}  # by the exit code of an error's class; else 500

_Answer: TypeAlias = Callable[[], object]


def app(library: Library, token: str | None, heard: Callable[[], None]) -> Starlette:
    """The service as an ASGI application. `heard` is called at each request for the library."""
    desk = Endpoints(library, heard)
    return Starlette(
        routes=[
            Route("/search", desk.search, methods=["POST"]),
            Route("/similar", desk.similar, methods=["POST"]),
            Route("/label", desk.label, methods=["POST"]),
            Route("/thumbnail/{photo_id:int}", desk.thumbnail),
            Route("/status", desk.status),
            Route("/hello", desk.hello),
            Route("/openapi.json", openapi),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            Middleware(TokenAuth, token=token),
        ],
        exception_handlers={404: _unknown, 405: _unknown, Exception: _unforeseen},  # type: ignore[dict-item]
    )


def openapi_document() -> codec.JsonObject:
    """The description of this service, OpenAPI 3.1."""
    text = files("imgsearch.service").joinpath("openapi.json").read_text("utf-8")
    document: codec.JsonObject = json.loads(text)
    info = document["info"]
    assert isinstance(info, dict)
    info["version"] = VERSION
    return document


async def openapi(request: Request) -> Response:
    """The description of this service."""
    return _json(openapi_document())


class Endpoints:
    """Takes requests one by one, and has each answered in a thread of its own."""

    def __init__(self, library: Library, heard: Callable[[], None]) -> None:
        self._library = library
        self._heard = heard

    @cached_property
    def _turns(self) -> CapacityLimiter:
        return CapacityLimiter(THUMBNAILS_AT_ONCE)  # needs the loop to run

    async def hello(self, request: Request) -> Response:
        return _json(hello_form(self._library.settings))

    async def status(self, request: Request) -> Response:
        return await self._answer(lambda: codec.status_to_json(self._library.status()))

    async def search(self, request: Request) -> Response:
        return await self._posted(
            request, partial(self._find, request, codec.search_request_from_json)
        )

    async def similar(self, request: Request) -> Response:
        return await self._posted(
            request, partial(self._find, request, codec.similar_request_from_json)
        )

    async def label(self, request: Request) -> Response:
        return await self._posted(request, partial(self._label, request))

    async def thumbnail(self, request: Request) -> Response:
        """A photo of the library as WebP, by its number: nothing else can be asked for."""
        try:
            side_px = int(request.query_params.get("side_px", "320"))
            photo_id = int(request.path_params["photo_id"])
            at_s = request.query_params.get("at_s")
            when_s = None if at_s is None else float(at_s)
            if not (0 < side_px <= MAX_SIDE_PX and 0 < photo_id < 1 << 63):
                raise ValueError
            if when_s is not None and not 0 <= when_s <= MAX_AT_S:
                raise ValueError
        except ValueError:
            words = f"side_px is a number of pixels, up to {MAX_SIDE_PX}; at_s one of seconds."
            return _refused(UsageError(words))
        try:
            content = await to_thread.run_sync(
                self._library.thumbnail, photo_id, side_px, when_s, limiter=self._turns
            )
        except ImgsearchError as error:
            return _refused(error)
        if content is None:
            return _refused(UsageError("The library has no photo with this number."), 404)
        return Response(content, media_type="image/webp", headers={"Cache-Control": "private"})

    # ------------------------------------------------------------------ what is asked

    def _find(
        self, request: Request, read: Callable[[object], codec.SearchRequest], form: object
    ) -> codec.JsonObject:
        asked = _allowed(request, read(form))
        return codec.answer_to_json(self._library.find(asked.query, asked.k, asked.cursor))

    def _label(self, request: Request, form: object) -> codec.JsonObject:
        classes, among = codec.label_request_from_json(form)
        if among is None:
            labels = self._library.label(classes)
        else:
            among = _allowed(request, among)
            labels = self._library.label(classes, among.query, among.k)
        labels.sort(key=lambda label: (label.name, -label.probability))
        hits = self._library.photos([label.photo_id for label in labels])
        path_of = {hit.photo.id: hit.path for hit in hits}
        found = [label for label in labels if label.photo_id in path_of]
        return {"labels": [codec.label_to_cli_json(each, path_of[each.photo_id]) for each in found]}

    # ------------------------------------------------------------------ how it is answered

    async def _posted(
        self, request: Request, answer: Callable[[object], codec.JsonObject]
    ) -> Response:
        try:
            body = await _body_of(request)
        except TimeoutError:
            return _refused(UsageError("The request did not arrive in time."), 408)
        if body is None:
            limit_mb = MAX_BODY_BYTES >> 20
            return _refused(UsageError(f"The request is larger than {limit_mb} MB."), 413)
        return await self._answer(lambda: answer(codec.read_json(body)))

    async def _answer(self, answer: _Answer) -> Response:
        self._heard()
        return await run_in_threadpool(_answered, answer)


def _answered(answer: _Answer) -> Response:
    started = time.perf_counter()
    try:
        response = _json(answer())
    except _Forbidden as error:
        return _refused(error, 403)
    except ImgsearchError as error:
        return _refused(error)
    took_ms = (time.perf_counter() - started) * 1000
    response.headers["Server-Timing"] = f"answer;dur={took_ms:.1f}"
    return response


class _Forbidden(UsageError):
    pass


def _allowed(request: Request, asked: codec.SearchRequest) -> codec.SearchRequest:
    if asked.k > MAX_K:
        raise QueryError(f"The number of results must be {MAX_K} or less here.")
    if asked.names_files and not is_private(request.scope):
        raise _Forbidden("Files are read for the socket's users only: send the image's bytes.")
    return asked


async def _body_of(request: Request) -> bytes | None:
    """All of the body; None where it is too large, of which no more is read than the limit."""
    body = bytearray()
    async with asyncio.timeout(SEND_S):
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return None
    return bytes(body)


def _json(value: object, status: int = 200) -> Response:
    # ASCII, so that file names which are no UTF-8 survive, escaped.
    content = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return Response(content, status, {"Cache-Control": "no-store"}, "application/json")


def _refused(error: ImgsearchError, status: int | None = None) -> Response:
    form = codec.error_to_json(UsageError(str(error)) if isinstance(error, _Forbidden) else error)
    return _json({"error": form}, status or _STATUS_OF.get(error.exit_code, 500))


async def _unknown(request: Request, error: HTTPException) -> Response:
    words = "There is nothing here." if error.status_code == 404 else "Not in this way."
    return _refused(UsageError(f"{words} See /openapi.json"), error.status_code)


async def _unforeseen(request: Request, error: Exception) -> Response:
    return _refused(ImgsearchError("Something went wrong that should not have."), 500)
