"""Answers a request of the service in a thread, as JSON, with refusals that name a cure."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from anyio import CapacityLimiter, to_thread
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from imgsearch.errors import ImgsearchError, UsageError
from imgsearch.library import Library
from imgsearch.operations.bodies import KeptImages
from imgsearch.operations.declared import method_of
from imgsearch.operations.records import (
    as_request,
    encode_json,
    load_json,
)
from imgsearch.operations.requests import Operation, names_files
from imgsearch.records.query import Query
from imgsearch.service.auth import is_private
from imgsearch.service.client import MAX_BODY_BYTES
from imgsearch.service.connections import deadline_of
from imgsearch.service.refusals import converted, refusal_of
from imgsearch.service.table import operations_for
from imgsearch.service.turns import Turns
from imgsearch.text import printable

CONCURRENT_PICTURES = 8  # a page requests sixty at once, and queries must not wait for them
_CURE = "See /openapi.json for all fields."
_STATUS_CODES = {2: 400, 5: 422, 6: 503, 9: 409}  # by exit code of the error's class; else 500


class Answering:
    """Computes the answers of one library, each in a thread. `on_request` is called before each.

    Answers take turns; pictures do not wait for them.
    """

    def __init__(self, library: Library, on_request: Callable[[], None], turns: Turns) -> None:
        self._library = library
        self._on_request = on_request
        self._turns = turns

    @cached_property
    def _picture_limit(self) -> CapacityLimiter:
        return CapacityLimiter(CONCURRENT_PICTURES)  # can be created only in a running loop

    async def answer(self, operation: Operation, request: Request) -> Response:
        """Return the answer to a request of an operation."""
        try:
            # What nobody asked for in a GET is not read: see `RequestDeadlines`.
            content = b"" if operation.declared.method == "GET" else await _content(request)
        except TimeoutError:
            return refusal(UsageError("The request did not arrive in time."), 408)
        if content is None:
            limit_mb = MAX_BODY_BYTES >> 20
            return refusal(UsageError(f"The request is larger than {limit_mb} MB."), 413)
        self._on_request()
        if operation.is_picture:
            return await to_thread.run_sync(
                self._respond, operation, request, content, limiter=self._picture_limit
            )
        async with self._turns.turn():
            return await run_in_threadpool(self._respond, operation, request, content)

    def _respond(self, operation: Operation, request: Request, content: bytes) -> Response:
        started = time.perf_counter()
        try:
            if operation.declared.method == "GET":
                arguments = read_address(operation, {**request.query_params, **request.path_params})
            else:
                arguments = read_body(operation, content, self._library.pictures.kept_example)
            if names_files(tuple(arguments.values())) and not is_private(request.scope):
                raise _Forbidden(
                    "The service reads example files only for requests over its socket. Send the "
                    "bytes of the image instead."
                )
            result = method_of(self._library, operation.function)(**arguments)
            if operation.is_picture and result is None:
                return refusal(UsageError(f"There is no {_pictured(operation)} with this id."), 404)
            response = _response(result)
        except _Forbidden as error:
            return refusal(UsageError(str(error)), 403)
        except ImgsearchError as error:
            return refusal(error)
        took_ms = (time.perf_counter() - started) * 1000
        response.headers["Server-Timing"] = f"answer;dur={took_ms:.1f}"
        return response


def _pictured(operation: Operation) -> str:
    """Name what an operation sends the picture of, by the id in its address."""
    return "face" if "{face_id}" in operation.declared.path else "photo"


class _Forbidden(UsageError):
    pass


class OperationAnswer(Struct, frozen=True):
    """The JSON with which a library answers a request, and whether the request has changed it."""

    json: bytes
    is_change: bool


class RequestedOperation(Struct, frozen=True):
    """An operation that is no picture, with the arguments of a request for it."""

    operation: Operation
    arguments: Mapping[str, Any]

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries among the arguments."""
        return tuple(each for each in self.arguments.values() if isinstance(each, Query))

    def answered(self, library: Library) -> OperationAnswer:
        """Answer the request in this process. Raises as the operation does."""
        result: object = method_of(library, self.operation.function)(**self.arguments)
        return OperationAnswer(encode_json(result), self.operation.declared.is_change)


