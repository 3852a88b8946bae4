"""`imgsearch watch`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import datetime

import click

from imgsearch.cli.output import data_option, open_library
from imgsearch.progress import Progress, SyncReport, WatchEvent, Watching
from imgsearch.text import printable

PROGRESS_EVERY_S = 5.0
GRACE_S = 1.5  # what is in hand when the end comes may take so long; what it loses is done again
Values = dict[str, object]


@click.command("watch", short_help="Keep the library up to date for as long as it runs.")
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path())
@click.option("--log-json", is_flag=True, help="One JSON object a line, for programs.")
@data_option
def command(folders: tuple[str, ...], log_json: bool, data_dir: str | None) -> None:
    """Add photo folders, and keep the library equal to the disk until Ctrl-C or SIGTERM.

    A new photo is found a few seconds after it was written; moves cost nothing; a drive may come
    and go. Every hour all folders are looked at, whatever happened in between. Searching works
    meanwhile, and so do the other commands. See docs/watching.md for what happens in each case,
    and for how to start this by itself when you log in.
    """
    show = _as_json if log_json else _on_terminal if sys.stdout.isatty() else _as_line
    stop = _stop_at_signals()

    def tell(sentence: str) -> None:
        show("remark", {"message": sentence})

    said_s = 0.0
    with open_library(data_dir, tell=tell) as library:
        for news in library.watch(folders, stop=stop):
            if isinstance(news, Progress) and news.done < news.total:
                if time.monotonic() - said_s < PROGRESS_EVERY_S and show is not _on_terminal:
                    continue
                said_s = time.monotonic()
            show(*_described(news))
    show("stopped", {})


def _described(news: WatchEvent) -> tuple[str, Values]:
    """What happened, in a word and its numbers."""
    if isinstance(news, Progress):
        return "progress", {"done": news.done, "total": news.total}
    if isinstance(news, SyncReport):
        names = ("new", "moved", "gone", "missing", "offline", "failed", "reread", "photos")
        return "report", {name: getattr(news, name) for name in names}
    return "watching", _folders(news)


def _folders(news: Watching) -> Values:
    values: Values = {"folders": [str(root) for root in news.roots]}
    if news.polled:
        values["polled"] = {str(root): why for root, why in news.polled}
        values["poll_s"] = news.poll_s
    return values


# ------------------------------------------------------------------------- three ways to say it


def _as_json(event: str, values: Values) -> None:
    line = {"time": _now(), "event": event, **values}
    click.echo(json.dumps(line, ensure_ascii=True))


def _as_line(event: str, values: Values) -> None:
    """A line as log collectors read it: time, event, name=value."""
    pairs = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    click.echo(printable(" ".join([_now(), event, *pairs])))


def _on_terminal(event: str, values: Values) -> None:
    """The last line of the screen says how things are; what is worth keeping stays above it."""
    clear = "\r\x1b[K"
    clock = f"{datetime.now().astimezone():%H:%M:%S}"
    if event == "progress":
        click.echo(f"{clear}{clock}  {values['done']} of {values['total']} …", nl=False)
    elif event == "report":
        numbers = [f"{values[name]} {name}" for name in values if values[name] and name != "photos"]
        done = ", ".join(numbers) or "up to date"
        click.echo(f"{clear}{clock}  {done}; {values['photos']} photos. Watching …", nl=False)
    elif event == "remark":
        click.echo(f"{clear}{clock}  {printable(str(values['message']))}")
    elif event == "stopped":
        click.echo(f"{clear}{clock}  Stopped; what was done is kept.")
    else:
        for folder in _lines(values):
            click.echo(f"{clear}{clock}  {printable(folder)}")


def _lines(values: Values) -> list[str]:
    polled = values.get("polled")
    polled = polled if isinstance(polled, dict) else {}
    folders = values["folders"]
    assert isinstance(folders, list)
    return [
        f"Watching {folder}"
        if folder not in polled
        else f"Looking at {folder} every {values['poll_s']:.0f} s, not at once: {polled[folder]}"
        for folder in folders
    ] or ["No folder is there now; waiting for one to come back"]


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


# ------------------------------------------------------------------------- the end


def _stop_at_signals() -> threading.Event:
    """Set when Ctrl-C or SIGTERM comes. The process ends `GRACE_S` later in any case.

    A thread hears of the signals: the main one may be inside a model that does not let go. To end
    hard loses nothing, since a batch is recorded whole or not at all.
    """
    stop = threading.Event()
    hear, call = os.pipe()
    os.set_blocking(call, False)
    signal.set_wakeup_fd(call)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *arguments: None)  # the thread below does what is to be done

    def wait() -> None:
        while os.read(hear, 1)[0] not in (signal.SIGINT, signal.SIGTERM):
            pass  # another signal, such as the one for a resized window
        stop.set()
        time.sleep(GRACE_S)
        sys.stdout.flush()
        os._exit(0)

    threading.Thread(target=wait, name="imgsearch-signals", daemon=True).start()
    return stop
