"""Remarks and errors of commands for people, on standard error."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.cures import as_typed
from imgsearch.text import printable

INTERRUPTED = 130  # exit code after Ctrl-C, as in shells: 128 + SIGINT


def info(sentence: str) -> None:
    """Print a remark for people, to standard error; above a progress bar, if one is shown."""
    sentence = as_typed(sentence, click.get_current_context(silent=True))
    click.echo(printable(sentence), file=sys.stderr)  # `err` would go past the bar, into its line


def print_error(sentence: str) -> None:
    """Print an error to standard error."""
    click.echo(f"imgsearch: {printable(sentence)}", err=True)
