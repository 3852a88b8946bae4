"""The line that `imgsearch search` prints after a long answer: what would narrow it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgsearch.features.narrowing.operations import FEW, Narrowing
from imgsearch.features.narrowing.records import NarrowingQuestions
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.records.answer import Answer
    from imgsearch.records.query import Query
    from imgsearch.service.api import Asking


def sentences(ask: Asking, query: Query, answer: Answer) -> Iterator[str]:
    """Yield the filters that narrow an answer of more than 40 photos, with their numbers."""
    if answer.cursor is None and len(answer.hits) <= FEW:
        return
    verdict = answer.verdict
    if verdict is not None and verdict.sure + verdict.likely + verdict.possible <= FEW:
        return
    line = line_of(ask(Narrowing.questions, query))
    if line:
        yield line


def line_of(narrowed: NarrowingQuestions) -> str:
    """Return "Narrow down: on:2019 (23), place:Lisbon (18)"; empty without a question."""
    if not narrowed.questions:
        return ""
    filters = (f"{each.yes} ({each.photos:,})" for each in narrowed.questions)
    return printable(f"Narrow down: {', '.join(filters)}")
