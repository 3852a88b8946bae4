"""What is in the wheel, which packages it asks for, and that a small installation is enough."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement

from imgsearch.encoders.base import Encoder
from imgsearch.installation import cpu_torch_hint, page_package
from tests.factories import CHECKOUT, run_python
from tests.without_torch import run_without_torch, vectors_of

PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
WITH_TORCH = {"torch", "torchvision", "open_clip_torch", "timm", "transformers"}
NOT_SMALL = WITH_TORCH | {"openvino", "streamlit", "django-js-lib-leaflet", "brotli", "openTSNE",
                          "scipy"}  # fmt: skip

NO_PAGE = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))
from imgsearch.cli import main
main()
"""

INSTALLED = """
import importlib, sys
from imgsearch.installation import page_package
server = importlib.import_module(page_package() + ".server")
import ui.formatting
print(page_package(), sys.modules["ui"].__name__, hasattr(server, "main"))
"""


def requirements_of(extra: str) -> set[str]:
    """The distributions that an extra asks for, those of extras within it included."""
    names: set[str] = set()
    for requirement in EXTRAS[extra]:
        own = re.fullmatch(r"imgsearch-photos\[(.+)\]", requirement)
        if own:
            names = names.union(*map(requirements_of, own[1].split(",")))
        else:
            names.add(re.split(r"[<>=;\[ ]", requirement)[0])
    return names


def base_requirements() -> set[str]:
    return {re.split(r"[<>=;\[ ]", each)[0] for each in PROJECT["project"]["dependencies"]}


def folder_of(package: str) -> Path:
    mapped: dict[str, str] = SETUPTOOLS["package-dir"]
    for name, folder in mapped.items():
        if package == name or package.startswith(f"{name}."):
            return CHECKOUT / folder / package[len(name) + 1 :].replace(".", "/")
    return CHECKOUT / package.replace(".", "/")


@pytest.mark.features()
def test_the_wheel_has_every_package() -> None:
    listed = {folder_of(package) / "__init__.py" for package in SETUPTOOLS["packages"]}
    there = {
        *(CHECKOUT / "imgsearch").rglob("__init__.py"),
        *(CHECKOUT / "ui").rglob("__init__.py"),
    }
    assert listed == there


@pytest.mark.features()
def test_the_wheel_has_every_file() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "imgsearch", "ui"], cwd=CHECKOUT, capture_output=True, text=True
    )
    if tracked.returncode:
        pytest.skip("needs the repository")
    matched = {
        str(path.relative_to(CHECKOUT))
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for path in folder_of(package).glob(pattern)
    }
    only_for_developers = {
        str(path.relative_to(CHECKOUT))
        for package, patterns in SETUPTOOLS["exclude-package-data"].items()
        for pattern in patterns
        for path in folder_of(package).glob(pattern)
    }
    files = {name for name in tracked.stdout.splitlines() if not name.endswith(".py")}
    assert len(files) > 10 and files - matched == set()
    assert only_for_developers == {name for name in files if name.endswith(".d.ts")}


def test_no_code_of_other_projects_is_committed() -> None:
    scripts = [
        file for suffix in ("js", "mjs", "css") for file in (CHECKOUT / "ui").rglob(f"*.{suffix}")
    ]
    assert len(scripts) > 20
    for file in scripts:
        text = file.read_text()
        notice = re.search(r"copyright|\(c\) [12]\d{3}|@licen[cs]e|@preserve", text, re.IGNORECASE)
        assert not notice, f"{file} is of another project"
        assert max(map(len, text.splitlines())) < 400, f"{file} is minified"


def test_the_wheel_takes_no_name_but_its_own() -> None:
    assert {package.split(".")[0] for package in SETUPTOOLS["packages"]} == {"imgsearch"}
    assert page_package() == "ui", "here, in a checkout"


