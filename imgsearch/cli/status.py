"""`imgsearch status`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import ask_library, data_option, json_option, print_json
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.progress import RunningJob
    from imgsearch.records.status import Status

FAILURES_SHOWN = 10


@click.command("status", short_help="Show folders, photos, index, failures, disk used.")
@json_option
@data_option
def command(as_json: bool, data_dir: str | None) -> None:
    """Show what the library holds: folders, photos, encoder, index, failures, disk used."""
    status, running = ask_library(data_dir, lambda library: (library.status(), library.running()))
    if as_json:
        from imgsearch.service.codec import status_to_cli_json

        print_json({**status_to_cli_json(status), "running": running and asdict(running)})
        return
    print_status(status)
    if running is not None:
        click.echo(f"Now       {_running_words(running)} (process {running.pid})")


def _running_words(running: RunningJob) -> str:
    words = running.doing
    if running.total:
        words += f": {running.done} of {running.total}"
    if running.left_s is not None:
        words += f", {running.rate:.0f} photos/s, {running.left_s:.0f} s left"
    return words


def print_status(status: Status) -> None:
    """The status for people."""
    click.echo(f"Library   {printable(status.data_dir)} ({status.disk_bytes / 1e6:.1f} MB)")
    for root in status.roots:
        state = "online" if root.online else "offline"
        click.echo(f"Folder    {printable(root.path)} ({root.photos} photos, {state})")
        if root.missing:
            click.echo(
                f"          {root.missing} of them went missing at once, and are kept. If you "
                "removed them on purpose:\n"
                "          imgsearch index --accept-removals"
            )
    click.echo(f"Photos    {status.photos}")
    click.echo(f"Encoder   {status.encoder or 'none yet'}")
    snapshot = status.snapshot
    if snapshot is None:
        click.echo(f"Index     none yet; {status.vectors} vectors searched as they are")
    else:
        click.echo(
            f"Index     {snapshot.kind}, {snapshot.vectors} vectors, "
            f"{snapshot.built_at:%Y-%m-%d %H:%M} UTC; {status.tail} newer ones beside it"
        )
        found = snapshot.details
        if "recall_text" in found and "recall_image" in found:
            click.echo(
                f"          recall@10 {found['recall_text']:.3f} for words, "
                f"{found['recall_image']:.3f} for examples"
            )
    click.echo(f"Failures  {len(status.failures)}")
    for reason, number in Counter(failure.reason for failure in status.failures).most_common():
        click.echo(f"  {reason.value}: {number}")
    for want in status.wants:
        needs = "file needs" if want.files == 1 else "files need"
        click.echo(f"  {want.files} {want.format} {needs}: {want.cure}")
    others = [failure for failure in status.failures if failure.extra is None]
    for failure in others[:FAILURES_SHOWN]:
        click.echo(f"  {printable(failure.path)}: {printable(failure.message)}")
    if status.failures:
        click.echo("  All of them: imgsearch failures. Try them again: imgsearch failures --retry")
