"""Colours and clickable paths, if standard output is a terminal that supports them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import click
from msgspec import Struct

from imgsearch.text import printable

Colour: TypeAlias = Literal["green", "yellow", "red"]

# These terminals print the address of a link as text, or crash:
# https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda
_WITHOUT_LINKS = ("linux", "rxvt")
_FIRST_VTE_WITH_LINKS = 5000  # 0.50


class TerminalText(Struct, frozen=True):
    """Formats text for people; without colours and links, it only escapes the text."""

    has_colours: bool = False
    has_links: bool = False

    def styled(self, text: str, colour: Colour | None = None, *, dim: bool = False) -> str:
        """Return the text in a colour, or faint."""
        return click.style(text, fg=colour, dim=dim or None) if self.has_colours else text

    def path(self, path: Path, *, can_open: bool = True) -> str:
        """Return a path with a faint folder, which opens the file at a click if `can_open`."""
        text = printable(path)
        if self.has_colours:
            name = printable(path.name)
            text = self.styled(text[: len(text) - len(name)], dim=True) + name
        if not self.has_links or not can_open or "://" in text:
            return text
        from socket import gethostname
        from urllib.parse import quote

        # The link has the name of the machine, so that a terminal at the other end of SSH does not
        # open a file of its own.
        place = path.absolute().as_posix()
        place = place if place.startswith("/") else f"/{place}"  # a drive of Windows
        address = f"file://{quote(gethostname())}{quote(os.fsencode(place))}"
        return f"\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\"

    def print(self, line: str) -> None:
        """Print a line of formatted texts. click.echo would remove forced colours."""
        click.echo(line, color=self.has_colours)


def terminal_text(environment: Mapping[str, str], is_terminal: bool) -> TerminalText:
    """Return the formatting for an output with this environment.

    NO_COLOR and CLICOLOR=0 switch both off, CLICOLOR_FORCE switches colours on for any output:
    https://no-color.org and https://bixense.com/clicolors. Links are for terminals only.
    """
    if environment.get("NO_COLOR"):
        return TerminalText()
    name = environment.get("TERM", "")
    is_capable = is_terminal and name not in ("", "dumb")
    is_forced = environment.get("CLICOLOR_FORCE", "0") not in ("", "0")
    is_wanted = environment.get("CLICOLOR") != "0"
    has_colours = is_forced or (is_capable and is_wanted)
    return TerminalText(has_colours, is_capable and has_colours and _has_links(environment))


def _has_links(environment: Mapping[str, str]) -> bool:
    vte = environment.get("VTE_VERSION", "")
    is_old = vte.isdecimal() and int(vte) < _FIRST_VTE_WITH_LINKS
    is_emacs = "INSIDE_EMACS" in environment
    return not is_old and not is_emacs and not environment["TERM"].startswith(_WITHOUT_LINKS)


def standard_output() -> TerminalText:
    """Return the formatting for standard output of this process."""
    return terminal_text(os.environ, sys.stdout.isatty())
