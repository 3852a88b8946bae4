"""Questions above a long answer on the page, with a link for yes and one for no."""

from __future__ import annotations

from imgsearch.features.narrowing.operations import FEW
from imgsearch.language.grammar import parse, to_text
from ui.answer_data import WholeAnswer
from ui.component_files import component
from ui.features import PageFeature

_questions = component("narrowing")


def page() -> PageFeature:
    """Return the share of the feature in the page."""
    return PageFeature(part="narrowing", above_photos=show_questions)


def show_questions(answer: WholeAnswer) -> None:
    """Show the questions about a long answer; each link adds a filter to its line."""
    if len(answer.strong.ids) <= FEW:
        return
    line = answer.search_input.line
    # The browser asks for them: the photos are shown meanwhile, and this run ends.
    _questions(
        key="narrowing",
        data={
            "search": answer.search_input.parameters,
            # In normal form, behind which a filter holds for all of it.
            "line": to_text(parse(line)) if line.strip() else "",
            "version": answer.strong.version,
        },
    )
