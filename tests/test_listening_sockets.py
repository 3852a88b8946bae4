"""The sockets on which the page and the service listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsearch.service.address import LoopbackAddress
from imgsearch.service.server import network_socket
from ui.server import listening_socket

SOCKETS: dict[str, Callable[[Path], socket.socket]] = {
    "page": lambda folder: listening_socket("127.0.0.1", 0),
    "service at a port": lambda folder: network_socket(0),
    "service without Unix sockets": lambda folder: LoopbackAddress().bound(folder).socket,
}


@pytest.mark.parametrize("name", SOCKETS)
def test_answers_do_not_wait_for_the_acknowledgement_of_their_headers(
    name: str, tmp_path: Path
) -> None:
    """That takes up to 40 ms, at each of more than a hundred requests of a page."""

    async def option_of_a_connection() -> int:
        options: list[int] = []
        connected = asyncio.Event()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            connected.set()

        with SOCKETS[name](tmp_path) as listening:
            async with await asyncio.start_server(accept, sock=listening):
                _, writer = await asyncio.open_connection(*listening.getsockname())
                await asyncio.wait_for(connected.wait(), 60)
                writer.close()
        return options[0]

    assert asyncio.run(option_of_a_connection()) == 1
