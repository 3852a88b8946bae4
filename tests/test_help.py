"""`imgsearch help`, and the filters that it describes once for all commands."""

from __future__ import annotations

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from imgsearch.cli import commands
from imgsearch.cli.manual import manual_page
from imgsearch.language.fields import FIELDS


def run(*words: str) -> str:
    result = CliRunner().invoke(commands, words, prog_name="imgsearch")
    assert result.exit_code == 0, result.output
    return result.output


def test_filters_are_described_once_and_taken_by_each_command() -> None:
    described = run("help", "filters")
    assert all(f"--{name} " in described for name in FIELDS)
    for name in ("search", "timeline", "explain"):
        text = run(name, "--help")
        assert "--FILTER VALUE" in text and "imgsearch help filters" in text
        assert "--camera TEXT" not in text
    manual = manual_page(commands, {"Find": ["search", "explain"]})
    assert manual.count(r"\-\-camera TEXT") == 1


def test_the_shell_completes_filters() -> None:
    completed = BashComplete(commands, {}, "imgsearch", "_IMGSEARCH_COMPLETE")
    offered = {each.value for each in completed.get_completions(["search"], "--")}
    assert {f"--{name}" for name in FIELDS} <= offered
    assert "filters" in {each.value for each in completed.get_completions(["help"], "fi")}


@pytest.mark.features("saved")
def test_the_examples_of_a_command_have_those_of_features_at_their_end() -> None:
    """However often the command is looked up."""
    lines = run("search", "--help").splitlines()
    (at,) = [number for number, line in enumerate(lines) if "'saved:beach after:2024'" in line]
    end = lines.index("", at)
    assert all(each.startswith("    imgsearch search ") for each in lines[at - 1 : end])
    assert run("search", "--help").count("saved:beach") == 1


def test_help_of_an_unknown_name_is_an_error() -> None:
    result = CliRunner().invoke(commands, ["help", "filters", "camera"], prog_name="imgsearch")
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit | click.UsageError)
