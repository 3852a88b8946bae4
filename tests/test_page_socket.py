"""The socket on which the page listens."""

from __future__ import annotations

import asyncio
import socket

from ui.server import listening_socket


def test_answers_do_not_wait_for_the_acknowledgement_of_their_headers() -> None:
    """That takes up to 40 ms, at each of more than a hundred requests of a page."""

    async def option_of_a_connection() -> int:
        options: list[int] = []
        connected = asyncio.Event()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            connected.set()

        with listening_socket("127.0.0.1", 0) as listening:
            async with await asyncio.start_server(accept, sock=listening):
                _, writer = await asyncio.open_connection(*listening.getsockname())
                await asyncio.wait_for(connected.wait(), 60)
                writer.close()
        return options[0]

    assert asyncio.run(option_of_a_connection()) == 1
