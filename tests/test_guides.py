"""The pages of docs/: guides are short and have no measured figure, and figures have a date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.factories import CHECKOUT

DOCS = CHECKOUT / "docs"
INDEX = (DOCS / "index.md").read_text()
GUIDES = re.findall(
    r"^([\w-]+)$", INDEX.partition(":caption: Guides")[2].partition("```")[0], re.MULTILINE
)
MAX_WORDS = 800
# Times, rates and shares as benchmarks print them; thresholds of a rule are no measurements.
FIGURE = re.compile(
    r"\d (?:ms|µs)\b|\d\s?(?:photos|images|queries|answers)(?:/s\b| (?:a|per) second)"
    r"|\b(?:R@\d+|recall@\d+|mAP|p50|p95)\b|\d s of processor time|\d × rclip|AMD EPYC"
)


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_guides_are_named_by_the_index() -> None:
    assert len(GUIDES) >= 12 and {"search", "people", "watching"} <= {*GUIDES}


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_is_short_and_has_no_measured_figure(name: str) -> None:
    text = prose(DOCS / f"{name}.md")
    words = [word for word in text.split() if re.search(r"\w", word)]
    assert len(words) <= MAX_WORDS, f"{len(words)} words: a guide has one task"
    assert FIGURE.findall(text) == [], "figures belong to docs/benchmarks.md"


def test_a_measured_figure_is_recognised() -> None:
    for text in ("takes 12 ms", "48 photos a second", "R@10 is 71.5 %", "12 s of processor time"):
        assert FIGURE.search(text), text
    for text in ("within 10 seconds", "at most 200 MB", "more than 5 %", "every 5 seconds"):
        assert not FIGURE.search(text), text


@pytest.mark.parametrize("section", re.findall(r"^## (.+)$", prose(DOCS / "benchmarks.md"), re.M))
def test_every_section_of_figures_has_a_date(section: str) -> None:
    page = (DOCS / "benchmarks.md").read_text()
    text = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    assert re.search(r"\b20\d\d-\d\d(-\d\d)?\b", text), section
    assert re.search(r"`(python -m |make |pytest |benchmarks)[^`]*`", text), section