def test_an_installed_copy_has_the_page_as_a_package_of_its_own(tmp_path: Path) -> None:
    installed = tmp_path / "imgsearch"
    installed.mkdir()
    for entry in (CHECKOUT / "imgsearch").iterdir():
        if entry.is_dir():
            (installed / entry.name).symlink_to(entry)
        else:
            shutil.copyfile(entry, installed / entry.name)
    (installed / "page").symlink_to(CHECKOUT / "ui")
    done = subprocess.run(
        [sys.executable, "-P", "-c", INSTALLED],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["imgsearch.page", "imgsearch.page", "True"], done.stderr


def test_the_full_product_is_one_extra_and_the_small_one_has_nothing_large() -> None:
    assert "faiss-cpu" in base_requirements() and not base_requirements() & NOT_SMALL
    assert requirements_of("cpu") == NOT_SMALL - WITH_TORCH, "torch would bring CUDA"
    assert requirements_of("gpu") == NOT_SMALL | {"faiss-gpu"}


@pytest.mark.slow
def test_lite_is_prepared_and_runs_without_torch(
    lite: Encoder, demo_photos: Path, tmp_path: Path
) -> None:
    photo, result = demo_photos / "chelsea.png", tmp_path / "vectors.npy"
    done = run_without_torch("lite", tmp_path / "cache", photo, result)
    np.testing.assert_allclose(np.load(result), vectors_of(lite, photo), atol=1e-5)
    chosen, message = done.stdout.splitlines()
    assert chosen == "lite", "what `auto` means here"
    assert "openclip:ViT-S-32-alt/random:4711 has not been prepared" in message
    assert "needs torch, open_clip_torch, timm. Install them: " in message
    assert "[models]" in message and message.endswith(cpu_torch_hint())


def test_what_cuda_takes_is_said_the_same_everywhere() -> None:
    benchmarks = (CHECKOUT / "docs" / "benchmarks.md").read_text()
    found = re.findall(r"^\| `cpu,models`, torch .*\| ([\d.]+) GB \|$", benchmarks, re.MULTILINE)
    without, with_cuda = map(float, found)
    said = f"{round(with_cuda - without)} GB"
    assert f"{said} of CUDA" in (CHECKOUT / "README.md").read_text()
    assert f"{said} that a CPU does not need" in (CHECKOUT / "docs" / "installing.md").read_text()
    assert f"{said} of CUDA" in cpu_torch_hint()


@pytest.mark.parametrize("version", ["0.12.0", "0.14.1"])
def test_the_terminal_extra_takes_the_version_that_rclip_pins(version: str) -> None:
    """Those of rclip 4.0.1 and 4.0.8, which else could not be in one environment with it."""
    (bound,) = (each for each in EXTRAS["terminal"] if each.startswith("textual-image"))
    assert Requirement(bound).specifier.contains(version)


def test_the_hint_without_cuda_is_for_this_copy() -> None:
    words = shlex.split(cpu_torch_hint().rpartition(": ")[2])
    assert words[words.index("pip") :][:2] == ["pip", "install"]
    assert words[-4:] == ["--torch-backend", "cpu", "--editable", f"{CHECKOUT}[models]"]


@pytest.mark.parametrize(
    ("absent", "named"),
    [
        (["js_lib_leaflet"], "Leaflet (django-js-lib-leaflet), which is not installed."),
        (["streamlit"], "Streamlit, which is not installed."),
        (
            ["streamlit", "js_lib_leaflet"],
            "Streamlit and Leaflet (django-js-lib-leaflet), which are not installed.",
        ),
    ],
)
def test_the_page_says_which_package_it_misses(
    absent: list[str], named: str, tmp_path: Path
) -> None:
    done = run_python(NO_PAGE, ",".join(absent), "ui", "--no-browser", "--data", tmp_path)
    assert done.returncode == 11
    assert f"The page needs {named} Install what it needs: " in done.stderr
    assert f"{CHECKOUT}[page]" in done.stderr
