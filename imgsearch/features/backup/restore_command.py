"""`imgsearch restore`."""

from __future__ import annotations

import click

from imgsearch.cli.output import (
    PATH,
    archive_option,
    data_option,
    json_option,
    open_either,
    print_json,
)
from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.backup.telling import print_report
from imgsearch.text import shell_word


@click.command("restore")
@click.argument("file", type=PATH)
@click.option("--dry-run", is_flag=True, help="Only print what would come into the library.")
@json_option
@archive_option
@data_option
def command(
    file: str, dry_run: bool, as_json: bool, address: str | None, data_dir: str | None
) -> None:
    """Merge FILE, a backup that imgsearch backup or the library itself has made, into the library.

    \b
      imgsearch restore photos.jsonl.gz --dry-run
      imgsearch restore photos.jsonl.gz

    What the library lacks is added. What is different there stays, and is listed, unless both say
    when it was changed and FILE is later. Photos are known by their content; of photos that the
    library does not have yet, the rest comes when they are indexed and FILE is restored again. To
    restore FILE again changes nothing. imgsearch undo takes back what docs/backups.md lists.
    """
    with open_either(data_dir, address) as library:
        report = library.backups.restore(file, dry_run=dry_run)
    if as_json:
        print_json(report)
        return
    print_report(report, Sentence(CommandLine(f"restore {shell_word(file)}")))
