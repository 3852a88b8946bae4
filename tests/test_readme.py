"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from imgsearch.cli import COMMANDS
from tests.factories import CHECKOUT, PATIENCE_S
from tests.wheels import PYTHONS

README = (CHECKOUT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def shown_searches() -> list[tuple[list[str], str]]:
    """The searches that are shown: their words, and what they print."""
    (shown,) = blocks("text")
    found = re.findall(r"^\$ imgsearch (.*)\n((?:[^$\n].*\n)+)", shown, re.MULTILINE)
    return [(shlex.split(command), output) for command, output in found]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the demo, and what `imgsearch demo` printed."""
    folder = tmp_path_factory.mktemp("demo")
    done = run("demo", "--data", str(folder))
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "imgsearch", *arguments],
        env={**os.environ, "IMGSEARCH_ENCODER": "lite", "IMGSEARCH_SERVICE": "off"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def without_scores(output: str) -> str:
    return re.sub(r"\b[01]\.\d{3}\b", "0.xxx", output)


def scores_of(output: str) -> list[float]:
    return [float(score) for score in re.findall(r"\b[01]\.\d{3}\b", output)]


def test_the_animation_is_small_and_short() -> None:
    """Of a search, as `python -m tests.animation` records it."""
    (name,) = re.findall(r"docs/images/[\w-]+\.webp", README)
    file = CHECKOUT / name
    lasts_ms = 0
    with Image.open(file) as animation:
        for number in range(getattr(animation, "n_frames", 1)):
            animation.seek(number)
            animation.load()
            lasts_ms += animation.info["duration"]
    assert file.stat().st_size <= 1_000_000
    assert 5_000 < lasts_ms <= 12_000


def test_the_searches_print_what_the_readme_shows(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    searches = shown_searches()
    assert len(searches) == 3
    for words, shown in searches:
        done = run(*words, "--data", str(folder / "library"))
        # Sentences about the answer go to standard error.
        printed = (done.stdout + done.stderr).replace(f"{folder}/", "")
        assert without_scores(printed) == without_scores(shown), done.stderr
        # Another processor may round otherwise.
        assert scores_of(printed) == pytest.approx(scores_of(shown), abs=0.02)
    assert any("Nothing here looks like that" in shown for _, shown in searches)


def test_the_demo_says_what_to_type_next(demo: tuple[Path, str]) -> None:
    _, printed = demo
    assert "imgsearch index ~/Pictures" in printed


def test_the_python_example_runs(tmp_path: Path, demo_photos: Path) -> None:
    """Also with a query of filters alone, which gives no scores."""
    (example,) = blocks("python")
    (tmp_path / "photos").symlink_to(demo_photos)
    for query, shown in (("a cat", r"0\.\d+ .*chelsea\.png"), ("type:png", r"None .*\.png")):
        done = subprocess.run(
            [sys.executable, "-c", example.replace("a dog in snow", query)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(shown, done.stdout.splitlines()[0])


def test_the_installation_comes_first_and_uses_an_extra_that_exists() -> None:
    lines = blocks("sh")[0].splitlines()
    installers = [re.sub(r"\s+#.*", "", line).split(" install ") for line in lines]
    assert [installer for installer, _ in installers] == ["uv tool", "pipx", "pip"]
    assert {what for _, what in installers} == {"."}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    named = set(re.findall(r"'(?:\.|imgsearch-photos)\[(\w+)\]'", README))
    assert named == {"cpu", "page"} and named <= project["optional-dependencies"].keys()
    assert f"`uv tool install {project['name']}`" in README


@pytest.mark.features()
def test_the_commands_of_the_readme_exist() -> None:
    names = set(re.findall(r"`imgsearch ([a-z-]+)", README))
    for block in blocks("sh"):
        names |= set(re.findall(r"^imgsearch ([a-z-]+)", block, re.MULTILINE))
    assert {"index", "search", "ui", "album", "pack"} <= names <= set(COMMANDS)


def test_the_two_commands_for_a_checkout_exist() -> None:
    (commands,) = [
        found for block in blocks("sh") if (found := re.findall(r"^make (\w+)", block, re.M))
    ]
    assert commands == ["demo", "test"]
    makefile = (CHECKOUT / "Makefile").read_text()
    assert all(re.search(rf"^{command}:", makefile, re.M) for command in commands)


def test_the_versions_of_python_are_those_of_the_workflow() -> None:
    assert f"Python {PYTHONS[0]} to {PYTHONS[-1]}." in README
