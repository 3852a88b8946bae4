"""The endpoints of the service. `openapi.json` describes them, docs/serve.md explains them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imgsearch.errors import ImgsearchError, QueryError, UsageError
from imgsearch.records.query import Query
from imgsearch.records.suggestion import SUGGESTIONS
from imgsearch.service import codec
from imgsearch.service.auth import TokenAuth, is_private
from imgsearch.service.client import MAX_BODY_BYTES, MAX_K, handshake, names_files
from imgsearch.service.connections import RequestDeadlines, deadline_of
from imgsearch.service.schema import (
    Body,
    CountRequest,
    JudgeRequest,
    LabelRequest,
    NameRequest,
    RenameRequest,
    SaveRequest,
    SearchRequest,
    SimilarRequest,
    TeachRequest,
    TryRequest,
    openapi_document,
    read_request,
)

if TYPE_CHECKING:
    from imgsearch.library import Library

HOSTS = ["localhost", "127.0.0.1"]
MAX_SIDE_PX = 4096
MAX_AT_S = 1e6  # into a video
CONCURRENT_THUMBNAILS = 8  # a page requests sixty at once, and queries must not wait for them
_STATUS_CODES = {2: 400, 5: 422, 6: 503, 9: 409}  # by exit code of the error's class; else 500

_Body = TypeVar("_Body", bound=Body)


def create_app(library: Library, token: str | None, on_request: Callable[[], None]) -> Starlette:
    """The service as an ASGI application. `on_request` is called at each use of the library."""
    endpoints = Endpoints(library, on_request)
    return Starlette(
        routes=[
            Route("/search", endpoints.search, methods=["POST"]),
            Route("/similar", endpoints.similar, methods=["POST"]),
            Route("/label", endpoints.label, methods=["POST"]),
            Route("/timeline", endpoints.timeline, methods=["POST"]),
            Route("/events", endpoints.events, methods=["POST"]),
            Route("/places", endpoints.places, methods=["POST"]),
            Route("/saved", endpoints.saved_searches, methods=["GET"]),
            Route("/saved", endpoints.save_search, methods=["POST"]),
            Route("/saved/looked", endpoints.mark_looked_at, methods=["POST"]),
            Route("/saved/rename", endpoints.rename_saved_search, methods=["POST"]),
            Route("/saved/remove", endpoints.remove_saved_search, methods=["POST"]),
            Route("/concepts", endpoints.concepts, methods=["GET"]),
            Route("/concepts/teach", endpoints.teach, methods=["POST"]),
            Route("/concepts/judge", endpoints.photos_to_judge, methods=["POST"]),
            Route("/concepts/forget", endpoints.forget_concept, methods=["POST"]),
            Route("/encoders", endpoints.encoders, methods=["GET"]),
            Route("/encoders/use", endpoints.use_encoder, methods=["POST"]),
            Route("/encoders/drop", endpoints.drop_encoder, methods=["POST"]),
            Route("/encoders/trial", endpoints.last_trial, methods=["GET"]),
            Route("/encoders/trial", endpoints.try_encoder, methods=["POST"]),
            Route("/thumbnail/{photo_id}", endpoints.thumbnail),
            Route("/suggest", endpoints.suggest),
            Route("/status", endpoints.status),
            Route("/hello", endpoints.hello),
            Route("/openapi.json", openapi),
        ],
        middleware=[
            Middleware(RequestDeadlines),
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            Middleware(TokenAuth, token=token),
        ],
        exception_handlers={404: _no_route, 405: _no_route, Exception: _unexpected},
    )


async def openapi(request: Request) -> Response:
    """The description of this service."""
    return _json(openapi_document())


class Endpoints:
    """The endpoints of one library. Each answer is computed in a thread."""

    def __init__(self, library: Library, on_request: Callable[[], None]) -> None:
        self._library = library
        self._on_request = on_request

    @cached_property
    def _thumbnail_limit(self) -> CapacityLimiter:
        return CapacityLimiter(CONCURRENT_THUMBNAILS)  # can be created only in a running loop

    async def hello(self, request: Request) -> Response:
        return _json(handshake(self._library.settings))

    async def status(self, request: Request) -> Response:
        return await self._answer(lambda: codec.status_to_json(self._library.status()))

    async def suggest(self, request: Request) -> Response:
        """How to go on with a line of the query language."""
        line = request.query_params.get("line", "")
        try:
            k = int(request.query_params.get("k", SUGGESTIONS))
            if k > MAX_K:
                raise ValueError
        except ValueError:
            return _refusal(UsageError(f"The field k must be a whole number up to {MAX_K:,}."))
        return await self._answer(lambda: codec.suggestions_to_json(self._library.suggest(line, k)))

    async def search(self, request: Request) -> Response:
        return await self._answer_body(request, SearchRequest, self._search)

    async def similar(self, request: Request) -> Response:
        return await self._answer_body(request, SimilarRequest, self._search)

    async def label(self, request: Request) -> Response:
        return await self._answer_body(request, LabelRequest, self._label)

    async def timeline(self, request: Request) -> Response:
        return await self._answer_body(request, CountRequest, self._timeline)

    async def events(self, request: Request) -> Response:
        return await self._answer_body(request, CountRequest, self._events)

    async def places(self, request: Request) -> Response:
        return await self._answer_body(request, CountRequest, self._places)

    async def saved_searches(self, request: Request) -> Response:
        return await self._answer(self._saved_searches)

    async def save_search(self, request: Request) -> Response:
        return await self._answer_body(request, SaveRequest, self._save_search)

    async def mark_looked_at(self, request: Request) -> Response:
        return await self._answer_body(request, NameRequest, self._mark_looked_at)

    async def rename_saved_search(self, request: Request) -> Response:
        return await self._answer_body(request, RenameRequest, self._rename_saved_search)

    async def remove_saved_search(self, request: Request) -> Response:
        return await self._answer_body(request, NameRequest, self._remove_saved_search)

    async def concepts(self, request: Request) -> Response:
        return await self._answer(self._concepts)

    async def teach(self, request: Request) -> Response:
        return await self._answer_body(request, TeachRequest, self._teach)

    async def photos_to_judge(self, request: Request) -> Response:
        return await self._answer_body(request, JudgeRequest, self._photos_to_judge)

    async def forget_concept(self, request: Request) -> Response:
        return await self._answer_body(request, NameRequest, self._forget_concept)

    async def encoders(self, request: Request) -> Response:
        return await self._answer(self._encoders)

    async def use_encoder(self, request: Request) -> Response:
        return await self._answer_body(request, NameRequest, self._use_encoder)

    async def drop_encoder(self, request: Request) -> Response:
        return await self._answer_body(request, NameRequest, self._drop_encoder)

    async def last_trial(self, request: Request) -> Response:
        return await self._answer(lambda: codec.trial_to_json(self._library.last_trial()))

    async def try_encoder(self, request: Request) -> Response:
        return await self._answer_body(request, TryRequest, self._try_encoder)

    async def thumbnail(self, request: Request) -> Response:
        """A photo of the library as WebP, by its id: nothing else can be fetched."""
        try:
            side_px = int(request.query_params.get("side_px", "320"))
            photo_id = int(request.path_params["photo_id"])
            seconds = request.query_params.get("at_s")
            at_s = None if seconds is None else float(seconds)
            if not (0 < side_px <= MAX_SIDE_PX and 0 < photo_id < 1 << 63):
                raise ValueError
            if at_s is not None and not 0 <= at_s <= MAX_AT_S:
                raise ValueError
        except ValueError:
            message = (
                "The photo id must be a whole number, side_px a number of pixels up to "
                f"{MAX_SIDE_PX}, and at_s one of seconds."
            )
            return _refusal(UsageError(message))
        try:
            content = await to_thread.run_sync(
                self._library.thumbnail, photo_id, side_px, at_s, limiter=self._thumbnail_limit
            )
        except ImgsearchError as error:
            return _refusal(error)
        if content is None:
            return _refusal(UsageError("The library has no photo with this id."), 404)
        return Response(content, media_type="image/webp", headers={"Cache-Control": "private"})

    # ------------------------------------------------------------------ answers

    def _search(self, request: Request, body: SearchRequest | SimilarRequest) -> codec.JsonObject:
        query = _allowed(request, body.parsed(), body.k)
        return codec.answer_to_json(self._library.find(query, body.k, body.cursor))

    def _label(self, request: Request, body: LabelRequest) -> codec.JsonObject:
        query = _allowed_if_any(request, body.parsed(), body.k)
        labels = self._library.label(body.named_classes(), query, body.k)
        labels.sort(key=lambda label: (label.name, -label.probability))
        hits = self._library.photos([label.photo_id for label in labels])
        paths = {hit.photo.id: hit.path for hit in hits}
        return {
            "labels": [
                codec.label_to_cli_json(label, paths[label.photo_id])
                for label in labels
                if label.photo_id in paths
            ]
        }

    def _timeline(self, request: Request, body: CountRequest) -> codec.JsonObject:
        query = _allowed_if_any(request, body.parsed(), body.k)
        return codec.timeline_to_json(self._library.timeline(query, body.k))

    def _events(self, request: Request, body: CountRequest) -> codec.JsonObject:
        query = _allowed_if_any(request, body.parsed(), body.k)
        return codec.events_to_json(self._library.events(query, body.k))

    def _places(self, request: Request, body: CountRequest) -> codec.JsonObject:
        query = _allowed_if_any(request, body.parsed(), body.k)
        return codec.places_to_json(self._library.places(query, body.k))

    def _saved_searches(self) -> codec.JsonObject:
        return codec.saved_searches_to_json(self._library.saved_searches())

    def _save_search(self, request: Request, body: SaveRequest) -> codec.JsonObject:
        query = _allowed(request, body.parsed(), body.k or 1)
        self._library.save_search(
            body.name, query, body.k, include_weak=body.include_weak, replace=body.replace
        )
        return self._saved_searches()

    def _mark_looked_at(self, request: Request, body: NameRequest) -> codec.JsonObject:
        return codec.new_photos_to_json(self._library.mark_looked_at(body.name))

    def _rename_saved_search(self, request: Request, body: RenameRequest) -> codec.JsonObject:
        self._library.rename_saved_search(body.name, body.new_name)
        return self._saved_searches()

    def _remove_saved_search(self, request: Request, body: NameRequest) -> codec.JsonObject:
        self._library.remove_saved_search(body.name)
        return self._saved_searches()

    def _concepts(self) -> codec.JsonObject:
        return codec.concepts_to_json(self._library.concepts())

    def _teach(self, request: Request, body: TeachRequest) -> codec.JsonObject:
        if body.names_files:
            _require_private(request)
        concept = self._library.teach(
            body.name,
            [example.source() for example in body.like],
            [example.source() for example in body.unlike],
            withdraw=[example.source() for example in body.withdraw],
            words=body.words,
            new=body.new,
        )
        return codec.concept_to_json(concept)

    def _photos_to_judge(self, request: Request, body: JudgeRequest) -> codec.JsonObject:
        if body.k > MAX_K:
            raise QueryError(f"The number of photos must be {MAX_K} or less.")
        hits = self._library.photos_to_judge(body.name, body.k)
        return {"photos": [codec.hit_to_json(hit) for hit in hits]}

    def _forget_concept(self, request: Request, body: NameRequest) -> codec.JsonObject:
        self._library.concept(body.name)  # raises for an unknown one
        self._library.forget_concept(body.name)
        return self._concepts()

    def _encoders(self) -> codec.JsonObject:
        library = self._library
        return codec.encoders_to_json(
            library.encoder_in_use().name, library.encoders(), library.stored_encoders()
        )

    def _use_encoder(self, request: Request, body: NameRequest) -> codec.JsonObject:
        self._library.use_encoder(body.name)
        return self._encoders()

    def _drop_encoder(self, request: Request, body: NameRequest) -> codec.JsonObject:
        return codec.dropped_encoder_to_json(self._library.drop_encoder(body.name))

    def _try_encoder(self, request: Request, body: TryRequest) -> codec.JsonObject:
        job = self._library.try_encoder(body.name, body.photos, body.queries)
        for _ in job:
            self._on_request()  # at work, not idle
        return codec.trial_to_json(job.report)

    # ------------------------------------------------------------------ mechanics

    async def _answer_body(
        self,
        request: Request,
        kind: type[_Body],
        answer: Callable[[Request, _Body], codec.JsonObject],
    ) -> Response:
        try:
            content = await _content(request)
        except TimeoutError:
            return _refusal(UsageError("The request did not arrive in time."), 408)
        if content is None:
            limit_mb = MAX_BODY_BYTES >> 20
            return _refusal(UsageError(f"The request is larger than {limit_mb} MB."), 413)
        return await self._answer(lambda: answer(request, read_request(content, kind)))

    async def _answer(self, answer: Callable[[], codec.JsonObject]) -> Response:
        self._on_request()
        return await run_in_threadpool(_response, answer)


def _response(answer: Callable[[], codec.JsonObject]) -> Response:
    started = time.perf_counter()
    try:
        response = _json(answer())
    except _Forbidden as error:
        return _refusal(UsageError(str(error)), 403)
    except ImgsearchError as error:
        return _refusal(error)
    took_ms = (time.perf_counter() - started) * 1000
    response.headers["Server-Timing"] = f"answer;dur={took_ms:.1f}"
    return response


class _Forbidden(UsageError):
    pass


def _allowed(request: Request, query: Query, k: int) -> Query:
    if k > MAX_K:
        raise QueryError(f"The number of results must be {MAX_K} or less.")
    if names_files(query):
        _require_private(request)
    return query


def _require_private(request: Request) -> None:
    """Raise if a request that names a file did not come over the socket."""
    if not is_private(request.scope):
        raise _Forbidden(
            "The service reads example files only for requests over its socket. Send the bytes of "
            "the image instead."
        )


def _allowed_if_any(request: Request, query: Query | None, k: int) -> Query | None:
    return None if query is None else _allowed(request, query, k)


async def _content(request: Request) -> bytes | None:
    """The body of a request; None if it is too large, without reading beyond the limit."""
    content = bytearray()
    async with asyncio.timeout_at(deadline_of(request.scope)):
        async for chunk in request.stream():
            content += chunk
            if len(content) > MAX_BODY_BYTES:
                return None
    return bytes(content)


def _json(value: object, status: int = 200) -> Response:
    # ASCII, so that file names that are not UTF-8 survive, escaped.
    content = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return Response(content, status, {"Cache-Control": "no-store"}, "application/json")


def _refusal(error: ImgsearchError, status: int | None = None) -> Response:
    code = status or _STATUS_CODES.get(error.exit_code, 500)
    return _json({"error": codec.error_to_json(error)}, code)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "Not found." if error.status_code == 404 else "Method not allowed."
    return _refusal(UsageError(f"{message} See /openapi.json"), error.status_code)


async def _unexpected(request: Request, error: Exception) -> Response:
    return _refusal(ImgsearchError("Something unexpected went wrong in the service."), 500)
