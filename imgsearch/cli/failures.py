"""`imgsearch failures`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import (
    archive_option,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.cli.progress import run_with_progress
from imgsearch.cli.terminal import standard_output
from imgsearch.errors import CommandLine, Reason, Sentence
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.records.status import Failure


@click.command("failures")
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="REASON",
    type=click.Choice([reason.value for reason in Reason]),
    help="Only files that failed for this reason, see imgsearch status. May be given several "
    "times.",
)
@click.option(
    "--retry", is_flag=True, help="Read the files again, then list those that still fail."
)
@json_option
@archive_option
@data_option
def command(
    reasons: tuple[str, ...], retry: bool, as_json: bool, address: str | None, data_dir: str | None
) -> None:
    """List the files that could not be read, with the reason and what to do about it.

    Unreadable folders come first; every imgsearch index tries them again.

    imgsearch index retries files when they change, when a decoder or an extra is installed or
    updated, and on every run if the reason may be temporary (unreadable, changed, timed-out).
    docs/formats.md explains the reasons.
    """
    with open_either(data_dir, address) as library:
        if retry:
            report = run_with_progress(library.folders.retry(reasons), "Retrying", ends_soon=True)
            info(f"{report.new + report.moved} can be read now; {report.failed} cannot.")
        failures = library.folders.failures(reasons)
    if as_json:
        print_json(failures)
        return
    print_failures(failures)
    if not failures:
        info("No file failed for this reason." if reasons else "No file failed.")


def print_failures(failures: Sequence[Failure]) -> None:
    """Print failures for people: reason, path, message."""
    text = standard_output()
    for failure in failures:
        reason = text.styled(f"{failure.reason.value:<12}", "yellow")
        text.print(f"{reason}  {text.path(failure.path)}: {printable(failure.message)}")
    if any(failure.failed_at is None for failure in failures):
        info(Sentence("To read the folders again: ", CommandLine("index")))
