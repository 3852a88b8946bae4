"""Builds a release from the last commit: wheel, sdist, documentation, checksums.

    python -m tests.make_release DIST

DIST is made anew. The same commit and the same versions of setuptools and Sphinx give the same
bytes, on any day and in any folder: what is built comes from `git archive`, times are those of the
commit, and the archives are written in one order without names of users.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from imgsearch.version import VERSION
from tests.factories import CHECKOUT

SUMS = "SHA256SUMS"
_LIMIT_S = 1200


def make_release(dist: Path, checkout: Path = CHECKOUT) -> None:
    """Fill the folder with the artefacts of the last commit.

    Raises ClickException if the checkout has changes that are not committed.
    """
    changed = git(checkout, "status", "--porcelain").strip()
    if changed:
        raise click.ClickException(f"Commit these changes first, or stash them:\n{changed}")
    commit_s = int(git(checkout, "log", "-1", "--format=%ct"))
    os.umask(0o022)
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        source = Path(work, "source")
        export(checkout, source)
        (wheel,), (sdist,) = build_packages(source, Path(work, "packages"), commit_s)
        shutil.copy(wheel, dist)
        normalise_sdist(sdist, dist / sdist.name, commit_s)
        site = Path(work, "site")
        build_site(source, site, commit_s)
        pack_site(site, dist / f"imgsearch-photos-{VERSION}-docs.zip", commit_s)
    write_sums(dist)


def git(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=checkout, check=True, capture_output=True, text=True
    )
    return done.stdout


def export(checkout: Path, folder: Path) -> None:
    """The files of the last commit, and nothing else that lies in the checkout."""
    done = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD"], cwd=checkout, check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def build_packages(source: Path, folder: Path, time_s: int) -> tuple[list[Path], list[Path]]:
    """The wheel and the sdist, as setuptools makes them."""
    run([sys.executable, "-m", "build", "--outdir", folder, source], source, time_s)
    return list(folder.glob("*.whl")), list(folder.glob("*.tar.gz"))


def build_site(source: Path, folder: Path, time_s: int) -> None:
    arguments = ["--fail-on-warning", "--keep-going", "--quiet", "--conf-dir", "docs"]
    doctrees = folder.with_name("doctrees")
    run([sys.executable, "-m", "sphinx", *arguments, "-d", doctrees, ".", folder], source, time_s)


def run(command: Sequence[str | Path], folder: Path, time_s: int) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(time_s), "PYTHONHASHSEED": "0"}
    subprocess.run(command, cwd=folder, check=True, timeout=_LIMIT_S, env=environment)


def normalise_sdist(sdist: Path, target: Path, time_s: int) -> None:
    """Write the files of a tar file anew: sorted, with one time, and without names of users."""
    written = io.BytesIO()
    with (
        tarfile.open(sdist) as before,
        tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda each: each.name):
            content = before.extractfile(member) if member.isfile() else None
            member.mtime, member.uid, member.gid = time_s, 0, 0
            member.uname = member.gname = ""
            member.pax_headers = {}
            after.addfile(member, content)
    with target.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=time_s) as packed:
        packed.write(written.getvalue())


def pack_site(site: Path, target: Path, time_s: int) -> None:
    """Write the site as a zip file, whose times are those of the commit."""
    moment = datetime.fromtimestamp(time_s, UTC).timetuple()[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(each for each in site.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(site).as_posix(), moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())


def write_sums(dist: Path) -> None:
    """The checksums of all files, for `sha256sum --check`."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(dist.iterdir())
    ]
    (dist / SUMS).write_text("".join(lines))


@click.command()
@click.argument("dist", type=click.Path(path_type=Path))
def main(dist: Path) -> None:
    """Build a release of the last commit."""
    make_release(dist.absolute())
    click.echo((dist / SUMS).read_text(), nl=False)


if __name__ == "__main__":
    main()
