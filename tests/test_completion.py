"""Completion in real shells, and the manual page in a real `man`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgsearch.cli import COMMANDS, GROUPS, commands
from imgsearch.features import installed
from tests.factories import CHECKOUT, PATIENCE_S
from tests.programs import need_programs

BASH = r"""
source <(imgsearch completion bash)
complete -p imgsearch
complete_words() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _imgsearch_completion imgsearch 2> /dev/null  # compopt works for a key of readline only
    echo "${COMPREPLY[@]}"
}
complete_words imgsearch sta
complete_words imgsearch search --
complete_words imgsearch failures --reason not
complete_words imgsearch help pru
complete_words imgsearch rebuild --encoder li
"""
ZSH = r"""
autoload -U compinit && compinit -u
source <(imgsearch completion zsh)
echo $_comps[imgsearch]
"""
FISH = r"""
imgsearch completion fish | source
complete --do-complete "imgsearch sta"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A PATH with a command `imgsearch` that runs this checkout."""
    command = tmp_path / "bin" / "imgsearch"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m imgsearch "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT), "HOME": str(tmp_path)}


def output_of(shell: str, code: str, environment: dict[str, str], *options: str) -> str:
    need_programs(shell)
    done = subprocess.run(
        [shell, *options, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_completion_in_bash(environment: dict[str, str]) -> None:
    lines = output_of("bash", BASH, environment, "--norc").splitlines()
    assert re.fullmatch(r"complete .*-F _imgsearch_completion imgsearch", lines[0])
    assert lines[1] == "status"
    assert {"--json", "--paths", "--all"} <= set(lines[2].split())
    assert lines[3:] == ["not-an-image", "prune", "lite lite+views lite+dino lite+dino+views"]


def test_completion_in_zsh(environment: dict[str, str]) -> None:
    assert output_of("zsh", ZSH, environment, "-f").strip() == "_imgsearch_completion"


def test_completion_in_fish(environment: dict[str, str]) -> None:
    assert output_of("fish", FISH, environment, "--no-config").split()[0] == "status"


def test_an_unknown_shell_is_refused() -> None:
    done = CliRunner().invoke(commands, ["completion", "tcsh"])
    assert done.exit_code == 2 and "'bash', 'zsh', 'fish'" in done.output


@pytest.mark.needs("man")
def test_the_manual_page_in_man() -> None:
    page = CHECKOUT / "docs" / "imgsearch.1"
    done = subprocess.run(
        ["man", "--warnings", "-l", str(page)],
        env={**os.environ, "MANWIDTH": "200", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = re.sub(r".\x08", "", done.stdout)
    assert [name for name in COMMANDS if f"imgsearch {name}" not in text] == []
    titles = re.findall(r"^COMMANDS: (.+)$", text, re.MULTILINE)
    assert titles == [title.upper() for title in GROUPS]
    assert '\n         imgsearch search "two kids jumping into a lake"\n' in text
    assert re.search(r"\n +-k N +Return at most this many results\.", text)
    assert re.search(r"\n +9 +Another process is writing to this library\.", text)


def test_help_lists_every_command_once_under_its_purpose() -> None:
    """In the order of the groups, with all descriptions in one column and none shortened."""
    modules = {file.stem for file in (CHECKOUT / "imgsearch" / "cli").glob("*.py")}
    are_commands = {
        name
        for name in modules
        if "\ncommand" in _source(name) or "\ndef command(" in _source(name)
    }
    of_features = {name.replace("-", "_") for name in installed.commands()}
    assert {name.replace("-", "_") for name in COMMANDS} == are_commands | of_features
    assert len(COMMANDS) == sum(map(len, GROUPS.values()))  # each in one group

    done = CliRunner().invoke(commands, ["--help"], prog_name="imgsearch", terminal_width=88)
    sections: dict[str, list[str]] = {}
    starts = set()
    title = ""
    for line in done.output.partition("Options:")[2].splitlines():
        if line.endswith(":") and not line.startswith(" "):
            sections[title := line.removesuffix(":")] = []
        elif title and (row := re.fullmatch(r"  ([a-z-]+) {2,}(\S.*[^.])\.", line)):
            sections[title].append(row[1])
            starts.add(row.start(2))
    assert sections == {title: list(of_group) for title, of_group in GROUPS.items()}
    assert len(starts) == 1
    assert "..." not in done.output.partition("Find:")[2]


def _source(name: str) -> str:
    return (CHECKOUT / "imgsearch" / "cli" / f"{name}.py").read_text()
