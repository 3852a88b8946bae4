"""The command `imgsearch run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.output import PATH, print_json
from imgsearch.features.scripts.running import ScriptError, run_script
from imgsearch.library import Library


def _named(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """Read NAME=VALUE, each name once."""
    values: dict[str, str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name.isidentifier():
            raise click.BadParameter(f"{each!r} is not NAME=VALUE.")
        if name in values:
            raise click.BadParameter(f"{name} is given twice.")
        values[name] = value
    return values


@click.command("run")
@click.argument("script", metavar="SCRIPT", type=PATH)
@asks(
    Library.find,
    click.option("-k", "most", type=click.IntRange(1), metavar="N", help="Use at most N photos."),
    click.option(
        "--set",
        "given",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_named,
        help="Give the function a further argument. May be given several times.",
    ),
    k="",
    cursor="",
)
def command(asked: Asked[Any], script: str, most: int | None, given: dict[str, str]) -> None:
    """Run the function of SCRIPT, a file of Python, on the photos that QUERY finds.

    \b
      imgsearch run sharpest.py "a dog" --year 2019
      imgsearch run frame.py is:favourite -k 50 --set width=1920

    The function has the line @script above it, from imgsearch, and gets the open library and the
    photos: all that are not weak, or, without QUERY, all of the library. docs/scripts.md has twenty
    such scripts. --json prints what the function returns.

    A script may do anything that you may do: run only those that you have read.
    """
    query = asked.arguments["query"]
    with asked.open() as library:
        result = run_script(library, Path(script), query, most, given)
    if asked.as_json:
        try:
            print_json(result)
        except (TypeError, NotImplementedError) as error:
            kind = type(result).__name__
            raise ScriptError(f"The function returns no JSON, but {kind}: {error}") from error
