"""Keeps links, lists and commands in step with saved searches while `imgsearch watch` runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.features.saved.output_options import (
    outputs_from_options,
    outputs_in_words,
    outputs_options,
)
from imgsearch.features.saved.records import OutputsReport
from imgsearch.features.saved.updater import OutputsUpdater
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.library import Library

EVENT = "saved"
HELP = """\b
  imgsearch watch --links beach=~/Frame
  imgsearch watch --list beach=~/beach.m3u8 --exec beach='notify-send "New at the beach" {}'

With these options it also updates a folder of links or a list from a saved search, and runs a
command for its new photos. docs/saved-searches.md has the details."""
options = outputs_options


def sentence(values: Mapping[str, object]) -> str:
    """Return what was updated, for a person, from the values of an event."""
    return f"{printable(str(values['name']))}: {outputs_in_words(values)}"


@contextmanager
def running(
    library: Library,
    print_event: Callable[[str, dict[str, object]], None],
    notify: Callable[[str], None],
    stop: Event,
) -> Iterator[Callable[[], None]]:
    """Update the outputs while the block runs: at each call of the given function, and regularly.

    Links and lists are updated at once, so that their errors are raised before the block begins.
    """
    outputs = outputs_from_options()
    if not outputs:
        yield lambda: None
        return

    def report(done: OutputsReport) -> None:
        names = ("name", "photos", "linked", "unlinked", "listed", "announced")
        print_event(EVENT, {name: getattr(done, name) for name in names})

    for each in outputs:
        at_once = library.saved.update_outputs(replace(each, command=()))
        if at_once.is_change:
            report(at_once)
    updater = OutputsUpdater(outputs, library.saved.update_outputs, report, notify, stop)
    try:
        yield updater.notice
    finally:
        updater.close()
