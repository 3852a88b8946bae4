"""The remarks that some photos were not judged yet, and how many an answer leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.kinds.numbers import version
from imgsearch.features.kinds.store import KindStore
from imgsearch.records.query import Filter
from imgsearch.text import format_count

if TYPE_CHECKING:
    from imgsearch.records.query import Query
    from imgsearch.search.context import SearchContext


def remarks(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield a remark about the pictures that an answer leaves out."""
    yield from _left_out(context, query)


def unjudged(context: SearchContext) -> Iterator[str]:
    """Yield a sentence if photos were not judged yet."""
    reads = context.reads
    row = reads.encoders.in_use()
    judged = KindStore(reads.database).judged_to(row.key, version())
    if judged < reads.vectors.last_seq(row.key):
        yield Sentence(
            "Not all photos were looked at yet for screenshots and documents. To do so: ",
            CommandLine("index"),
        )


def _left_out(context: SearchContext, query: Query) -> Iterator[str]:
    """Yield a remark with the numbers of pictures that pass the filters and are left out."""
    counts = {
        state: context.photos.count(
            context.selection((*query.filters, Filter("is", (state,))))
        ).photos
        for state in context.left_out(query)
    }
    found = [state for state, count in counts.items() if count]
    if not found:
        return
    numbers = " and ".join(format_count(counts[state], state) for state in found)
    yield Sentence(
        f"Without {numbers}, which is:{'|'.join(found)} finds. To change this: ",
        CommandLine("kinds"),
    )
