"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def first_of_each_search(output: str) -> dict[str, str]:
    """The search commands of an output, each with the name of its first result."""
    found = re.findall(r"^\$ imgsearch search (.*) -k \d+\n +1 +[\d.]+ +(\S+)", output, re.M)
    return {command: Path(path).name for command, path in found}


def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imgsearch", "demo", "--data", str(tmp_path)],
        env={**os.environ, "IMGSEARCH_ENCODER": "lite"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    shown = first_of_each_search(next(block for block in blocks("text") if "a cat" in block))
    real = first_of_each_search(done.stdout)
    assert len(shown) >= 5
    for command, name in shown.items():
        if "--image" not in command:  # its path differs
            assert real[command] == name
    assert "imgsearch index ~/Pictures" in done.stdout, "says what to type next"


def test_the_python_example_runs(tmp_path: Path, demo_photos: Path) -> None:
    (example,) = blocks("python")
    (tmp_path / "photos").symlink_to(demo_photos)
    done = subprocess.run(
        [sys.executable, "-c", example.replace("a dog in snow", "a cat")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert re.fullmatch(r"0\.\d{3} .*chelsea\.png", first)


def test_the_installation_uses_extras_that_exist() -> None:
    extras = re.findall(r"^pip install '\.\[(\w+)\]'", blocks("sh")[1], re.M)
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    assert extras == ["cpu", "gpu"]
    assert set(extras) <= project["project"]["optional-dependencies"].keys()


def test_the_two_commands_stand_first_and_exist() -> None:
    commands = re.findall(r"^make (\w+)", blocks("sh")[0], re.M)
    assert commands == ["demo", "test"]
    makefile = (Path(__file__).parent.parent / "Makefile").read_text()
    assert all(re.search(rf"^{command}:", makefile, re.M) for command in commands)
