"""Nothing leaves this machine: what every command, the service and the page ask and write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsearch.cli import COMMANDS
from imgsearch.written_beside import is_left_name
from tests.programs import need_programs

CHECKOUT = Path(__file__).parent.parent.parent
MODEL_HUB = {"huggingface.co"}
CONTROL = "control"
BESIDE_PHOTOS = ("sidecars --write", "correct --write-sidecars")
NEW_LIBRARY = ("index", "demo")  # asks the hub whether its model can be had
Report = dict[str, Any]
pytestmark = pytest.mark.features()  # all: the session runs their commands


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    need_programs("unshare", "ip", "strace", "mount", "chromium")
    allowed = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True)
    if allowed.returncode:
        pytest.skip("needs the right to make a network namespace")
    work = tmp_path_factory.mktemp("privacy")
    (work / "photos").mkdir()
    for number, colour in enumerate(("red", "green", "blue", "yellow")):
        Image.new("RGB", (64, 64), colour).save(work / "photos" / f"{number}.png")
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-m", "tests.privacy_session", work],
        cwd=CHECKOUT,
        env=environment | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    return {report["step"]: report for report in map(json.loads, done.stdout.splitlines())}


def test_the_recorder_sees_what_a_program_asks_and_writes(reports: dict[str, Report]) -> None:
    control = reports[CONTROL]
    assert control["names"] == ["telemetry.example"]
    assert "203.0.113.1 port 443" in control["connections"]
    assert [Path(file).name for file in control["files"]] == ["diary"]


def test_every_step_did_its_work(reports: dict[str, Report]) -> None:
    from imgsearch.features.people import models  # absent in some checkouts
    from imgsearch.features.text import reader as ocr

    assert len(reports) == 65 + ocr.is_installed() + 2 * models.is_installed()
    for step, report in reports.items():
        assert "Traceback" not in report["output"], step
        assert report["returncode"] in (0, 1, -2), (step, report["output"])


def test_every_command_is_recorded(reports: dict[str, Report]) -> None:
    from imgsearch.features.people import models  # absent in some checkouts
    from imgsearch.features.text import reader as ocr

    recorded = {step.split()[0].replace("page", "ui") for step in reports}
    needed = {"read-text": ocr.is_installed(), "faces": models.is_installed()}
    assert set(COMMANDS) - recorded <= {name for name, is_there in needed.items() if not is_there}


def test_no_name_but_the_model_hub_is_asked(reports: dict[str, Report]) -> None:
    asked = {step: set(report["names"]) for step, report in reports.items() if step != CONTROL}
    for step in NEW_LIBRARY:
        assert asked.pop(step) <= MODEL_HUB
    assert asked == {step: set() for step in asked}


def test_no_connection_leads_to_another_machine(reports: dict[str, Report]) -> None:
    for step, report in reports.items():
        if step not in (CONTROL, *NEW_LIBRARY):
            assert report["connections"] == [], step


def test_files_are_written_in_the_folders_of_the_library_only(reports: dict[str, Report]) -> None:
    for step, report in reports.items():
        if step not in (CONTROL, *BESIDE_PHOTOS):
            assert report["files"] == [], step


def test_only_xmp_files_are_written_beside_photos_and_on_request(
    reports: dict[str, Report],
) -> None:
    for step in BESIDE_PHOTOS:
        names = {Path(file).name for file in reports[step]["files"]}
        assert {Path(file).parent.name for file in reports[step]["files"]} == {"photos"}
        assert {f"{number}.png.xmp" for number in range(4)} <= names, step
        assert all(name.endswith(".xmp") or is_left_name(name) for name in names)
