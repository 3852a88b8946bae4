"""Requests to the routes of the page, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message


def answer_of(
    app: ASGIApp, path: str, method: str = "GET", **headers: str
) -> tuple[int, Headers, bytes]:
    """The status, headers and content that an ASGI application answers with."""
    scope = {
        "type": "http",
        "path": path,
        "method": method,
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    start, *parts = sent
    content = b"".join(part.get("body", b"") for part in parts)
    return start["status"], Headers(scope=start), content


AsyncRoute = Callable[[Request], Awaitable[Response]]


def put(route: AsyncRoute, content: object, **path_parameters: str) -> Response:
    """The answer of a route to a request by PUT with these bytes, or else with this JSON."""
    sent = content if isinstance(content, bytes) else json.dumps(content).encode()
    body = {"type": "http.request", "body": sent}

    async def receive() -> dict[str, Any]:
        return body

    async def answer() -> Response:
        scope = {"type": "http", "headers": [], "path_params": path_parameters}
        return await route(Request(scope, receive))

    return asyncio.run(answer())


def json_of(answer: Response) -> Any:
    """What it says; it must be no refusal."""
    assert answer.status_code == 200, bytes(answer.body)
    return json.loads(bytes(answer.body))
