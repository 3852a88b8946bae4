"""Commands that extend, update or mend this installation of imgsearch.

A copy may run from a checkout, be installed from a folder, an archive or a repository, or come from
a package index. The commands of this module work for the copy that runs.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

DISTRIBUTION = "imgsearch-photos"


class _Source(NamedTuple):
    """The origin of this installation: a folder, another URL, or with neither an index.

    Not a Struct: what tells how to install packages needs none.
    """

    folder: Path | None = None
    is_checkout: bool = False  # the code runs from that folder, it was not copied
    url: str | None = None


class _Tool(NamedTuple):
    """An environment that uv or pipx made for imgsearch alone.

    What another program installs there is lost when the tool updates the environment, so its own
    command has to name all extras.
    """

    install: tuple[str, ...]  # the words before the requirement
    upgrade: tuple[str, ...]
    extras: frozenset[str]  # those that it has
    others: tuple[str, ...] = ()  # options for packages that were added to it


def pip_install(*arguments: str) -> str:
    """Return the command that installs something into the environment of this Python.

    The arguments are those of `pip install`.
    """
    python = Path(sys.executable)
    if find_spec("pip") is None:  # as in the environments that uv makes
        installer = ["uv", "pip", "install", "--python", str(python)]
    else:
        on_path = shutil.which("pip")
        is_ours = on_path is not None and Path(on_path).parent == python.parent
        installer = ["pip", "install"] if is_ours else [str(python), "-m", "pip", "install"]
    return shlex.join([*installer, *arguments])


def pip_reinstall(what: str) -> str:
    """Return the command that replaces the files of an installed package.

    `what` is as for `pip`.
    """
    return pip_install("--force-reinstall", "--no-deps", what)


def install_command(extra: str | None = None) -> str:
    """Return the command that installs all that imgsearch needs, or one of its extras."""
    source = _source()
    tool = _tool()
    extras = {extra} if extra else set()
    if tool is not None:
        extras |= tool.extras
    what = _requirement(source, extras)
    editable = ["--editable"] if source.is_checkout else []
    if tool is not None:
        return shlex.join([*tool.install, *tool.others, *editable, what])
    return pip_install(*editable, what)


def _requirement(source: _Source, extras: set[str]) -> str:
    """Return this copy of imgsearch with these extras, as installers take it."""
    suffix = f"[{','.join(sorted(extras))}]" if extras else ""
    if source.folder is not None:
        return f"{source.folder}{suffix}"
    return f"{DISTRIBUTION}{suffix}" + (f" @ {source.url}" if source.url is not None else "")


def cpu_torch_hint() -> str:
    """Return a sentence with the command that installs torch without the libraries of CUDA.

    On Linux, `pip` takes the build for CUDA from the package index unless told another index; `uv`
    has an option for that.
    """
    if find_spec("uv") is not None:
        uv = [sys.executable, "-m", "uv", "pip", "install"]
    else:
        uv = ["uv", "pip", "install", "--python", sys.executable]
    command = shlex.split(install_command("models"))
    if command[:3] == ["uv", "tool", "install"]:
        words = [*command[:3], "--torch-backend", "cpu", *command[3:]]
    else:
        words = [*uv, "--torch-backend", "cpu", *command[command.index("install") + 1 :]]
    return (
        "On Linux without an NVIDIA card, that installs 4 GB of CUDA for nothing; this does not: "
        f"{shlex.join(words)}"
    )


def page_package() -> str:
    """Return the name of the package with the page: `imgsearch.page` in an installed copy.

    In a checkout it is the folder `ui`. An installed copy has no top-level package of that name,
    which another distribution could have, too.
    """
    return "ui" if checkout_folder() is not None else "imgsearch.page"


def checkout_folder() -> Path | None:
    """Return the checkout that this code runs from, or None for an installed copy."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "pyproject.toml").is_file() else None


def update_command() -> str:
    """Return the command that brings a newer imgsearch."""
    source = _source()
    if source.folder is None:
        tool = _tool()
        return pip_install("--upgrade", DISTRIBUTION) if tool is None else shlex.join(tool.upgrade)
    pull = shlex.join(["git", "-C", str(source.folder), "pull"])
    return pull if source.is_checkout else f"{pull} && {install_command()}"


def restore_command(file: Path) -> str:
    """Return the command that restores a damaged file of imgsearch."""
    source = _source()
    if source.is_checkout:
        return shlex.join(["git", "-C", str(source.folder), "checkout", "--", str(file)])
    if source.folder is not None:
        return pip_reinstall(str(source.folder))
    return pip_reinstall(DISTRIBUTION if source.url is None else source.url)


def _tool() -> _Tool | None:
    """Return the tool that made this environment, by the file that it has left there."""
    folder = Path(sys.prefix)
    try:
        if (folder / "uv-receipt.toml").is_file():
            return _uv_tool((folder / "uv-receipt.toml").read_text("utf-8"))
        if (folder / "pipx_metadata.json").is_file():
            return _pipx_tool((folder / "pipx_metadata.json").read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # of a version to come
        return None
    return None


def _uv_tool(receipt: str) -> _Tool | None:
    import tomllib  # rarely needed

    required = tomllib.loads(receipt)["tool"]["requirements"]
    ours = [each for each in required if each["name"] == DISTRIBUTION]
    if not ours:  # imgsearch came with another tool
        return None
    others = [each for each in required if each["name"] != DISTRIBUTION]
    return _Tool(
        install=("uv", "tool", "install"),
        upgrade=("uv", "tool", "upgrade", DISTRIBUTION),
        extras=frozenset(ours[0].get("extras", ())),
        others=tuple(
            word for each in others for word in ("--with", each["name"] + each.get("specifier", ""))
        ),
    )


def _pipx_tool(metadata: str) -> _Tool | None:
    main = json.loads(metadata)["main_package"]
    if main["package"] != DISTRIBUTION:
        return None
    found = re.search(r"\[([\w,\s.-]+)\]", main["package_or_url"])
    extras = re.split(r"[\s,]+", found[1].strip()) if found else []
    return _Tool(
        install=("pipx", "install", "--force"),
        upgrade=("pipx", "upgrade", DISTRIBUTION),
        extras=frozenset(extras),
    )


def _source() -> _Source:
    checkout = checkout_folder()
    if checkout is not None:
        return _Source(checkout, is_checkout=True)
    record = _direct_url()
    url = record.get("url")
    if not isinstance(url, str):
        return _Source()
    if "dir_info" in record:
        folder = Path(unquote(urlsplit(url).path))
        return _Source(folder) if (folder / "pyproject.toml").is_file() else _Source()
    version_control = record.get("vcs_info")
    if isinstance(version_control, dict):
        return _Source(url=f"{version_control.get('vcs')}+{url}")
    return _Source(url=url)


def _direct_url() -> dict[str, object]:
    """Return the origin as the installer recorded it; nothing after an installation from an index.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    from importlib.metadata import PackageNotFoundError, distribution  # slow, and rarely needed

    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
        record = json.loads(text or "{}")
    except (PackageNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
