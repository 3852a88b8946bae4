"""The menu entry and the service at log-in: what is written, for each system, and taken back."""

from __future__ import annotations

import configparser
import os
import plistlib
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from imgsearch.desktop_entries import Entries, System, entries, install, uninstall
from imgsearch.errors import UsageError
from tests.factories import CHECKOUT, PATIENCE_S

SYSTEMS: tuple[System, ...] = ("linux", "darwin", "win32")
ODD = '/opt/a b/100% $HOME "x" `y` \\z/python'
PROGRAM = (ODD, "-P", "-m", "imgsearch")


def without_commands(made: Entries) -> Entries:
    """The same, but no service manager of this machine is called."""
    return Entries(made.files)


def entries_of(system: System, home: Path) -> Entries:
    return without_commands(entries(PROGRAM, home / "library", home, {}, system))


def tree(folder: Path) -> dict[str, bytes | None]:
    """All below a folder, with the content of files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("system", SYSTEMS)
def test_all_is_taken_back_and_nothing_else(tmp_path: Path, system: System) -> None:
    home = tmp_path / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".config" / "mine.txt").write_text("mine")
    before = tree(home)
    made = entries_of(system, home)
    paths = install(made)
    assert paths == [each.path for each in made.files] and all(map(os.path.lexists, paths))
    assert install(made) == paths, "a second time changes nothing"
    if sys.platform != "win32":
        for each in made.files:
            if each.target is None:
                assert stat.S_IMODE(each.path.stat().st_mode) == each.mode
    assert set(uninstall(made)) == set(paths)
    assert tree(home) == before
    assert uninstall(made) == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_files_of_others_stay(tmp_path: Path, system: System) -> None:
    made = entries_of(system, tmp_path)
    theirs = made.files[1].path
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="imgsearch did not make it"):
        install(made)
    assert tree(tmp_path) == before
    assert uninstall(made) == []
    theirs.unlink()
    install(made)
    beside = made.files[0].path.with_name("other")
    beside.write_text("mine")
    theirs.write_text("edited until nothing of imgsearch is left")
    uninstall(made)
    assert beside.read_text() == "mine" and theirs.exists()
    assert not made.files[0].path.exists()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\t", "\x85", "\u2028", "\udcff"])
def test_a_path_that_would_be_a_line_of_its_own_is_refused(
    tmp_path: Path, system: System, character: str
) -> None:
    data = tmp_path / f"photos{character}ExecStartPre=touch made"
    with pytest.raises(UsageError, match=r"a menu entry cannot have.*nothing was made"):
        entries(PROGRAM, data, tmp_path, {}, system)


def test_the_command_refuses_a_data_folder_of_two_lines(tmp_path: Path) -> None:
    for option, code in (("--install", 2), ("--uninstall", 0)):
        done = subprocess.run(
            [sys.executable, "-m", "imgsearch", "ui", option, "--data", f"{tmp_path}/a\nExec=b"],
            cwd=CHECKOUT,
            env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == code, done.stderr
        assert ("menu entry cannot" in done.stderr) == bool(code)
        assert list(tmp_path.iterdir()) == []


def test_the_desktop_file_runs_the_page(tmp_path: Path) -> None:
    desktop, unit, link = entries_of("linux", tmp_path).files
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(desktop.text)
    entry = parser["Desktop Entry"]
    assert {"Type": "Application", "Name": "imgsearch", "Terminal": "true"}.items() <= entry.items()
    value = entry["Exec"].replace("\\\\", "\\")  # the escapes of values
    # Within quotation marks a shell has the same escapes.
    script = f"printf '%s\\n' {value}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    words = [word.replace("%%", "%") for word in done.stdout.splitlines()]
    assert words == [*PROGRAM, "ui", "--data", str(tmp_path / "library")]
    assert link.target == f"../{unit.path.name}" and link.path.parent.parent == unit.path.parent


def test_the_unit_runs_the_service(tmp_path: Path) -> None:
    _, unit, _ = entries_of("linux", tmp_path).files
    (line,) = [each for each in unit.text.splitlines() if each.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart=").replace("$$", "$"))
    assert [word.replace("%%", "%") for word in words] == [
        *(*PROGRAM, "serve", "--data", str(tmp_path / "library")),
    ]


def test_the_units_in_the_documentation_have_the_same_limits(tmp_path: Path) -> None:
    _, unit, _ = entries_of("linux", tmp_path).files
    made = {
        line for line in unit.text.splitlines() if re.match("No|Lock|Restrict|System|UMask", line)
    }
    assert len(made) == 7
    for file in (CHECKOUT / "docs" / "units").glob("*.service"):
        assert made <= set(file.read_text().splitlines()), file


@pytest.mark.needs("systemd-analyze")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "a b 100%" / "imgsearch"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    made = entries((str(program),), tmp_path / "library", tmp_path, {}, "linux")
    install(without_commands(made))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(made.files[1].path)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, str(program) in done.stderr) == (0, False), done.stderr


def test_the_agent_of_macos_runs_the_service(tmp_path: Path) -> None:
    command, agent = entries_of("darwin", tmp_path).files
    described = plistlib.loads(agent.text.encode())
    assert described["Label"] == agent.path.stem
    assert described["ProgramArguments"] == [
        *(*PROGRAM, "serve", "--data", str(tmp_path / "library")),
    ]
    assert described["RunAtLoad"] is True
    first, _, last = command.text.splitlines()
    assert first == "#!/bin/sh"
    assert shlex.split(last) == ["exec", *PROGRAM, "ui", "--data", str(tmp_path / "library")]


def test_the_scripts_of_windows_quote_their_words(tmp_path: Path) -> None:
    program = ("C:\\Program Files\\100%\\python.exe", "-m", "imgsearch")
    page, serve = entries(program, Path("D:\\Fotos & mehr"), tmp_path, {}, "win32").files
    words = '"C:\\Program Files\\100%%\\python.exe" "-m" "imgsearch"'
    assert page.text.splitlines()[-1] == f'{words} "ui" "--data" "D:\\Fotos & mehr"'
    assert serve.text.splitlines()[-1] == (
        f'start "imgsearch" /min {words} "serve" "--data" "D:\\Fotos & mehr"'
    )
    assert page.text.count("\r\n") == page.text.count("\n")
    assert serve.path.parent.name == "Startup"


def test_the_command_installs_for_this_user(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    environment = {"HOME": str(tmp_path), "PATH": "/nowhere", "PYTHONPATH": str(CHECKOUT)}

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "imgsearch", "ui", "--data", tmp_path / "library", *options],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    done = run("--install", "--port", "8600")
    assert done.returncode == 0, done.stderr
    assert "Neither looks for new photos: imgsearch index" in done.stderr
    desktop = tmp_path / ".local" / "share" / "applications" / "imgsearch.desktop"
    assert f"Made {desktop}" in done.stderr
    assert '"ui" "--data"' in desktop.read_text() and '"--port" "8600"' in desktop.read_text()
    assert (tmp_path / ".config/systemd/user/default.target.wants/imgsearch-serve.service").exists()
    for wrong in (["--uninstall"], ["--host", "0.0.0.0"], ["--library", "/archive"]):
        assert run("--install", *wrong).returncode == 2
    done = run("--uninstall")
    assert (done.returncode, "Removed" in done.stderr) == (0, True)
    assert list(tmp_path.iterdir()) == []
    assert "Nothing to remove" in run("--uninstall").stderr
