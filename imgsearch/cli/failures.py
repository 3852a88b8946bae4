"""`imgsearch failures`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import data_option, follow, json_option, open_library, print_json, say
from imgsearch.errors import Reason
from imgsearch.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgsearch.records.status import Failure


@click.command("failures", short_help="List files that could not be read; try them again.")
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="REASON",
    type=click.Choice([reason.value for reason in Reason]),
    help="Only files that failed for it; may be given several times. imgsearch status counts them.",
)
@click.option("--retry", is_flag=True, help="Try them again now, then list those that still fail.")
@json_option
@data_option
def command(reasons: tuple[str, ...], retry: bool, as_json: bool, data_dir: str | None) -> None:
    """List the files that could not be read, each with the reason, and what would help.

    imgsearch index tries them again by itself: once they change, once a decoder or an extra is
    installed or updated, and each time where the reason may pass by itself (unreadable, changed,
    timed-out). docs/formats.md tells what each reason means.
    """
    with open_library(data_dir) as library:
        if retry:
            report = follow(library.retry(reasons), "Trying again")
            say(f"{report.new + report.moved} can be read now; {report.failed} cannot.")
        failures = library.failures(reasons)
    if as_json:
        from imgsearch.service.codec import failure_to_cli_json

        print_json([failure_to_cli_json(failure) for failure in failures])
    else:
        print_failures(failures)


def print_failures(failures: Sequence[Failure]) -> None:
    """Failures for people: reason, path, sentence."""
    for failure in failures:
        path, message = printable(failure.path), printable(failure.message)
        click.echo(f"{failure.reason.value:<12}  {path}: {message}")
    if not failures:
        say("No file failed.")
