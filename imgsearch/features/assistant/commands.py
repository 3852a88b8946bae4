"""The command `imgsearch mcp`."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import click

from imgsearch.cli.output import archive_option, data_option, info, open_either
from imgsearch.errors import MissingPackage
from imgsearch.installation import install_command

IDLE_S = 600.0  # an assistant's program keeps its servers running for days


@click.command("mcp")
@click.option("--no-pictures", is_flag=True, help="Never send pictures, only facts about them.")
@click.option(
    "--allow-write",
    is_flag=True,
    help="Also let it propose changes: each asks you first, and can be undone.",
)
@archive_option
@data_option
def command(
    no_pictures: bool, allow_write: bool, address: str | None, data_dir: str | None
) -> None:
    """Answer an AI assistant by the Model Context Protocol, at standard input and output.

    \b
      claude mcp add imgsearch -- imgsearch mcp

    The program of the assistant starts this command; docs/mcp.md has the lines for its
    configuration. The assistant can search, and see dates, places, people, labels, text and the
    paths of photos, and a thumbnail on request. It cannot change anything.

    With --allow-write it can also propose any change that imgsearch undo can take back. The
    assistant's program asks you each time, with the photos by name; without your consent nothing
    is changed. The photo files are never changed.

    Whatever the assistant sees goes to its provider, unless its model runs on your machine.
    """
    if find_spec("mcp") is None:
        raise MissingPackage(
            f"imgsearch mcp needs one more package. Install it: {install_command('mcp')}"
        )
    from imgsearch.features.assistant.server import serve_stdio
    from imgsearch.features.assistant.tools import PhotoTools
    from imgsearch.service.idle import IdleTimer

    with open_either(data_dir, address) as library:
        if sys.stdin.isatty():
            info(
                "This command is for the program of an assistant, which talks to it at standard "
                "input: see docs/mcp.md. To end it: Ctrl-C"
            )
        idle = IdleTimer(IDLE_S, library.memory.release_encoder)
        serve_stdio(PhotoTools(library, not no_pictures, idle.restart, allow_write))
