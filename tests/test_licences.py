"""The licences of the packages that users install are known, and docs/licences.md names them."""

from __future__ import annotations

import re

import pytest

from tests.licences import (
    OWN,
    PAGE,
    PERMISSIVE,
    STRONG,
    STRONG_KIND,
    TABLE,
    WEAK,
    Package,
    bundled_in,
    by_extras,
    extras,
    faults,
    kind_of,
    table,
)


def test_every_package_has_a_licence_that_somebody_has_decided_about() -> None:
    found, _ = by_extras()
    assert len(found[""]) > 30  # the packages of the plain name are installed
    assert faults(found) == []


def test_a_package_that_nobody_has_decided_about_is_a_fault() -> None:
    new = Package("new", "GPL-3.0-only", STRONG_KIND)
    unknown = Package("odd", "Beerware", "")
    assert faults({"": [new, unknown]}) == [
        "new, with the plain name: GPL-3.0-only",
        "odd: its licence is not known: 'Beerware'",
    ]
    lens = Package("exiv2", "GPL-3.0-or-later", STRONG_KIND)
    assert faults({"lens": [lens]}) == [] and len(faults({"raw": [lens]})) == 1


@pytest.mark.parametrize(
    ("licence", "kind"),
    [
        ("MIT", PERMISSIVE),
        ("Apache Software License", PERMISSIVE),
        ("MPL-2.0 AND MIT", WEAK),
        ("LGPL-3.0-or-later", WEAK),
        ("GNU General Public License v3 or later (GPLv3+)", STRONG_KIND),
        ("MIT OR GPL-2.0", PERMISSIVE),
        ("BSD-3-Clause AND GPL-3.0-only", STRONG_KIND),
        ("LicenseRef-NVIDIA-Proprietary", OWN),
        ("Beerware", ""),
        ("", ""),
    ],
)
def test_the_kind_of_a_licence(licence: str, kind: str) -> None:
    assert kind_of(licence) == kind


def test_libraries_inside_a_wheel_are_found_on_every_system() -> None:
    assert bundled_in(["pillow_heif.libs/libx265-4883ecb5.so.217"]) == ["x265"]
    assert bundled_in(["av/x264-12.dll", "av/.dylibs/libx265.216.dylib"]) == ["x264", "x265"]
    assert bundled_in(["av/codec/x265.py", "libx2650.so"]) == []


def test_the_page_lists_every_extra_and_every_package_under_the_gpl() -> None:
    page = PAGE.read_text()
    found = TABLE.search(page)
    assert found is not None
    rows = re.findall(r"^\| (?:`([\w-]+)`|none: the plain name) \|", found[0], re.MULTILINE)
    assert rows == extras(), "run: python -m tests.licences --publish"
    named = page.split("## What GPL means here")[1]
    assert all(f"**{name}**" in found[0] and f"**{name}**" in named for name in STRONG)


def test_a_row_names_what_is_not_permissive() -> None:
    packages = [
        Package("a", "MIT", PERMISSIVE),
        Package("b", "MPL-2.0", WEAK),
        Package("c", "GPL-3.0-only", STRONG_KIND),
        Package("d", "NVIDIA Proprietary", OWN),
    ]
    *_, row = table({"lens": packages}, {"lens": ["odd"]}, "2026-11-30").splitlines()
    assert row == (
        "| `lens` | 4, and odd | 1 | b (MPL-2.0) "
        "| **c** (GPL-3.0-only), 1 under terms of their makers, such as d |"
    )
