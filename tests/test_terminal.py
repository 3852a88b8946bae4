"""Colours and clickable paths: on a terminal that has them, and nowhere else."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from imgsearch import Library
from imgsearch.cli.terminal import TerminalText, terminal_text
from tests.factories import PATIENCE_S, cli_environment, run_cli

XTERM = {"TERM": "xterm-256color"}
LINK = re.compile(r"\x1b\]8;;([^\x1b]+)\x1b\\(.*?)\x1b\]8;;\x1b\\")
STYLE = re.compile(r"\x1b\[[\d;]*m")


@pytest.mark.parametrize(
    ("environment", "is_terminal", "has_colours", "has_links"),
    [
        (XTERM, True, True, True),
        (XTERM, False, False, False),
        ({}, True, False, False),
        ({"TERM": "dumb"}, True, False, False),
        ({**XTERM, "NO_COLOR": "1"}, True, False, False),
        ({**XTERM, "NO_COLOR": ""}, True, True, True),
        ({**XTERM, "NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, True, False, False),
        ({**XTERM, "CLICOLOR": "0"}, True, False, False),
        ({**XTERM, "CLICOLOR_FORCE": "1"}, False, True, False),
        ({**XTERM, "CLICOLOR_FORCE": "0"}, False, False, False),
        ({"TERM": "dumb", "CLICOLOR_FORCE": "1"}, True, True, False),
        ({"TERM": "linux"}, True, True, False),
        ({**XTERM, "VTE_VERSION": "4803"}, True, True, False),
        ({**XTERM, "VTE_VERSION": "7600"}, True, True, True),
        ({**XTERM, "INSIDE_EMACS": "29.1"}, True, True, False),
    ],
)
def test_what_an_output_has(
    environment: dict[str, str], is_terminal: bool, has_colours: bool, has_links: bool
) -> None:
    expected = TerminalText(has_colours, has_links)
    assert terminal_text(environment, is_terminal) == expected


def test_a_link_leads_to_the_file() -> None:
    path = Path(os.fsdecode(b"/photos/A b;\x1b]#%/caf\xe9 \xf0\x9f\x8c\xb4.jpg"))
    link = LINK.fullmatch(TerminalText(has_links=True).path(path))
    assert link is not None
    parts = urlsplit(link[1])
    assert (parts.scheme, parts.netloc) == ("file", socket.gethostname())
    assert link[1].isascii() and ";" not in link[1]
    assert unquote(parts.path, errors="surrogateescape") == str(path)
    assert link[2] == "/photos/A b;\\x1b]#%/caf\\udce9 🌴.jpg"
    assert "\x1b" not in TerminalText(has_links=True).path(path, can_open=False)


def test_search_in_a_terminal(demo: Library) -> None:
    """The same lines in a terminal as in a pipe, with colours and links."""
    if sys.platform == "win32":
        pytest.skip("needs Unix")
    data = demo.settings.data_dir
    arguments = ("search", "a motorcycle", "-k", "2", "--all")
    piped = run_cli(*arguments, data=data, **XTERM).stdout
    assert "\x1b" not in piped
    terminal, output = os.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "imgsearch", *arguments],
            env=cli_environment(data, **XTERM),
            stdout=output,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=True,
        )
        shown = os.read(terminal, 1 << 16).decode()
    finally:
        os.close(terminal)
        os.close(output)
    links = [Path(unquote(urlsplit(address).path)) for address, _ in LINK.findall(shown)]
    assert links == [hit.path for hit in demo.search("a motorcycle", k=2)]
    assert "\x1b[32msure" in shown
    assert STYLE.sub("", LINK.sub(r"\2", shown)).replace("\r\n", "\n") == piped
    forced = run_cli(*arguments, data=data, CLICOLOR_FORCE="1").stdout
    assert STYLE.search(forced) and not LINK.search(forced)
    assert STYLE.sub("", forced) == piped
    json_and_paths = [run_cli(*arguments, each, data=data, CLICOLOR_FORCE="1") for each in
                      ("--json", "--paths")]  # fmt: skip
    assert not any("\x1b" in done.stdout for done in json_and_paths)
