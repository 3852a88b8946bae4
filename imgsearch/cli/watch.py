"""`imgsearch watch`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from inspect import cleandoc
from typing import TypeAlias, TypeVar

import click

from imgsearch import c_memory
from imgsearch.cli.output import PATH, complete_folder, data_option, no_archive_option, open_library
from imgsearch.cli.stopping import GRACE_S
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.progress import FeatureReport, Progress, SyncReport, WatchEvent, Watching
from imgsearch.text import format_count, printable

PROGRESS_EVERY_S = 5.0
_Function = TypeVar("_Function", bound=Callable[..., object])
Values: TypeAlias = dict[str, object]


# What features do meanwhile, by the name of their events.
_OF_FEATURES = {
    share.EVENT: share for share in (load(each.module) for each in installed.watching())
}


def _with_options(function: _Function) -> _Function:
    """Add the options of features, and what they say about them to the help text."""
    for share in _OF_FEATURES.values():
        function = share.options(function)
    helps = (share.HELP for share in _OF_FEATURES.values())
    function.__doc__ = "\n\n".join([cleandoc(function.__doc__ or ""), *helps])
    return function


@click.command("watch")
@click.argument(
    "folders", nargs=-1, metavar="[FOLDER]...", type=PATH, shell_complete=complete_folder
)
@_with_options
@click.option("--log-json", is_flag=True, help="Print one JSON object per line, for programs.")
@no_archive_option("folders to watch", "To add new photos: ", "index FOLDER --library {}")
@data_option
def command(
    folders: tuple[str, ...],
    log_json: bool,
    data_dir: str | None,
) -> None:
    """Add photo folders, and keep the library up to date until Ctrl-C or SIGTERM.

    A new photo is searchable a few seconds after it was written. Moved photos are not embedded
    again, and drives may come and go. All folders are rescanned every hour. You can search and run
    other commands at the same time. docs/watching.md describes the details, and how to start this
    command at login.
    """
    print_event = _print_json if log_json else _print_status if sys.stdout.isatty() else _print_line
    stop = _stop_at_signals()

    def notify(sentence: str) -> None:
        print_event("remark", {"message": sentence})

    printed_s = 0.0
    c_memory.share_between_threads()
    with ExitStack() as stack:
        library = stack.enter_context(open_library(data_dir, notify=notify))
        stack.enter_context(library.upkeep.looking_after())
        notices = [
            stack.enter_context(share.running(library, print_event, notify, stop))
            for share in _OF_FEATURES.values()
        ]
        for event in library.watch(folders, stop=stop):
            if isinstance(event, SyncReport | FeatureReport):
                for notice in notices:
                    notice()
            if isinstance(event, Progress) and event.done < event.total:
                too_soon = time.monotonic() - printed_s < PROGRESS_EVERY_S
                if too_soon and print_event is not _print_status:
                    continue
                printed_s = time.monotonic()
            if isinstance(event, FeatureReport) and print_event is _print_status:
                _print_state(f"{event.sentence}. Watching …")
            else:
                print_event(*_described(event))
    print_event("stopped", {})


def _described(event: WatchEvent) -> tuple[str, Values]:
    """Return the name of an event and its values, as docs/disk-changes.md documents them."""
    if isinstance(event, Progress):
        values: Values = {"done": event.done, "total": event.total}
        named = {"part": event.part or "", "step": event.step}
        return "progress", {**values, **{name: text for name, text in named.items() if text}}
    if isinstance(event, FeatureReport):
        return event.job, {**event.values}
    if isinstance(event, SyncReport):
        names = ("new", "moved", "copied", "gone", "missing", "offline", "failed", "reread")
        return "report", {name: getattr(event, name) for name in (*names, "photos")}
    return "watching", _folders(event)


def _folders(watching: Watching) -> Values:
    values: Values = {"folders": [str(root) for root in watching.roots]}
    if watching.polled:
        values["polled"] = {str(root): reason for root, reason in watching.polled}
        values["poll_s"] = watching.poll_s
    return values


# ------------------------------------------------------------------------- three formats


def _print_json(event: str, values: Values) -> None:
    line = {"time": _now(), "event": event, **values}
    click.echo(json.dumps(line, ensure_ascii=True))


def _print_line(event: str, values: Values) -> None:
    """Print a line for log collectors: time, event, name=value."""
    pairs = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    click.echo(printable(" ".join([_now(), event, *pairs])))


def _print_status(event: str, values: Values) -> None:
    """Print to a terminal: the last line shows the current state, important lines stay above it."""
    clear = "\r\x1b[K"
    clock = f"{datetime.now().astimezone():%H:%M:%S}"
    if event == "progress":
        counts = f"{values['done']} of {values['total']}"
        _print_state(f"{values.get('step', counts)} …")
    elif event == "report":
        # "moved" includes the copies, for programs; people see both numbers.
        moved = int(str(values["moved"])) - int(str(values["copied"]))
        numbers = {**values, "moved": moved, "photos": 0}
        done = ", ".join(f"{numbers[name]} {name}" for name in numbers if numbers[name])
        done = done or "up to date"
        photos = format_count(int(str(values["photos"])), "photo")
        _print_state(f"{done}; {photos}. Watching …")
    elif event == "remark":
        click.echo(f"{clear}{clock}  {printable(str(values['message']))}")
    elif event in _OF_FEATURES:
        _print_state(f"{_OF_FEATURES[event].sentence(values)}. Watching …")
    elif event == "stopped":
        click.echo(f"{clear}{clock}  Stopped; finished work is saved.")
    else:
        for line in _folder_lines(values):
            click.echo(f"{clear}{clock}  {printable(line)}")


def _print_state(text: str) -> None:
    """Print the state of a watch in the last line of a terminal, in place of the one before."""
    click.echo(f"\r\x1b[K{datetime.now().astimezone():%H:%M:%S}  {text}", nl=False)


def _folder_lines(values: Values) -> list[str]:
    polled = values.get("polled")
    polled = polled if isinstance(polled, dict) else {}
    folders = values["folders"]
    assert isinstance(folders, list)
    return [
        f"Watching {folder}"
        if folder not in polled
        else f"Scanning {folder} every {values['poll_s']:.0f} s: {polled[folder]}"
        for folder in folders
    ] or ["Every folder is offline or paused; waiting for one to return"]


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


# ------------------------------------------------------------------------- signals


def _stop_at_signals() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set. The process ends at most `GRACE_S` later.

    A separate thread handles the signals, since the main thread may be blocked inside the model.
    Nothing is lost by a forced exit: a batch is recorded completely or not at all.
    """
    stop = threading.Event()
    reader, writer = socket.socketpair()  # Windows takes no pipe here
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *arguments: None)  # the thread below reacts instead

    def wait(writer: socket.socket) -> None:  # which stays open as long as the thread runs
        while reader.recv(1)[0] not in (signal.SIGINT, signal.SIGTERM):
            pass  # another signal, for instance of a resized window
        stop.set()
        time.sleep(GRACE_S)
        sys.stdout.flush()
        os._exit(0)

    threading.Thread(target=wait, args=(writer,), name="imgsearch-signals", daemon=True).start()
    return stop
