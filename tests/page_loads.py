"""Loads of the page without a browser: the requests and the messages that a browser sends."""

from __future__ import annotations

import urllib.request
from email.message import Message
from typing import TYPE_CHECKING

import pytest

from tests.browsing import PATIENCE_MS, TOKEN

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection


def cookie_of(address: str) -> str:
    """The cookie that opens the page at an address, as a browser sends it."""
    with urllib.request.urlopen(f"{address}/?token={TOKEN}", timeout=PATIENCE_MS / 1000) as answer:
        headers: Message = answer.headers
    return headers["Set-Cookie"].split(";")[0]


def connect(address: str, cookie: str) -> ClientConnection:
    """The websocket of a tab that is opened."""
    client = pytest.importorskip("websockets.sync.client")
    connection: ClientConnection = client.connect(
        f"{address.replace('http', 'ws', 1)}/_stcore/stream",
        subprotocols=["streamlit"],
        origin=address,
        additional_headers={"Cookie": cookie},
        max_size=None,
        open_timeout=PATIENCE_MS / 1000,
    )
    return connection


def run_script(connection: ClientConnection) -> None:
    """Let a tab ask for the page, and wait until all of it has arrived."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    asked = BackMsg()
    asked.rerun_script.query_string = ""
    connection.send(asked.SerializeToString())
    while True:
        told = ForwardMsg.FromString(connection.recv(PATIENCE_MS / 1000))
        if told.WhichOneof("type") == "script_finished":
            assert told.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            return


def load(address: str, cookie: str) -> None:
    """Open a tab, wait until the page is shown, and close the tab."""
    with connect(address, cookie) as connection:
        run_script(connection)
