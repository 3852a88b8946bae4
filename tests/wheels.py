"""Checks that wheels of all packages exist for each extra, system and version of Python.

    python -m tests.wheels [--publish]

Each installation is resolved by `uv`, for the other systems too, with wheels alone: nothing is
built or installed. The packages come from the index that uv is set up with. Prints a table;
--publish writes it into docs/installing.md. Ends with 1 where a package has no wheel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import NamedTuple

import click

CHECKOUT = Path(__file__).parent.parent
PAGE = CHECKOUT / "docs" / "installing.md"
TABLE = re.compile(r"(<!-- wheels: written by .* -->\n).*?(<!-- /wheels -->)", re.DOTALL)
# Of developers, not of users.
_NOT_INSTALLED = {"dev", "docs", "release", "bench"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux, x86-64": "x86_64-manylinux_2_28",
    "macOS 14, Apple silicon": "aarch64-apple-darwin",
    "Windows, x86-64": "x86_64-pc-windows-msvc",
}
_MACOS = "14.0"
_PLAIN = "the plain name"
_AT_ONCE = 4  # each waits for the index
_LIMIT_S = 300
_NO_WHEEL = re.compile(r"\b([A-Za-z0-9._-]+?)(?:[<>=!]\S*)? has no wheels")


class Resolved(NamedTuple):
    """Whether wheels exist for an installation; if not, the package that lacks one."""

    extra: str
    platform: str
    python: str
    lacking: str | None


def extras() -> list[str]:
    """The extras that users install, as pyproject.toml names them; "" is the plain name."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    return ["", *(name for name in optional if name not in _NOT_INSTALLED)]


def resolve(uv: str, extra: str, platform: str, python: str) -> Resolved:
    """Resolve one installation. Raises RuntimeError for a failure that is not about wheels."""
    done = subprocess.run(
        [
            *(uv, "pip", "compile", "--quiet", "--no-header", "--only-binary", ":all:"),
            *("--python-version", python, "--python-platform", PLATFORMS[platform]),
            *(("--extra", extra) if extra else ()),
            "pyproject.toml",
        ],
        cwd=CHECKOUT,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": _MACOS},
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )
    if done.returncode == 0:
        return Resolved(extra, platform, python, None)
    return Resolved(extra, platform, python, lacking_package(done.stderr))


def lacking_package(message: str) -> str:
    """The package without a wheel in a message of uv. Raises RuntimeError for any other message."""
    found = _NO_WHEEL.search(" ".join(message.split()))
    if found is None:
        raise RuntimeError(message)
    return found[1]


def table(results: Iterable[Resolved], day: str) -> str:
    """The table of docs/installing.md: the versions of Python by extra and system."""
    cells: dict[tuple[str, str], dict[str, str | None]] = {}
    for each in results:
        cells.setdefault((each.extra, each.platform), {})[each.python] = each.lacking
    rows = [
        f"| extra ({day}) | {' | '.join(PLATFORMS)} |",
        f"|---|{'---|' * len(PLATFORMS)}",
    ]
    alike: dict[tuple[str, ...], list[str]] = {}  # extras with the same cells share a row
    for extra in dict.fromkeys(extra for extra, _ in cells):
        shown = tuple(_cell(cells[extra, platform]) for platform in PLATFORMS)
        alike.setdefault(shown, []).append(f"`{extra}`" if extra else _PLAIN)
    for shown, names in alike.items():
        rows.append(f"| {', '.join(names)} | {' | '.join(shown)} |")
    return "\n".join(rows)


def _cell(lacking: Mapping[str, str | None]) -> str:
    """ "3.11 to 3.13; 3.14 lacks `av`"."""
    good = [python for python in PYTHONS if lacking[python] is None]
    if not good:
        return f"none: `{lacking[PYTHONS[0]]}`"
    text = good[0] if len(good) == 1 else f"{good[0]} to {good[-1]}"
    bad = [f"{python} lacks `{name}`" for python, name in lacking.items() if name is not None]
    return "; ".join([text, *bad])


@click.command()
@click.option("--publish", is_flag=True, help="Write the table into docs/installing.md.")
def main(publish: bool) -> None:
    """Check all extras, systems and versions."""
    uv = shutil.which("uv")
    if uv is None:
        raise click.UsageError("uv is not installed. Install it: pip install uv")
    wanted = list(product(extras(), PLATFORMS, PYTHONS))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        results = list(pool.map(lambda each: resolve(uv, *each), wanted))
    written = table(results, datetime.now(UTC).date().isoformat())
    click.echo(written)
    if publish:
        page = TABLE.sub(lambda found: f"{found[1]}{written}\n{found[2]}", PAGE.read_text())
        PAGE.write_text(page)
    sys.exit(any(each.lacking for each in results))


if __name__ == "__main__":
    main()
