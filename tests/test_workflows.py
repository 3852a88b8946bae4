"""The files for GitHub are valid by its schemas, and agree with the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

import imgsearch
from tests.factories import CHECKOUT
from tests.groups import GROUPS
from tests.wheels import PAGE, PLATFORMS, PYTHONS, TABLE, Resolved, extras, lacking_package, table

GITHUB = CHECKOUT / ".github"
WORKFLOW = GITHUB / "workflows" / "tests.yml"


def schema(name: str) -> dict[str, Any]:
    """A schema that check-jsonschema brings."""
    package = find_spec("check_jsonschema")
    assert package is not None and package.origin is not None
    file = Path(package.origin).parent / "builtin_schemas" / "vendor" / f"{name}.json"
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def faults(file: Path, name: str) -> list[str]:
    """What is wrong with a file by a schema."""
    described = schema(name)
    # YAML 1.1 takes the key `on` for a truth value, and GitHub does not.
    content = {"on" if key is True else key: value for key, value in loaded(file).items()}
    return [
        f"{each.json_path}: {each.message}"
        for each in validator_for(described)(described).iter_errors(content)
    ]


def loaded(file: Path) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load(file.read_text())
    return content


def test_the_workflow_fulfils_the_schema() -> None:
    assert faults(WORKFLOW, "github-workflows") == []


def test_a_fault_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "tests.yml"
    wrong.write_text(WORKFLOW.read_text().replace("runs-on:", "runs_on:"))
    assert faults(wrong, "github-workflows")


def test_the_workflow_runs_on_all_systems_and_versions() -> None:
    matrix = loaded(WORKFLOW)["jobs"]["tests"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    assert tuple(matrix["python"]) == PYTHONS
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={PYTHONS[0]}"


def test_the_scripts_of_the_workflow_exist() -> None:
    commands = "\n".join(
        step.get("run", "") for job in loaded(WORKFLOW)["jobs"].values() for step in job["steps"]
    )
    scripts = re.findall(r"sudo (\S+)", commands)
    assert scripts and all((CHECKOUT / script).exists() for script in scripts)


# ------------------------------------------------------------------------- files of the project


@pytest.mark.parametrize("name", ["bug", "search", "idea"])
def test_the_issue_forms_fulfil_the_schema(name: str) -> None:
    assert faults(GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml", "github-issue-forms") == []


def test_the_list_of_issue_forms_fulfils_the_schema() -> None:
    assert faults(GITHUB / "ISSUE_TEMPLATE" / "config.yml", "github-issue-config") == []


def test_the_citation_fulfils_the_schema_and_has_the_version() -> None:
    citation = CHECKOUT / "CITATION.cff"
    assert faults(citation, "citation-file-format") == []
    assert loaded(citation)["version"] == imgsearch.__version__


def test_the_tests_that_the_security_policy_names_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", (CHECKOUT / "SECURITY.md").read_text())
    assert named and all((CHECKOUT / file).exists() for file in named)


# ------------------------------------------------------------------------- wheels


def test_the_table_of_wheels_has_every_extra() -> None:
    found = TABLE.search(PAGE.read_text())
    assert found is not None
    _, *cells = re.findall(r"^\| ([^|]+) \|", found[0], re.MULTILINE)
    names = {name.strip("`") for cell in cells for name in cell.split(", ")}
    assert names == {name or "the plain name" for name in extras()}, (
        "run: python -m tests.wheels --publish"
    )


def test_a_row_says_which_versions_have_wheels() -> None:
    lacks = {("Windows, x86-64", "3.14"): "av", ("Linux, x86-64", "3.11"): "x"}
    results = [
        Resolved("video", platform, python, lacks.get((platform, python)))
        for platform in PLATFORMS
        for python in PYTHONS
    ]
    results += [
        Resolved("gpu", platform, python, "faiss") for platform in PLATFORMS for python in PYTHONS
    ]
    results += [each._replace(extra="models") for each in results if each.extra == "gpu"]
    *_, video, gpu = table(results, "2026-11-30").splitlines()
    assert video == (
        "| `video` | 3.12 to 3.14; 3.11 lacks `x` | 3.11 to 3.14 | 3.11 to 3.13; 3.14 lacks `av` |"
    )
    assert gpu == "| `gpu`, `models` | none: `faiss` | none: `faiss` | none: `faiss` |"


def test_the_lacking_package_is_read_from_the_message() -> None:
    message = """error: No solution found when resolving dependencies
  cause: Because onnxruntime>=1.24.1 has no
         wheels with a matching platform tag (e.g., `macosx_13_0_arm64`) and imgsearch-photos"""
    assert lacking_package(message) == "onnxruntime"
    with pytest.raises(RuntimeError, match="no network"):
        lacking_package("there is no network")


# ------------------------------------------------------------------------- .ci/run


MAKEFILE = (CHECKOUT / "Makefile").read_text()
CI = (CHECKOUT / ".ci" / "run").read_text()
NEWER_PYTHON = CHECKOUT / "tests" / "install_newer_python.sh"


def recipe(target: str) -> str:
    """The commands of a target of the Makefile."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found is not None, target
    return found[1]


