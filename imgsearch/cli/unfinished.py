"""Says, at the end of a command that shows photos, that some may be missing."""

from __future__ import annotations

from contextlib import suppress

import click

from imgsearch.cli.cures import given
from imgsearch.cli.output import info
from imgsearch.errors import CommandLine, ImgsearchError, Sentence
from imgsearch.features import installed
from imgsearch.text import format_count

# These say it themselves, go on with it, or do not show what a library has.
_SILENT = frozenset(
    {
        *("completion", "demo", "doctor", "encoders", "help", "index", "rebuild", "serve"),
        *("status", "ui", "unpack", "watch"),
        *(name for name, each in installed.commands().items() if not each.says_unfinished),
    }
)
_OF = {  # else in all commands
    name: set(job.shown_by) or {job.command.split()[0]} for name, job in installed.jobs().items()
}


def say_what_is_unfinished(context: click.Context) -> None:
    """Print to standard error which jobs of this machine's library were not finished.

    `context` is the context of `imgsearch`, after a command. Jobs of features are named by the
    commands that show what they find. Nothing is said where there is no library, or an archive was
    named.
    """
    name = context.invoked_subcommand
    if name is None or name in _SILENT or given(context, "--library") is not None:
        return
    with suppress(ImgsearchError):  # the command itself has done its work
        _say(name, given(context, "--data"))


def _say(name: str, data_dir_name: str | None) -> None:
    from imgsearch.config import Settings
    from imgsearch.store.database import DATABASE_FILE, Database
    from imgsearch.store.unfinished import UnfinishedStore

    data_dir = Settings.load(data_dir=data_dir_name).data_dir
    if not (data_dir / DATABASE_FILE).exists():
        return
    database = Database.open(data_dir)
    try:
        jobs = UnfinishedStore(database).all()
    finally:
        database.close()
    jobs = tuple(job for job in jobs if name in _OF.get(job.job, {name}))
    if not jobs:
        return
    from imgsearch.store.progress_file import running_job

    running = running_job(data_dir)
    if running is None:
        for job in jobs:
            command = CommandLine(job.command.removeprefix("imgsearch "))
            info(Sentence(f"{job.sentence} To go on: ", command))
    elif running.doing == "Indexing" and jobs[0].job == "index":
        photos = format_count(running.total, "photo")
        info(f"Photos are being indexed now: {running.done} of {photos}. More will be found.")
