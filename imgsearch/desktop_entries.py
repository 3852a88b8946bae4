"""The files that put imgsearch into the menu of a desktop and start its service at log-in.

Linux has a .desktop file and a systemd user unit, macOS a .command file and a launchd agent, and
Windows two command scripts in the Start menu. Each file says by whom it was made, and only such
files are ever replaced or removed.
"""

from __future__ import annotations

import os
import plistlib
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple
from unicodedata import category

from imgsearch.errors import DiskError, UsageError

System = Literal["linux", "darwin", "win32"]
SYSTEM: System = (
    "win32" if sys.platform == "win32" else "darwin" if sys.platform == "darwin" else "linux"
)
# XML allows no two hyphens here.
_MARK = "Made by imgsearch. Its command ui with the option uninstall removes it"
_FOLDERS = re.compile(rf"{re.escape(_MARK)} and (\d+) empty folders above it\.")
_UNIT = "imgsearch-serve.service"
_AGENT = "local.imgsearch.serve"
_MAX_FILE_BYTES = 100_000
# Control characters, parts of names that are no UTF-8, and ends of lines and paragraphs.
# Rights that the service does not need: systemd.exec(5). Those that need a namespace of its own are
# left out, since not every system lets a user make one.
_SANDBOX = """NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
UMask=0077"""
_IN_NO_FILE = ("Cc", "Cs", "Zl", "Zp")


class Entry(NamedTuple):
    """A file to make, or with a target a symbolic link."""

    path: Path
    text: str
    mode: int = 0o600
    target: str | None = None


class Entries(NamedTuple):
    """The files of a system, and the commands that tell it about them, which may fail."""

    files: tuple[Entry, ...]
    after_install: tuple[tuple[str, ...], ...] = ()
    before_uninstall: tuple[tuple[str, ...], ...] = ()
    after_uninstall: tuple[tuple[str, ...], ...] = ()


def entries(
    program: Sequence[str],
    data_dir: Path,
    home: Path,
    environment: Mapping[str, str],
    system: System = SYSTEM,
    page_options: Sequence[str] = (),
) -> Entries:
    """Return the entries that run `program`, the command imgsearch without arguments.

    Their places follow from `home` and `environment` alone. Raises UsageError for a path that no
    such file can have, such as one of several lines.
    """
    page = (*program, "ui", "--data", str(data_dir), *page_options)
    serve = (*program, "serve", "--data", str(data_dir))
    for word in (*page, *serve):
        if any(category(each) in _IN_NO_FILE for each in word):
            raise UsageError(
                f"The path {word!r} has characters that a menu entry cannot have, such as "
                "the end of a line, so nothing was made. Choose a data folder without them, with "
                "--data, or rename its folder."
            )
    if system == "darwin":
        agent = home / "Library" / "LaunchAgents" / f"{_AGENT}.plist"
        return Entries(
            (
                Entry(home / "Applications" / "imgsearch.command", _command_file(page), 0o700),
                Entry(agent, _agent(serve)),
            ),
            after_install=(("launchctl", "load", "-w", str(agent)),),
            before_uninstall=(("launchctl", "unload", "-w", str(agent)),),
        )
    if system == "win32":
        roaming = environment.get("APPDATA") or str(home / "AppData" / "Roaming")
        menu = Path(roaming, "Microsoft", "Windows", "Start Menu", "Programs")
        return Entries(
            (
                Entry(menu / "imgsearch.cmd", _batch_file(page, hidden=False)),
                Entry(menu / "Startup" / "imgsearch-serve.cmd", _batch_file(serve, hidden=True)),
            )
        )
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    shared = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    units = config / "systemd" / "user"
    manager = ("systemctl", "--user")
    return Entries(
        (
            Entry(shared / "applications" / "imgsearch.desktop", _desktop_file(page)),
            Entry(units / _UNIT, _unit(serve, data_dir)),
            Entry(units / "default.target.wants" / _UNIT, "", target=f"../{_UNIT}"),
        ),
        after_install=((*manager, "daemon-reload"), (*manager, "start", _UNIT)),
        before_uninstall=((*manager, "stop", _UNIT),),
        after_uninstall=((*manager, "daemon-reload"),),
    )


def install(made: Entries) -> list[Path]:
    """Make the files, in place of those of an earlier installation; returns their paths.

    Raises UsageError where a file is there that imgsearch did not make, and DiskError.
    """
    for each in made.files:
        if os.path.lexists(each.path) and not _is_ours(each):
            raise UsageError(
                f"{each.path} is there, and imgsearch did not make it. Move it elsewhere first."
            )
    for each in made.files:
        try:
            _make(each)
        except OSError as error:
            raise DiskError(
                f"Cannot write {each.path} ({error.strerror}). Make its folder writable."
            ) from error
    _run(made.after_install)
    return [each.path for each in made.files]