def requested(
    library: Library, method: str, path: str, content: bytes, fields: Mapping[str, str]
) -> RequestedOperation:
    """Read a request for an operation of a library that is no picture.

    `method` and `path` belong to a request to the service, such as "GET" and "/photo/7", and
    `fields` to the address of a GET. Raises UsageError for an operation that the library does
    not have, for invalid arguments, and for an example that is a file; and as `read_body` does.
    """
    operation, in_path = _operation_at(library, method, path)
    if method == "GET":
        arguments = read_address(operation, {**fields, **in_path})
    else:
        arguments = read_body(operation, content, library.pictures.kept_example)
    if names_files(tuple(arguments.values())):
        raise UsageError("Send the bytes of the image and not the path of a file.")
    return RequestedOperation(operation, arguments)


def _operation_at(library: Library, method: str, path: str) -> tuple[Operation, Mapping[str, str]]:
    """Return the operation that a request asks for, and the values that its path names."""
    for operation in operations_for(library):
        if operation.declared.method == method and not operation.is_picture:
            in_path = operation.fields_in(path)
            if in_path is not None:
                return operation, in_path
    raise UsageError(f"This library has no operation {method} {printable(path[:60])}.")


def read_body(
    operation: Operation, content: bytes, kept_images: KeptImages | None = None
) -> dict[str, Any]:
    """Return the arguments that the body of a request stands for: see `Operation.arguments`.

    A field that is null counts as absent, and an unknown field is refused. An id may be a text.
    """
    form = load_json(content, as_request)
    _refuse_half_characters(form)
    request = converted(form, operation.request, "field", "The request body", _CURE)
    return operation.arguments(request, kept_images)


def read_address(operation: Operation, fields: Mapping[str, str]) -> dict[str, Any]:
    """Do as `read_body`, with the fields in the address of a request."""
    _refuse_half_characters(list(fields.values()))
    request = converted(fields, operation.request, "field", "The address", _CURE, from_texts=True)
    return operation.arguments(request)


def _refuse_half_characters(form: object) -> None:
    """Raise UsageError for a text that is neither Unicode nor could be the name of a file.

    Names of files that are not UTF-8 have lone surrogates for their bytes (PEP 383): these stay.
    """
    waiting = [form]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            try:
                os.fsencode(value)
            except UnicodeEncodeError as error:
                half = printable(value[error.start])
                raise UsageError(
                    f"The request has {half}, half of a character. Send texts as valid Unicode."
                ) from None


def _response(result: object) -> Response:
    if isinstance(result, bytes):
        return Response(result, media_type="image/webp", headers={"Cache-Control": "private"})
    return json_response(result)


async def _content(request: Request) -> bytes | None:
    """Return the body of a request; None if it is too large, without reading beyond the limit."""
    content = bytearray()
    async with asyncio.timeout_at(deadline_of(request.scope)):
        async for chunk in request.stream():
            content += chunk
            if len(content) > MAX_BODY_BYTES:
                return None
    return bytes(content)


def json_response(value: object, status: int = 200) -> Response:
    """Return a record, or a value of JSON, as JSON."""
    return Response(encode_json(value), status, {"Cache-Control": "no-store"}, "application/json")


def refusal(error: ImgsearchError, status: int | None = None) -> Response:
    """Return an error as JSON, with the status code of its class."""
    code = status or _STATUS_CODES.get(error.exit_code, 500)
    return json_response(refusal_of(error), code)


async def no_route(request: Request, error: Exception) -> Response:
    """Return the answer to a request that no route has."""
    assert isinstance(error, HTTPException)
    message = "Not found." if error.status_code == 404 else "Method not allowed."
    return refusal(UsageError(f"{message} See /openapi.json"), error.status_code)


async def unexpected(request: Request, error: Exception) -> Response:
    """Return the answer where something failed that is nobody's mistake."""
    return refusal(ImgsearchError("Something unexpected went wrong in the service."), 500)
