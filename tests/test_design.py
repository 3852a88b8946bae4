"""The looks of the page: its style sheets use the tokens, and docs/design.md explains each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOKENS = ROOT / "ui" / "assets" / "tokens.css"
SHEETS = [
    *((ROOT / "ui").rglob("*.css")),
    *(ROOT / "imgsearch" / "features").glob("*/components/**/*.css"),
]
# Documents of their own, also for browsers that are too old for tokens.
OTHER_DOCUMENTS = {"wall.css"}
# A value that belongs among the tokens: a size of text, a radius, a colour, a shadow with one.
OWN_VALUES = (
    re.compile(r"(?<![-\w])font-size:[^;}]*\d"),
    re.compile(r"(?<![-\w])font:\s*(?:\d00\s+)?[\d.]+(?:px|r?em)"),
    re.compile(r"radius:[^;}]*[1-9]\d*(?:px|r?em|%)"),
    re.compile(r"#[0-9a-fA-F]{3,8}\b"),
    re.compile(r"(?:rgb|hsl)a?\("),
)


def declared() -> dict[str, str]:
    """The tokens, with their values."""
    return dict(re.findall(r"(--[a-z-]+): ([^;]+);", TOKENS.read_text("utf-8")))


@pytest.mark.parametrize(
    "sheet",
    sorted(each for each in SHEETS if each != TOKENS and each.name not in OTHER_DOCUMENTS),
    ids=lambda path: path.name,
)
def test_sizes_radii_and_colours_are_tokens(sheet: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
    assert not [each for known in OWN_VALUES for each in known.findall(text)]
    own = set(re.findall(r"[\s{;](--[a-z-]+):", text))
    assert not own & declared().keys(), "a token has one value"


@pytest.mark.parametrize("sheet", sorted(SHEETS), ids=lambda path: path.name)
def test_a_sign_has_the_room_that_its_size_needs(sheet: Path) -> None:
    """One of the icon font that is cut off shows the first letter of its name, in part."""
    for rule in re.findall(r"\{[^{}]*\}", sheet.read_text("utf-8")):
        if size := re.search(r"font[^;]*: *var\((--icon[a-z-]*)\)", rule):
            sides = re.findall(r"(?<![-\w])(?:width|height): ([^;}]+)", rule)
            assert {each.strip() for each in sides} <= {f"var({size[1]})"}, rule


def test_every_token_is_used_and_explained_with_its_value() -> None:
    used = "".join(sheet.read_text("utf-8") for sheet in SHEETS)
    explained = (ROOT / "docs" / "design.md").read_text("utf-8")
    for name, value in declared().items():
        assert f"var({name})" in used, f"{name} is used nowhere"
        assert f"`{name}` {value}" in explained, f"docs/design.md lacks {name} or its value"
    named = set(re.findall(r"`(--(?!st-)[a-z-]+)`", explained))
    assert named == declared().keys()
