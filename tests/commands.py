"""Runs commands in this process, for tests of what they print."""

from __future__ import annotations

from click.testing import CliRunner

from imgsearch import Library
from imgsearch.cli import commands
from tests.stand_in import StandIn


def run(library: Library, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command with this library."""
    library.close()
    done = CliRunner(env={"COLUMNS": "60", **environment}).invoke(
        commands,
        [*arguments, "--data", str(library.settings.data_dir)],
        obj=StandIn(),
    )
    return done.exit_code, done.stdout, done.stderr
