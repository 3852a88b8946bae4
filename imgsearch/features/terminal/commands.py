"""The command `imgsearch browse`."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.output import archive_option, archive_settings, data_option, update_copy
from imgsearch.errors import CommandLine, Sentence, UsageError


@click.command("browse")
@click.argument("words", nargs=-1, metavar="[QUERY]")
@archive_option
@data_option
def command(words: tuple[str, ...], address: str | None, data_dir: str | None) -> None:
    """Search, and look at the photos found, in the terminal: a box for the query, and a grid.

    \b
      imgsearch browse "two kids jumping into a lake"
      imgsearch browse 'sunset after:2023-06'

    QUERY is in the query language of docs/query-language.md. Without it, the newest photos are
    shown. The arrow keys move between photos; Enter opens one in the program of your desktop, c
    copies its path, n shows the next page, p the previous one, / moves to the query, q quits. The
    quality of the pictures depends on the terminal: see imgsearch search --preview.
    """
    from imgsearch.cli.preview import is_terminal_for_pictures, require_terminal_extra

    require_terminal_extra("The browser in the terminal")
    if not is_terminal_for_pictures():
        raise UsageError(
            Sentence(
                "imgsearch browse needs a terminal. For pipes: ", CommandLine("search --paths")
            )
        )
    from imgsearch.config import Settings
    from imgsearch.features.terminal.photo_browser import PhotoBrowser
    from imgsearch.library import Library

    remarks: list[str] = []
    encoder = click.get_current_context().obj  # see `imgsearch.cli.main`
    if address is None:
        settings = Settings.load(data_dir=data_dir)
        opened = Library.open(settings, remarks.append, encoder=encoder)
    else:
        settings = archive_settings(data_dir)
        opened = Library.open_archive(address, settings, remarks.append, encoder=encoder)
        update_copy(opened)
    with opened as library:
        library.photo_count()  # raises without a library, before the terminal changes
        PhotoBrowser(library, " ".join(words), remarks).run()
    sys.stdout.flush()
