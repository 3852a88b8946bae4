"""The content of requests, never read beyond a bound."""

from __future__ import annotations

from starlette.requests import Request


async def read_body(request: Request, most_bytes: int) -> bytes | None:
    """Read the body of a request; None if it is larger than this, without reading on."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            return None
    return bytes(body)
