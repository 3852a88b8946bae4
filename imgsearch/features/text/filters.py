"""The filter `text:WORDS`."""

from __future__ import annotations

from imgsearch.records.query import FilterValue
from imgsearch.store.filters import ConditionContext, SqlCondition, full_text
from imgsearch.store.names import text_expression


def condition(context: ConditionContext, words: FilterValue) -> SqlCondition:
    """Return the condition that these words, in their order, were read in the picture."""
    return full_text("photos.id", "text_words", text_expression(str(words)))
