"""Shared parts of the commands: common options, opening the library, and printing."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from imgsearch.cli.cures import given, remember
from imgsearch.cli.remarks import INTERRUPTED as INTERRUPTED
from imgsearch.cli.remarks import info as info
from imgsearch.cli.remarks import print_error as print_error
from imgsearch.errors import CommandLine, LibraryLocked, Sentence, StorageUnreachable, UsageError
from imgsearch.text import path_text, printable, shell_word

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from imgsearch.config import Settings
    from imgsearch.library import Library
    from imgsearch.progress import Download, RateMeter
    from imgsearch.records.changes import Change
    from imgsearch.service.api import Asking

_Command = TypeVar("_Command", bound=Callable[..., object])

NO_RESULT = 1  # exit code
PATH = click.Path(readable=False)  # the library checks paths, and its messages say what to do
_REPLICA = "--replica"
_CONTEXT_CHARACTERS = 60  # shown of a query line on either side of an error

# ------------------------------------------------------------------------- completion


def complete_folder(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Let the shell complete the name of a folder."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def complete_encoder(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Return the encoders that begin with the typed text, for shell completion."""
    from imgsearch.encoders.registry import encoder_choices

    return [each.name for each in encoder_choices() if each.name.startswith(incomplete)]


# ------------------------------------------------------------------------- common options


def data_option(function: _Command) -> _Command:
    """Add `--data DIR`, which every command takes."""
    return click.option(
        "--data",
        "data_dir",
        metavar="DIR",
        type=PATH,
        shell_complete=complete_folder,
        callback=remember,
        help="Folder of the library. Default: IMGSEARCH_DATA, else your user data folder.",
    )(function)


def archive_option(function: _Command) -> _Command:
    """Add `--library ADDRESS` and `--replica DIR`, for commands that also work on an archive."""
    replica = click.option(
        _REPLICA,
        metavar="DIR",
        type=PATH,
        expose_value=False,  # `open_archive` asks for it
        shell_complete=complete_folder,
        callback=remember,
        help="With --library: folder for the copy of the archive. Default: IMGSEARCH_REPLICA_DIR, "
        "else the cache folder.",
    )
    return click.option(
        "--library",
        "address",
        metavar="ADDRESS",
        callback=remember,
        help="An archive instead of the library of this machine: a folder, or s3://BUCKET/NAME.",
    )(replica(function))


def no_archive_option(
    what: str, instead: str = "Leave --library out.", command: str | None = None
) -> Callable[[_Command], _Command]:
    """Add `--library` to a command that no archive has: it is refused with a sentence.

    An archive has no `what`. `instead` is the sentence about what to do, perhaps by `command`, with
    `{}` where the address belongs.
    """

    def refuse(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            cure = () if command is None else (CommandLine(command.format(shell_word(value))),)
            raise UsageError(
                Sentence(
                    f"The archive {value} has no {what}: only a library on one machine has. "
                    f"{instead}",
                    *cure,
                )
            )

    return click.option("--library", expose_value=False, hidden=True, callback=refuse)


def json_option(function: _Command) -> _Command:
    """Add `--json`, for commands that print results.

    One before the name of a subcommand, as in `album --json show NAME`, is one of that command.
    """

    def also_before(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
        before = context.parent.params if context.parent is not None else {}
        return value or bool(before.get("as_json"))

    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=also_before,
        help="Print the result as JSON.",
    )(function)


# ------------------------------------------------------------------------- the library


def open_library(
    data_dir: str | None,
    encoder: str | None = None,
    notify: Callable[[str], None] | None = None,
) -> Library:
    """Open the library that the options and the environment name.

    Its remarks go to `notify`, by default to standard error.
    """
    from imgsearch.config import Settings

    return _open(Settings.load(data_dir=data_dir, encoder=encoder), notify or info)


def archive_settings(data_dir: str | None, encoder: str | None = None) -> Settings:
    """Return the settings to open an archive with. For commands with `archive_option`."""
    from imgsearch.config import Settings

    replica_dir = given(click.get_current_context(), _REPLICA)
    return Settings.load(data_dir=data_dir, encoder=encoder, replica_dir=replica_dir)


def open_archive(
    address: str, data_dir: str | None = None, encoder_name: str | None = None
) -> Library:
    """Open the archive at this address. Raises MissingPackage without the extra `scale`.

    Its copy on this machine is brought up to date by the first question, without progress.
    """
    from imgsearch.library import Library

    context = click.get_current_context()
    settings = archive_settings(data_dir, encoder_name)
    return Library.open_archive(address, settings, info, DownloadPrinter(), encoder=context.obj)


def open_either(data_dir: str | None, address: str | None, *, updates_copy: bool = True) -> Library:
    """Open the archive at an address, or without one the library of the data folder.

    The copy of the archive on this machine is brought up to date, with progress, unless the command
    has no need of it.
    """
    if address is None:
        return open_library(data_dir)
    archive = open_archive(address, data_dir)
    if updates_copy:
        update_copy(archive)
    return archive


def update_copy(archive: Library) -> None:
    """Bring the copy of an archive on this machine up to date, with progress.

    While another process does so, or the storage cannot be reached, it stays as it is: it answers,
    and the first question says why.
    """
    from imgsearch.cli.progress import run_with_progress

    with suppress(LibraryLocked, StorageUnreachable):
        run_with_progress(archive.fleet.update_copy(), "Copying the archive", ends_soon=True)


@contextmanager
def asking(data_dir: str | None, address: str | None = None) -> Iterator[Asking]:
    """Provide an object that calls operations of the running service, or of the library.

    The library is opened when the first call needs it, and closed at the end of the block.
    """
    from imgsearch.config import Settings
    from imgsearch.service.api import Asking

    settings, folder = Settings.load(data_dir=data_dir), None
    if address is not None:
        from imgsearch.addresses import working_folder

        folder = working_folder(settings.data_dir, address)
    with ExitStack() as stack:

        @cache
        def library() -> Library:
            return stack.enter_context(open_either(data_dir, address))

        yield Asking(settings, lambda: nullcontext(library()), folder)


def _open(settings: Settings, notify: Callable[[str], None]) -> Library:
    from imgsearch.library import Library

    encoder = click.get_current_context().obj  # see `imgsearch.cli.main`
    return Library.open(settings, notify, DownloadPrinter(), encoder=encoder)


# ------------------------------------------------------------------------- printing


def print_position(line: str, at: int) -> None:
    """Print the part of a line around one character, with an arrow below it, to standard error."""
    start = max(0, at - _CONTEXT_CHARACTERS)
    before, rest = printable(line[start:at]), printable(line[at : at + _CONTEXT_CHARACTERS])
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in before)
    click.echo(f"  {before}{rest}\n  {' ' * width}^", err=True)


