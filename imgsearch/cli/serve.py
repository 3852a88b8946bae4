"""`imgsearch serve`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import data_option, open_library, say
from imgsearch.errors import UsageError

if TYPE_CHECKING:
    from imgsearch.service.server import RunningService

TOKEN_VARIABLE = "IMGSEARCH_SERVE_TOKEN"


@click.command("serve", short_help="Stay open and answer at once: other commands use it.")
@click.option("--port", metavar="N", type=int, help="Answer at this port of 127.0.0.1, too.")
@click.option(
    "--idle", metavar="MINUTES", type=click.FloatRange(min=0, min_open=True),
    help="Let the model's memory go after so long without a question. Else it is kept.",
)  # fmt: skip
@data_option
def command(port: int | None, idle: float | None, data_dir: str | None) -> None:
    """Keep the library and its model open, and answer until Ctrl-C or SIGTERM.

    While it runs, imgsearch search, imgsearch status and the page get their answers from it,
    which saves them loading the model; without it they find them themselves, and they are the
    same. It listens at a socket in the data folder that no other user may open, and on the
    network only with --port: there it wants a token, the one in the variable
    IMGSEARCH_SERVE_TOKEN or else one that it makes and keeps in the data folder. docs/serve.md
    tells what programs may ask it.
    """
    from imgsearch.service.auth import MIN_TOKEN_LENGTH
    from imgsearch.service.server import Network, serve

    token = os.environ.pop(TOKEN_VARIABLE, None) or None
    if port is not None and token is not None and len(token) < MIN_TOKEN_LENGTH:
        raise UsageError(
            f"The token in {TOKEN_VARIABLE} is too short: it needs {MIN_TOKEN_LENGTH} characters."
        )
    network = None if port is None else Network(port, token)
    with open_library(data_dir) as library:
        serve(library, network, None if idle is None else idle * 60, _say_how)


def _say_how(running: RunningService) -> None:
    say(f"Answering at {running.socket}, until Ctrl-C.")
    if running.port is not None:
        place = running.token_file or f"the variable {TOKEN_VARIABLE}"
        say(f"Answering at http://127.0.0.1:{running.port} whoever knows the token in {place}.")
