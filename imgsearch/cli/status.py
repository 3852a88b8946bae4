"""`imgsearch status`."""

from __future__ import annotations

from collections import Counter

import click

from imgsearch.cli.asked import Asked, asks
from imgsearch.cli.folders import describe_root
from imgsearch.cli.output import print_json
from imgsearch.cli.progress import format_rate
from imgsearch.cli.remarks import info
from imgsearch.errors import CommandLine, Sentence
from imgsearch.index.policy import IndexPolicy
from imgsearch.library import Library
from imgsearch.progress import RunningJob
from imgsearch.records.status import Status, ThumbnailCounts
from imgsearch.text import format_count, printable, shell_word

FAILURES_SHOWN = 10


@click.command("status")
@asks(Library.status)
def command(asked: Asked[Status]) -> None:
    """Show the state of the library: folders, photos, model, index, failures, disk usage."""
    from imgsearch.addresses import working_folder
    from imgsearch.config import Settings
    from imgsearch.operations.records import to_json
    from imgsearch.store.progress_file import running_job

    status = asked.answer()
    folder = Settings.load(data_dir=asked.data_dir).data_dir
    if asked.address is not None:
        folder = working_folder(folder, asked.address)
    running = running_job(folder)
    if running is None and status.copy is not None:
        running = running_job(status.copy.folder)
    if asked.as_json:
        print_json({**to_json(status), "running": running})
        return
    if status.kind == "archive":
        _print_archive(status)
    else:
        print_status(status)
    if running is None:
        for job in status.unfinished:
            click.echo(f"Not done  {job.sentence} To go on: {job.command}")
    else:
        click.echo(f"Now       {_running_text(running)} (process {running.pid})")


def _print_archive(status: Status) -> None:
    copy = status.copy
    assert copy is not None
    at = f", version {copy.version}" if copy.version else ""
    click.echo(f"Archive   {printable(status.address)}{at}")
    state = "complete" if copy.is_complete else "not complete yet"
    size_mb = status.disk_bytes / 1e6
    click.echo(f"Copy      {printable(copy.folder)} ({size_mb:.1f} MB, {state})")
    if copy.waiting:
        waiting = format_count(copy.waiting, "change")
        click.echo(f"Waiting   {waiting} made here, to be sent when the storage takes them")
    click.echo(f"Photos    {status.photos}")
    click.echo(f"Encoder   {status.encoder}")
    _print_index(status)
    if status.failed:
        click.echo(f"Failures  {status.failed}")


def _print_index(status: Status) -> None:
    snapshot = status.snapshot
    if snapshot is None:
        if status.vectors > IndexPolicy().tail_rows:  # a smaller library needs none
            click.echo("Index     none yet")
            info(Sentence("To build the index: ", CommandLine("rebuild")))
        return
    vectors = format_count(snapshot.vectors, "vector")
    newer = format_count(status.tail, "newer vector")
    click.echo(
        f"Index     {snapshot.kind}, {vectors}, {snapshot.built_at:%Y-%m-%d %H:%M} UTC; "
        f"{newer} not in it"
    )
    _print_recall(status.recall_text, status.recall_image)


def _print_recall(text: float | None, image: float | None) -> None:
    if text is not None and image is not None:
        click.echo(f"          recall@10 {text:.3f} for words, {image:.3f} for examples")


def _running_text(running: RunningJob) -> str:
    text = running.doing
    if running.step:
        return f"{text}: {running.step}"
    if running.total:
        text += f": {running.done} of {running.total}"
    if running.left_s is not None:
        text += f", {format_rate(running.rate)}, {running.left_s:.0f} s left"
    return text


def _thumbnails_text(thumbnails: ThumbnailCounts) -> str:
    if thumbnails.photos is None:
        return "the stored thumbnails are damaged: imgsearch doctor --repair"
    size_mb = thumbnails.size_bytes / 1e6
    return f"{format_count(thumbnails.photos, 'kept thumbnail')} ({size_mb:.1f} MB)"


def print_status(status: Status) -> None:
    """Print the status for people."""
    click.echo(f"Library   {printable(status.address)} ({status.disk_bytes / 1e6:.1f} MB)")
    for root in status.roots:
        click.echo(f"Folder    {printable(root.path)} ({describe_root(root)})")
        if root.paused:
            click.echo(
                f"          To resume it: imgsearch folders --resume {shell_word(root.path)}"
            )
        if root.missing:
            missing = format_count(root.missing, "photo")
            click.echo(
                f"          {missing} disappeared at once, held as missing. If you deleted them on "
                "purpose:\n"
                "          imgsearch index --accept-removals"
            )
    click.echo(f"Photos    {status.photos}")
    click.echo(f"Pictures  {_thumbnails_text(status.thumbnails)}")
    click.echo(f"Encoder   {status.encoder or 'none yet'}")
    _print_index(status)
    if not status.failures:
        return
    click.echo(f"Failures  {len(status.failures)}")
    for reason, count in Counter(failure.reason for failure in status.failures).most_common():
        click.echo(f"  {reason.value}: {count}")
    for want in status.wants:
        files = format_count(want.files, f"{want.format} file")
        click.echo(f"  To read {files}: {want.cure}")
    others = [failure for failure in status.failures if failure.extra is None]
    for failure in others[:FAILURES_SHOWN]:
        click.echo(f"  {printable(failure.path)}: {printable(failure.message)}")
    only_folders = all(failure.failed_at is None for failure in status.failures)
    retry = "imgsearch index" if only_folders else "imgsearch failures --retry"
    click.echo(f"  To list all: imgsearch failures. To retry: {retry}")