def print_bytes(content: bytes) -> None:
    """Print bytes unchanged: file names need not be valid text."""
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def print_paths(paths: Iterable[str | Path], nul: bool) -> None:
    """Print each path with a line break after it, or with NUL."""
    end = b"\0" if nul else b"\n"
    print_bytes(b"".join(os.fsencode(path_text(path)) + end for path in paths))


def print_json(value: object) -> None:
    """Print one JSON value; records in it become objects with their fields.

    ASCII only, so that file names that are not UTF-8 survive, escaped.
    """
    from imgsearch.operations.records import dump_json, to_json

    click.echo(dump_json(to_json(value), indent=2))


def print_change(change: Change) -> None:
    """Print a change, and how to undo it."""
    click.echo(printable(change.title))
    if change.id is not None:
        info(Sentence("To undo this: ", CommandLine("undo")))


class DownloadPrinter:
    """Prints how a model is got: of each file its size, then its progress, and each later step.

    A line comes at every tenth of a file, and after each `every_s` seconds. `clock` gives the time
    in seconds.
    """

    def __init__(self, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._meters: dict[str, RateMeter] = {}  # by file
        self._printed: dict[str, tuple[int, float]] = {}  # tenth and second, by file

    def __call__(self, download: Download) -> None:
        if download.preparing:
            info(f"Preparing {download.file} for this machine, once: {download.preparing}")
            return
        from imgsearch.progress import Progress, RateMeter

        file, done, size = download.file, download.done_bytes, download.size_bytes
        meter = self._meters.setdefault(file, RateMeter(self._clock))
        meter.starts_part(Progress(done, size))
        tenth = 10 * done // size if size else 0
        printed_tenth, printed_s = self._printed.get(file, (-1, 0.0))
        if tenth == printed_tenth and self._clock() - printed_s < self._every_s:
            return
        self._printed[file] = tenth, self._clock()
        info(f"Downloading {_download_text(download, meter)}")


def _download_text(download: Download, meter: RateMeter) -> str:
    """Say how far a download is: "FILE, 605 MB: 20 %, 4.1 MB/s, 118 s left".

    Without a known size: "FILE: 12 MB, 4.1 MB/s".
    """
    size_mb, done_mb = download.size_bytes / 1e6, download.done_bytes / 1e6
    parts = [f"{done_mb:.0f} MB"]
    if download.size_bytes:
        parts = [f"{100 * download.done_bytes // download.size_bytes} %"]
    if meter.rate and download.done_bytes != download.size_bytes:
        parts.append(f"{meter.rate / 1e6:.1f} MB/s")
        if meter.left_s is not None and download.size_bytes:
            parts.append(f"{meter.left_s:.0f} s left")
    size = f", {size_mb:.0f} MB" if download.size_bytes else ""
    return f"{download.file}{size}: {', '.join(parts)}"
