"""`imgsearch serve`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import archive_option, data_option, info, open_either
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from imgsearch.service.server import RunningService

TOKEN_VARIABLE = "IMGSEARCH_SERVE_TOKEN"


@click.command("serve")
@click.option("--port", metavar="N", type=int, help="Listen at this port of 127.0.0.1 as well.")
@click.option(
    "--idle",
    metavar="MINUTES",
    type=click.FloatRange(min=0, min_open=True),
    help="Release the memory of the model after this time without a request. Default: never.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 64),
    default=1,
    help="Answer from this number of processes, for many clients at once. Default: 1.",
)
@archive_option
@data_option
def command(
    port: int | None,
    idle: float | None,
    workers: int,
    address: str | None,
    data_dir: str | None,
) -> None:
    """Keep the library and its model open, and answer requests until Ctrl-C or SIGTERM.

    While it runs, imgsearch search, imgsearch status and the page get their answers from it and
    need not load the model. Without it they compute the same answers themselves. It listens at a
    socket in the data folder that no other user can open, and on the network only with --port.
    Network requests need a token: the value of the variable IMGSEARCH_SERVE_TOKEN, or else one that
    is created and stored in the data folder. docs/http-requests.md describes the requests.

    One process answers a hundred and more searches a second. Where many people search at once,
    --workers 2 or more, up to the number of cores, answer more; the model is in memory once.

    With --library, it answers imgsearch search --library ADDRESS. Any number of machines may serve
    one archive.
    """
    from imgsearch.service.auth import MIN_TOKEN_LENGTH
    from imgsearch.service.server import Network, serve

    token = os.environ.pop(TOKEN_VARIABLE, None) or None
    if port is not None and token is not None and len(token) < MIN_TOKEN_LENGTH:
        raise UsageError(
            f"The token in {TOKEN_VARIABLE} is too short: it needs {MIN_TOKEN_LENGTH} characters."
        )
    network = None if port is None else Network(port, token)
    with open_either(data_dir, address) as served:
        idle_s = None if idle is None else idle * 60
        serve(served, network, idle_s, _print_addresses, workers=workers, notify=info)


def _print_addresses(running: RunningService) -> None:
    info(f"Listening at {running.file}. Stop with Ctrl-C.")
    if running.port is not None:
        token = running.token_file or f"the variable {TOKEN_VARIABLE}"
        info(f"Listening at http://127.0.0.1:{running.port} with the token in {token}.")
