"""The endpoints of the service. `openapi.json` describes them, docs/serve.md explains them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imgsearch.errors import ImgsearchError, QueryError, UsageError
from imgsearch.library import Library
from imgsearch.records.suggestion import SUGGESTIONS
from imgsearch.service import codec
from imgsearch.service.answering import (
    Answering,
    allowed,
    allowed_if_any,
    json_response,
    no_route,
    refusal,
    require_private,
    unexpected,
)
from imgsearch.service.auth import TokenAuth
from imgsearch.service.client import MAX_K, handshake
from imgsearch.service.connections import RequestDeadlines
from imgsearch.service.hosts import KnownHosts
from imgsearch.service.schema import (
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
    archive_openapi_document,
    openapi_document,
)
from imgsearch.service.turns import Turns

if TYPE_CHECKING:
    from imgsearch.archive import Archive

MAX_SIDE_PX = 4096
MAX_AT_S = 1e6  # into a video
# Answers that are computed at once: see "Sixteen clients" in docs/serve.md.
AT_ONCE = 3
AT_ONCE_OF_ARCHIVE = 40  # they wait for object storage
LONG_S = 0.1  # then an answer does not count any more
CONCURRENT_THUMBNAILS = 8  # a page requests sixty at once, and queries must not wait for them


def create_app(
    served: Library | Archive, token: str | None, on_request: Callable[[], None]
) -> Starlette:
    """The service as an ASGI application. `on_request` is called at each use of what it serves."""
    at_once = AT_ONCE if isinstance(served, Library) else AT_ONCE_OF_ARCHIVE
    answering = Answering(on_request, Turns(at_once, LONG_S))
    searches = SearchEndpoints(served, answering)
    routes = [
        Route("/search", searches.search, methods=["POST"]),
        Route("/similar", searches.similar, methods=["POST"]),
        Route("/label", searches.label, methods=["POST"]),
        Route("/timeline", searches.timeline, methods=["POST"]),
        Route("/events", searches.events, methods=["POST"]),
        Route("/places", searches.places, methods=["POST"]),
        Route("/suggest", searches.suggest),
        Route("/thumbnail/{photo_id}", searches.thumbnail),
        Route("/hello", searches.hello),
    ]
    if isinstance(served, Library):
        routes += [*_library_routes(served, answering), Route("/openapi.json", openapi)]
    else:
        archive = ArchiveEndpoints(served, answering)
        routes += [Route("/status", archive.status), Route("/openapi.json", archive.openapi)]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(RequestDeadlines),
            Middleware(KnownHosts),
            Middleware(TokenAuth, token=token),
        ],
        exception_handlers={404: no_route, 405: no_route, Exception: unexpected},
    )


def _library_routes(library: Library, answering: Answering) -> list[Route]:
    """What only a library on one machine has."""
    endpoints = LibraryEndpoints(library, answering)
    return [
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
        Route("/status", endpoints.status),
    ]


async def openapi(request: Request) -> Response:
    """The description of this service."""
    return json_response(openapi_document())


class SearchEndpoints:
    """What a library and an archive answer alike: searches, labels, counts, pictures of photos."""

    def __init__(self, searched: Library | Archive, answering: Answering) -> None:
        self._searched = searched
        self._answering = answering

    @cached_property
    def _thumbnail_limit(self) -> CapacityLimiter:
        return CapacityLimiter(CONCURRENT_THUMBNAILS)  # can be created only in a running loop

    async def hello(self, request: Request) -> Response:
        return json_response(handshake(self._searched.settings))

    async def search(self, request: Request) -> Response:
        return await self._answering.answer_body(request, SearchRequest, self._search)

    async def similar(self, request: Request) -> Response:
        return await self._answering.answer_body(request, SimilarRequest, self._search)

    async def label(self, request: Request) -> Response:
        return await self._answering.answer_body(request, LabelRequest, self._label)

    async def timeline(self, request: Request) -> Response:
        return await self._answering.answer_body(request, CountRequest, self._timeline)

    async def events(self, request: Request) -> Response:
        return await self._answering.answer_body(request, CountRequest, self._events)

    async def places(self, request: Request) -> Response:
        return await self._answering.answer_body(request, CountRequest, self._places)

    async def suggest(self, request: Request) -> Response:
        """How to go on with a line of the query language."""
        line = request.query_params.get("line", "")
        try:
            k = int(request.query_params.get("k", SUGGESTIONS))
            if k > MAX_K:
                raise ValueError
        except ValueError:
            return refusal(UsageError(f"The field k must be a whole number up to {MAX_K:,}."))
        return await self._answering.answer(
            lambda: codec.suggestions_to_json(self._searched.suggest(line, k))
        )

    async def thumbnail(self, request: Request) -> Response:
        """A photo as WebP, by its id: nothing else can be fetched."""
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
            return refusal(UsageError(message))
        try:
            content = await to_thread.run_sync(
                self._searched.thumbnail, photo_id, side_px, at_s, limiter=self._thumbnail_limit
            )
        except ImgsearchError as error:
            return refusal(error)
        if content is None:
            return refusal(UsageError("There is no photo with this id."), 404)
        return Response(content, media_type="image/webp", headers={"Cache-Control": "private"})

    def _search(self, request: Request, body: SearchRequest | SimilarRequest) -> codec.JsonObject:
        query = allowed(request, body.parsed(), body.k)
        return codec.answer_to_json(self._searched.find(query, body.k, body.cursor))

    def _label(self, request: Request, body: LabelRequest) -> codec.JsonObject:
        query = allowed_if_any(request, body.parsed(), body.k)
        labels = self._searched.label(body.named_classes(), query, body.k)
        labels.sort(key=lambda label: (label.name, -label.probability))
        hits = self._searched.photos([label.photo_id for label in labels])
        paths = {hit.photo.id: hit.path for hit in hits}
        return {
            "labels": [
                codec.label_to_cli_json(label, paths[label.photo_id])
                for label in labels
                if label.photo_id in paths
            ]
        }

    def _timeline(self, request: Request, body: CountRequest) -> codec.JsonObject:
        query = allowed_if_any(request, body.parsed(), body.k)
        return codec.timeline_to_json(self._searched.timeline(query, body.k))

    def _events(self, request: Request, body: CountRequest) -> codec.JsonObject:
        query = allowed_if_any(request, body.parsed(), body.k)
        return codec.events_to_json(self._searched.events(query, body.k))

    def _places(self, request: Request, body: CountRequest) -> codec.JsonObject:
        query = allowed_if_any(request, body.parsed(), body.k)
        return codec.places_to_json(self._searched.places(query, body.k))


class LibraryEndpoints:
    """What a library on one machine answers beyond searches."""

    def __init__(self, library: Library, answering: Answering) -> None:
        self._library = library
        self._answering = answering

    async def status(self, request: Request) -> Response:
        return await self._answering.answer(lambda: codec.status_to_json(self._library.status()))

    async def saved_searches(self, request: Request) -> Response:
        return await self._answering.answer(self._saved_searches)

    async def save_search(self, request: Request) -> Response:
        return await self._answering.answer_body(request, SaveRequest, self._save_search)

    async def mark_looked_at(self, request: Request) -> Response:
        return await self._answering.answer_body(request, NameRequest, self._mark_looked_at)

    async def rename_saved_search(self, request: Request) -> Response:
        return await self._answering.answer_body(request, RenameRequest, self._rename_saved_search)

    async def remove_saved_search(self, request: Request) -> Response:
        return await self._answering.answer_body(request, NameRequest, self._remove_saved_search)

    async def concepts(self, request: Request) -> Response:
        return await self._answering.answer(self._concepts)

    async def teach(self, request: Request) -> Response:
        return await self._answering.answer_body(request, TeachRequest, self._teach)

    async def photos_to_judge(self, request: Request) -> Response:
        return await self._answering.answer_body(request, JudgeRequest, self._photos_to_judge)

    async def forget_concept(self, request: Request) -> Response:
        return await self._answering.answer_body(request, NameRequest, self._forget_concept)

    async def encoders(self, request: Request) -> Response:
        return await self._answering.answer(self._encoders)

    async def use_encoder(self, request: Request) -> Response:
        return await self._answering.answer_body(request, NameRequest, self._use_encoder)

    async def drop_encoder(self, request: Request) -> Response:
        return await self._answering.answer_body(request, NameRequest, self._drop_encoder)

    async def last_trial(self, request: Request) -> Response:
        return await self._answering.answer(lambda: codec.trial_to_json(self._library.last_trial()))

    async def try_encoder(self, request: Request) -> Response:
        return await self._answering.answer_body(request, TryRequest, self._try_encoder)

    # ------------------------------------------------------------------ answers

    def _saved_searches(self) -> codec.JsonObject:
        return codec.saved_searches_to_json(self._library.saved_searches())

    def _save_search(self, request: Request, body: SaveRequest) -> codec.JsonObject:
        query = allowed(request, body.parsed(), body.k or 1)
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
            require_private(request)
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
            self._answering.is_at_work()
        return codec.trial_to_json(job.report)


class ArchiveEndpoints:
    """What an archive answers beyond searches."""

    def __init__(self, archive: Archive, answering: Answering) -> None:
        self._archive = archive
        self._answering = answering

    async def status(self, request: Request) -> Response:
        return await self._answering.answer(
            lambda: codec.archive_status_to_json(self._archive.status())
        )

    async def openapi(self, request: Request) -> Response:
        """The description of this service."""
        return json_response(archive_openapi_document())
