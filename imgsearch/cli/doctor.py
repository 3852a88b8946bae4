"""`imgsearch doctor`."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imgsearch.cli.output import (
    archive_option,
    data_option,
    info,
    json_option,
    open_either,
    print_json,
)
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.records.status import Finding


@click.command("doctor")
@click.option("--repair", is_flag=True, help="Make the repairs that are safe. No photo is touched.")
@json_option
@archive_option
@data_option
def command(repair: bool, as_json: bool, address: str | None, data_dir: str | None) -> None:
    """Check the library: database, vectors, index, cache, model, rights, disk, versions.

    The check reads everything, so it takes a while, and changes nothing without --repair. Include
    its output when you report a problem. The exit code stands for the worst finding: 0 if all is
    well, 1 for a warning, and the code of the error otherwise, such as 7 for the index and 8 for
    the database.
    """
    with open_either(data_dir, address, updates_copy=False) as library:
        if repair:
            for sentence in library.upkeep.repair():
                info(sentence)
        findings = [*library.upkeep.doctor(), _service_finding(library.working_folder)]
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            _print(finding)
    sys.exit(max(finding.exit_code for finding in findings))


def _print(finding: Finding) -> None:
    click.echo(f"{finding.level:8} {finding.area:13} {printable(finding.message)}")
    if finding.cure is not None:
        click.echo(f"{'':22} -> {printable(finding.cure)}")


def _service_finding(data_dir: Path) -> Finding:
    """Return a finding that says whether a service of this library listens."""
    from imgsearch.records.status import Finding
    from imgsearch.service.address import PRIVATE_ADDRESS

    file = PRIVATE_ADDRESS.file(data_dir)
    if not file.exists():
        return Finding("service", "ok", "No service runs for this library.")
    with suppress(OSError):
        PRIVATE_ADDRESS.connected(data_dir, 1.0).socket.close()
        return Finding("service", "ok", f"A service listens on {file}.")
    message = f"{file} was left behind by a service that was killed."
    return Finding("service", "note", message, "The next imgsearch serve replaces it.")