def uninstall(made: Entries) -> list[Path]:
    """Remove the files that `install` made and the folders that it made for them.

    Returns the paths of the files. What is not of imgsearch stays. Raises DiskError.
    """
    ours = [each for each in reversed(made.files) if os.path.lexists(each.path) and _is_ours(each)]
    if ours:
        _run(made.before_uninstall)
    folders: dict[Path, None] = {}
    for each in ours:
        try:
            for folder in list(each.path.parents)[: _folders_above(each)]:
                folders[folder] = None
            each.path.unlink()
        except OSError as error:
            raise DiskError(f"Cannot remove {each.path} ({error.strerror}).") from error
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        with suppress(OSError):  # somebody uses it now
            folder.rmdir()
    if ours:
        _run(made.after_uninstall)
    return [each.path for each in ours]


# ------------------------------------------------------------------------- the files


def _make(entry: Entry) -> None:
    lacking = [folder for folder in entry.path.parents if not folder.exists()]
    entry.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if entry.target is not None:
        if not entry.path.is_symlink():
            entry.path.symlink_to(entry.target)
        return
    folders = len(lacking)
    if entry.path.exists():
        folders = _folders_above(entry)
    text = entry.text.replace(_MARK, f"{_MARK} and {folders} empty folders above it.")
    part = entry.path.with_name(f".{entry.path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    part.replace(entry.path)


def _is_ours(entry: Entry) -> bool:
    if entry.target is not None:
        return entry.path.is_symlink() and str(entry.path.readlink()) == entry.target
    return not entry.path.is_symlink() and _MARK in _read(entry.path)


def _folders_above(entry: Entry) -> int:
    """Return the number of folders that were made for a file.

    A link's only one holds links alone.
    """
    if entry.target is not None:
        return 1
    found = _FOLDERS.search(_read(entry.path))
    return int(found[1]) if found else 0


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _run(commands: Sequence[Sequence[str]]) -> None:
    """Run commands that may fail: a machine without the manager needs none of them."""
    for command in commands:
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, timeout=30, check=False)


# ------------------------------------------------------------------------- their formats


def _desktop_file(command: Sequence[str]) -> str:
    """Return a file as https://specifications.freedesktop.org/desktop-entry-spec/latest/ says."""
    return f"""# {_MARK}
[Desktop Entry]
Type=Application
Version=1.5
Name=imgsearch
GenericName=Photo search
Comment=Find your own photos by what they show
Exec={" ".join(map(_desktop_word, command))}
Icon=image-x-generic
Terminal=true
Categories=Graphics;Photography;
Keywords=photos;pictures;search;
"""


def _desktop_word(word: str) -> str:
    quoted = re.sub(r'(["`$\\])', r"\\\1", word.replace("%", "%%"))
    return '"' + quoted.replace("\\", "\\\\") + '"'  # values have escapes of their own


def _unit(command: Sequence[str], data_dir: Path) -> str:
    """systemd.unit(5) and systemd.service(5)."""
    return f"""# {_MARK}
[Unit]
Description=Keep the imgsearch photo library open for fast searches
ConditionPathExists={_unit_value(str(data_dir / "library.db"))}

[Service]
ExecStart={" ".join(map(_unit_word, command))}
Restart=on-failure
RestartSec=30
# It is served already, or there is no library.
RestartPreventExitStatus=2
TimeoutStopSec=5
{_SANDBOX}

[Install]
WantedBy=default.target
"""


def _unit_value(text: str) -> str:
    return text.replace("%", "%%")


def _unit_word(word: str) -> str:
    escaped = _unit_value(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'


def _agent(command: Sequence[str]) -> str:
    """launchd.plist(5)."""
    described = {
        "Label": _AGENT,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"Crashed": True},
        "ProcessType": "Interactive",
    }
    text = plistlib.dumps(described, sort_keys=False).decode("utf-8")
    head, start, rest = text.partition("<plist")
    return f"{head}<!-- {_MARK} -->\n{start}{rest}"


def _command_file(command: Sequence[str]) -> str:
    """Return a script that Terminal runs when it is opened."""
    return f"#!/bin/sh\n# {_MARK}\nexec {shlex.join(command)}\n"


def _batch_file(command: Sequence[str], hidden: bool) -> str:
    """Return a script of cmd.exe. No path of Windows has a quotation mark."""
    words = " ".join('"' + word.replace("%", "%%") + '"' for word in command)
    start = 'start "imgsearch" /min ' if hidden else ""
    return f"@echo off\r\nrem {_MARK}\r\nchcp 65001 >nul\r\n{start}{words}\r\n"
