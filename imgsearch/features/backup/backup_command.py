"""`imgsearch backup`."""

from __future__ import annotations

from inspect import cleandoc

import click

from imgsearch.cli.output import (
    PATH,
    archive_option,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.backup.counting import counted, kinds_in_words
from imgsearch.text import printable, shell_word

_HELP = """Write what you made into FILE.

    \b
      imgsearch backup ~/Documents/photos.jsonl.gz
      imgsearch restore ~/Documents/photos.jsonl.gz     (also in a new library)

    The file has {}. It has no photos and no vectors. It knows photos by their content, so it fits a
    library that was indexed anew on another machine. It is text, a line for each thing, and
    compressed if its name ends in .gz. An older backup is replaced, and no other file.

    Without FILE, a copy is made in the folder backups of the data folder. The library also makes
    one by itself once a day if something has changed, when imgsearch index, watch, serve or ui
    runs, and keeps ten: see the setting backups in docs/settings.md.
    """


@click.command("backup", help=cleandoc(_HELP.format(kinds_in_words())))
@click.argument("file", required=False, type=PATH)
@json_option
@archive_option
@data_option
def command(file: str | None, as_json: bool, address: str | None, data_dir: str | None) -> None:
    """Make a backup: see `_HELP`."""
    with open_either(data_dir, address) as library:
        made = library.backups.make(file)
    if as_json:
        print_json(made)
        return
    if made is None:
        info("Nothing has changed since the newest backup in the data folder.")
        return
    click.echo(printable(f"{counted(made.counts) or 'Nothing was made yet'}: {made.file}"))
    info(Sentence("To restore it: ", CommandLine(f"restore {shell_word(made.file)}")))
