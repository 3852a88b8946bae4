"""The service as an ASGI application: a route for each declared operation, and nothing by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imgsearch.library import Library
from imgsearch.operations.requests import Operation
from imgsearch.service.answering import Answering, json_response, no_route, unexpected
from imgsearch.service.auth import TokenAuth
from imgsearch.service.client import handshake
from imgsearch.service.connections import RequestDeadlines
from imgsearch.service.hosts import KnownHosts
from imgsearch.service.openapi import openapi_document
from imgsearch.service.table import operations_for
from imgsearch.service.turns import Turns

# Answers that are computed at once: see "Sixteen clients" in research/notes/service.md.
AT_ONCE = 3
AT_ONCE_FROM_STORAGE = 40  # they wait for object storage
LONG_S = 0.1  # then an answer does not count any more


def create_app(
    library: Library,
    token: str | None,
    on_request: Callable[[], None],
    secret: str | None = None,
) -> Starlette:
    """Return the service of a library. `on_request` is called at each use of it.

    `token` is for clients on the network, `secret` for this user where there are no Unix
    sockets.
    """
    at_once = AT_ONCE_FROM_STORAGE if "fleet" in library.capabilities else AT_ONCE
    answering = Answering(library, on_request, Turns(at_once, LONG_S))
    operations = operations_for(library)
    document = openapi_document(operations)

    async def hello(request: Request) -> Response:
        return json_response(handshake(library.settings))

    async def openapi(request: Request) -> Response:
        return json_response(document)

    return Starlette(
        routes=[
            *(_route(answering, operation) for operation in operations),
            Route("/hello", hello),
            Route("/openapi.json", openapi),
        ],
        middleware=[
            Middleware(RequestDeadlines),
            Middleware(KnownHosts),
            Middleware(TokenAuth, token=token, secret=secret),
        ],
        exception_handlers={404: no_route, 405: no_route, Exception: unexpected},
    )


def _route(answering: Answering, operation: Operation) -> Route:
    endpoint: Callable[[Request], Awaitable[Response]] = partial(answering.answer, operation)
    return Route(operation.declared.path, endpoint, methods=[operation.declared.method])
