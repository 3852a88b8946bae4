"""How the service answers a request: in a thread, as JSON, with refusals that say what to do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from imgsearch.errors import ImgsearchError, QueryError, UsageError
from imgsearch.records.query import Query
from imgsearch.service import codec
from imgsearch.service.auth import is_private
from imgsearch.service.client import MAX_BODY_BYTES, MAX_K, names_files
from imgsearch.service.connections import deadline_of
from imgsearch.service.schema import Body, read_request
from imgsearch.service.turns import Turns

_STATUS_CODES = {2: 400, 5: 422, 6: 503, 9: 409}  # by exit code of the error's class; else 500

_Body = TypeVar("_Body", bound=Body)


class Answering:
    """Computes answers, each in a thread, in turns. `on_request` is called before each."""

    def __init__(self, on_request: Callable[[], None], turns: Turns) -> None:
        self._on_request = on_request
        self._turns = turns

    async def answer(self, compute: Callable[[], codec.JsonObject]) -> Response:
        """The answer to a request without a body."""
        self._on_request()
        async with self._turns.turn():
            return await run_in_threadpool(_response, compute)

    def is_at_work(self) -> None:
        """Say that an answer that takes long is still being computed: the service is not idle."""
        self._on_request()

    async def answer_body(
        self,
        request: Request,
        kind: type[_Body],
        compute: Callable[[Request, _Body], codec.JsonObject],
    ) -> Response:
        """The answer to a request whose body is of this kind."""
        try:
            content = await _content(request)
        except TimeoutError:
            return refusal(UsageError("The request did not arrive in time."), 408)
        if content is None:
            limit_mb = MAX_BODY_BYTES >> 20
            return refusal(UsageError(f"The request is larger than {limit_mb} MB."), 413)
        return await self.answer(lambda: compute(request, read_request(content, kind)))


def _response(answer: Callable[[], codec.JsonObject]) -> Response:
    started = time.perf_counter()
    try:
        response = json_response(answer())
    except _Forbidden as error:
        return refusal(UsageError(str(error)), 403)
    except ImgsearchError as error:
        return refusal(error)
    took_ms = (time.perf_counter() - started) * 1000
    response.headers["Server-Timing"] = f"answer;dur={took_ms:.1f}"
    return response


class _Forbidden(UsageError):
    pass


def allowed(request: Request, query: Query, k: int) -> Query:
    """The query, if this request may ask it. Raises QueryError and, for files, a refusal."""
    if k > MAX_K:
        raise QueryError(f"The number of results must be {MAX_K} or less.")
    if names_files(query):
        require_private(request)
    return query


def require_private(request: Request) -> None:
    """Raise if a request that names a file did not come over the socket."""
    if not is_private(request.scope):
        raise _Forbidden(
            "The service reads example files only for requests over its socket. Send the bytes of "
            "the image instead."
        )


def allowed_if_any(request: Request, query: Query | None, k: int) -> Query | None:
    """As `allowed`; None for all photos."""
    return None if query is None else allowed(request, query, k)


async def _content(request: Request) -> bytes | None:
    """The body of a request; None if it is too large, without reading beyond the limit."""
    content = bytearray()
    async with asyncio.timeout_at(deadline_of(request.scope)):
        async for chunk in request.stream():
            content += chunk
            if len(content) > MAX_BODY_BYTES:
                return None
    return bytes(content)


def json_response(value: object, status: int = 200) -> Response:
    """A value as JSON."""
    # ASCII, so that file names that are not UTF-8 survive, escaped.
    content = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return Response(content, status, {"Cache-Control": "no-store"}, "application/json")


def refusal(error: ImgsearchError, status: int | None = None) -> Response:
    """An error as JSON, with the status code of its class."""
    code = status or _STATUS_CODES.get(error.exit_code, 500)
    return json_response({"error": codec.error_to_json(error)}, code)


async def no_route(request: Request, error: Exception) -> Response:
    """The answer to a request that no route has."""
    assert isinstance(error, HTTPException)
    message = "Not found." if error.status_code == 404 else "Method not allowed."
    return refusal(UsageError(f"{message} See /openapi.json"), error.status_code)


async def unexpected(request: Request, error: Exception) -> Response:
    """The answer where something failed that is nobody's mistake."""
    return refusal(ImgsearchError("Something unexpected went wrong in the service."), 500)