@pytest.fixture
def ci(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """Runs a copy of `.ci/run` in which `make` only lists its targets; the exit code and those."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(CHECKOUT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    scripts = dict.fromkeys(re.findall(r"tests/\S+\.sh", CI), "echo /usr/bin/python3.13")
    scripts["bin/make"] = f'echo "$@" >> {tmp_path}/targets; [ "$1" != "$FAILS" ]'
    for name, line in scripts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    def run(*arguments: str, fails: str = "") -> tuple[int, list[str]]:
        git("init", "--quiet")
        git("commit", "--quiet", "--allow-empty", "--message", "a change")
        (tmp_path / "targets").write_text("")
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        command = ["bash", str(tmp_path / ".ci" / "run"), *arguments]
        environment = {**os.environ, "PATH": path, "FAILS": fails}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        lines = (tmp_path / "targets").read_text().splitlines()
        return done.returncode, [word for line in lines for word in line.split() if "=" not in word]

    return run


needs_a_shell = pytest.mark.skipif(sys.platform == "win32", reason="a shell script")


EACH_TIME = {"check", "test", "test-features"}


@needs_a_shell
def test_three_commits_run_every_part_and_each_runs_the_tests(
    ci: Callable[..., tuple[int, list[str]]],
) -> None:
    runs = [ci() for _ in range(3)]
    assert [code for code, _ in runs] == [0, 0, 0]
    for _, targets in runs:
        assert targets[0] == "check" and set(targets) >= EACH_TIME
        assert all(recipe(target) for target in targets)
    others = [set(targets) - EACH_TIME for _, targets in runs]
    assert all(others) and sum(map(len, others)) == len(set.union(*others))
    groups = {f"test-{group}" for group in GROUPS if group != "each_feature"}
    assert set.union(*others) == {*groups, "newer", "lowest", "release-test"}


@needs_a_shell
def test_a_part_can_be_named_and_a_step_that_fails_ends_the_run(
    ci: Callable[..., tuple[int, list[str]]],
) -> None:
    assert ci("2")[1] == ci("2")[1] != ci("0")[1]
    code, targets = ci("0", fails="test-page")
    assert code == 1 and targets[-1] == "test-page"
    assert ci("3")[0] == 2
    assert "|| true" not in CI and "set -euo pipefail" in CI


def test_the_branch_coverage_has_a_floor() -> None:
    coverage = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["coverage"]
    assert coverage["run"]["branch"] is True
    assert coverage["report"]["fail_under"] > 50
    assert "--cov " in recipe("newer")


def test_an_audit_that_cannot_look_a_package_up_fails() -> None:
    assert "--strict" in recipe("audit")
    assert "make audit" in WORKFLOW.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize("is_another_version", [False, True])
def test_ci_ends_without_the_newer_python(tmp_path: Path, is_another_version: bool) -> None:
    """There is no such command, or it is another version; and there is no apt to install one."""
    for name in ("bash", "id"):
        program = shutil.which(name)
        assert program is not None
        (tmp_path / name).symlink_to(program)
    candidate = tmp_path / "python3.13"
    if is_another_version:
        candidate.write_text("#!/bin/sh\nexit 1\n")
        candidate.chmod(0o755)
    done = subprocess.run(
        [NEWER_PYTHON, candidate], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "CI must have one" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_ci_takes_the_newer_python_that_is_there(tmp_path: Path) -> None:
    candidate = tmp_path / "python3.13"
    candidate.write_text("#!/bin/sh\nexit 0\n")
    candidate.chmod(0o755)
    done = subprocess.run([NEWER_PYTHON, candidate], capture_output=True, text=True, check=True)
    assert done.stdout == f"{candidate}\n"
