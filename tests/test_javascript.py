"""The tools that check the page's JavaScript: pinned, for developers alone, not evaded."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.factories import CHECKOUT

LOCK = (CHECKOUT / "package-lock.json").read_text()


def test_the_versions_are_exact_and_the_lock_file_names_no_registry() -> None:
    package: dict[str, Any] = json.loads((CHECKOUT / "package.json").read_text())
    assert package["private"] is True and "dependencies" not in package
    versions = package["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values()), versions
    locked: dict[str, Any] = json.loads(LOCK)["packages"]
    assert locked.pop("")["devDependencies"] == versions
    for name, each in locked.items():
        assert "resolved" not in each and each["integrity"].startswith("sha512-"), name
        assert each.get("dev") or each.get("devOptional"), name
    assert "registry" not in LOCK
    assert "omit-lockfile-registry-resolved=true" in (CHECKOUT / ".npmrc").read_text()


def test_no_comment_switches_a_check_off() -> None:
    files = [*(CHECKOUT / "ui").rglob("*.js"), *(CHECKOUT / "tests" / "js").glob("*.js")]
    assert len(files) > 60
    for file in files:
        text = file.read_text()
        assert not re.search(r"@ts-(ignore|nocheck|expect-error)|eslint-disable", text), file
        for found in re.finditer(r"biome-ignore[^\n]*", text):
            assert re.search(r": \w+ \w+", found[0]), f"{file}: say why: {found[0]}"


@pytest.mark.skipif(sys.platform == "win32", reason="a Makefile")
def test_without_node_the_check_says_what_it_needs(tmp_path: Path) -> None:
    for name in ("Makefile", "package.json", "package-lock.json", ".npmrc"):
        shutil.copy(CHECKOUT / name, tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "make", "touch"):
        program = shutil.which(name)
        assert program is not None
        (programs / name).symlink_to(program)
    done = subprocess.run(
        [programs / "make", "check-js"],
        cwd=tmp_path,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Node.js 20 or newer" in done.stderr and "tests/install_node.sh" in done.stderr
