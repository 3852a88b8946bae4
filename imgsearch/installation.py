"""Commands that extend, update or mend this installation of imgsearch.

A copy may run from a checkout, be installed from a folder, an archive or a repository, or come from
a package index. The commands of this module work for the copy that runs.
"""

from __future__ import annotations

import json
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


def pip_install(*arguments: str) -> str:
    """The command that installs something into the environment of this Python.

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
    """The command that replaces the files of an installed package; `what` is as for `pip`."""
    return pip_install("--force-reinstall", "--no-deps", what)


def install_command(extra: str | None = None) -> str:
    """The command that installs all that imgsearch needs, or one of its extras."""
    source = _source()
    suffix = f"[{extra}]" if extra else ""
    if source.folder is not None:
        editable = ["--editable"] if source.is_checkout else []
        return pip_install(*editable, f"{source.folder}{suffix}")
    if source.url is not None:
        return pip_install(f"{DISTRIBUTION}{suffix} @ {source.url}")
    return pip_install(f"{DISTRIBUTION}{suffix}")


def cpu_torch_hint() -> str:
    """A sentence with the command that installs torch without the libraries of CUDA.

    On Linux, `pip` takes the build for CUDA from the package index unless told another index; `uv`
    has an option for that.
    """
    uv = [sys.executable, "-m", "uv"] if find_spec("uv") is not None else ["uv"]
    what = install_command("models").rpartition(" install ")[2]
    command = f"{shlex.join([*uv, 'pip', 'install', '--torch-backend', 'cpu'])} {what}"
    return (
        "On Linux without an NVIDIA card, that installs 3 GB of CUDA for nothing; this does not: "
        f"{command}"
    )


def page_package() -> str:
    """The name of the package with the page: `imgsearch.page` in an installed copy.

    In a checkout it is the folder `ui`. An installed copy has no top-level package of that name,
    which another distribution could have, too.
    """
    return "ui" if checkout_folder() is not None else "imgsearch.page"


def checkout_folder() -> Path | None:
    """The checkout that this code runs from, or None for an installed copy."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "pyproject.toml").is_file() else None


def update_command() -> str:
    """The command that brings a newer imgsearch."""
    source = _source()
    if source.folder is None:
        return pip_install("--upgrade", DISTRIBUTION)
    pull = shlex.join(["git", "-C", str(source.folder), "pull"])
    return pull if source.is_checkout else f"{pull} && {install_command()}"


def restore_command(file: Path) -> str:
    """The command that restores a damaged file of imgsearch."""
    source = _source()
    if source.is_checkout:
        return shlex.join(["git", "-C", str(source.folder), "checkout", "--", str(file)])
    if source.folder is not None:
        return pip_reinstall(str(source.folder))
    return pip_reinstall(DISTRIBUTION if source.url is None else source.url)


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
    """The origin as the installer recorded it; nothing after an installation from an index.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    from importlib.metadata import PackageNotFoundError, distribution  # slow, and rarely needed

    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
        record = json.loads(text or "{}")
    except (PackageNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
