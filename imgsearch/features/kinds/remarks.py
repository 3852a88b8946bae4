"""The remark that some photos were not judged yet, for queries that ask for a kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.kinds.numbers import version
from imgsearch.features.kinds.records import KIND_NAMES
from imgsearch.features.kinds.store import KindStore

if TYPE_CHECKING:
    from imgsearch.records.query import Query
    from imgsearch.search.context import SearchContext


def remarks(context: SearchContext, query: Query) -> Iterator[str]:
    """Say that photos were not judged yet where a query asks for a kind."""
    asked = any(
        each.field == "is" and not {*KIND_NAMES}.isdisjoint(map(str, each.values))
        for condition in query.filters
        for each in condition.alone
    )
    if not asked:
        return
    reads = context.reads
    row = reads.encoders.in_use()
    judged = KindStore(reads.database).judged_to(row.key, version())
    if judged < reads.vectors.last_seq(row.key):
        yield Sentence(
            "Not all photos were looked at yet for screenshots and documents. To do so: ",
            CommandLine("index"),
        )
