"""The Compose file for the photos of one machine is valid, and agrees with the commands."""

from __future__ import annotations

import re
import shlex

import click
import pytest
import yaml

from imgsearch.cli import commands
from imgsearch.cli.ui import MIN_PASSWORD_LENGTH
from tests.factories import CHECKOUT
from tests.test_workflows import faults

FILE = CHECKOUT / "docs" / "deploy" / "home.yaml"
HOME = yaml.safe_load(FILE.read_text())


def test_the_file_fulfils_the_specification() -> None:
    assert faults(FILE, "compose-spec") == []


@pytest.mark.parametrize("name", HOME["services"])
def test_each_service_runs_a_command_that_exists(name: str) -> None:
    program, command, *arguments = shlex.split(HOME["services"][name]["command"])
    assert program == "imgsearch"
    context = click.Context(commands)
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
    assert set(service["build"]["args"]) == arguments


def test_the_page_is_for_this_machine_and_asks_for_a_password() -> None:
    page, watch = HOME["services"]["page"], HOME["services"]["watch"]
    assert all(port.startswith("127.0.0.1:") for port in page["ports"])
    assert page["environment"]["IMGSEARCH_UI_PASSWORD"].startswith("${IMGSEARCH_UI_PASSWORD:?")
    (example,) = re.findall(r"IMGSEARCH_UI_PASSWORD='(.*)'", FILE.read_text())
    assert len(example) >= MIN_PASSWORD_LENGTH
    assert watch["network_mode"] == "none"
