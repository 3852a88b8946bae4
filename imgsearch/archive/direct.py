"""Searches an archive where it lies, for machines whose disk has no room for a copy of it.

Lance finds the nearest vectors, the words of names and texts, and the photos that pass filters on
its columns. Everything else needs a copy: names and dates understood in free words, verdicts,
example images, albums, persons, and what people have made or corrected. Only hidden photos are left
out as everywhere. Scores are plain cosines: the mean noun and the hubness of photos, which a copy
subtracts, are not in an archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from imgsearch.addresses import as_path, normal_address
from imgsearch.archive.lance.nearest import USUAL_POLICY, PhotoVectorsView
from imgsearch.archive.lance.rows import PHOTO_COLUMNS, id_of, photo_of, vectors_in
from imgsearch.archive.lance.tables import (
    ALL_WORDS,
    FIRST_PARTS,
    READ_FACTS,
    TEXT_COLUMN,
    Table,
    View,
    is_one_of,
    lance_errors,
    literal,
    loaded,
    plain_column,
    words_column,
)
from imgsearch.encoders.base import Encoder
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.encoders.prompts import embed_texts
from imgsearch.errors import QueryError
from imgsearch.language.grammar import parse
from imgsearch.paths import absolute
from imgsearch.records.answer import Answer, Hit
from imgsearch.records.arrays import Vector
from imgsearch.records.ids import LARGEST_INTEGER
from imgsearch.records.names import NAME_FIELDS
from imgsearch.records.photo import FACTS, Fact, facts_of
from imgsearch.records.query import (
    FACT_TOLERANCE,
    IN_BRACKETS,
    AllOf,
    DirectionName,
    Filter,
    FilterSpec,
    FilterValue,
    Interval,
    Query,
)
from imgsearch.text import SCHEME, plain_text, shell_word, without_spaces, words_of

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.progress import OnDownload

_COLUMNS = (*PHOTO_COLUMNS, "date", "date_source", "paths")
# Filters on facts that people change in copies, so the columns do not have what they have said.
_CHANGED_ELSEWHERE = frozenset({"rating", "person"})

_Column = Callable[[str], str]  # a column of the table of photos in SQL: see `View.column`
_Condition = Callable[[_Column, FilterValue], str]


class DirectSearch:
    """Answers queries from the tables of an archive, without a copy. For one thread at a time."""

    def __init__(
        self,
        address: str | Path,
        settings: Settings,
        notify: Callable[[str], None] = lambda sentence: None,
        on_download: OnDownload | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        """Nothing is read before it is needed. `encoder` takes the place of the archive's own."""
        self.address = normal_address(address)
        self._encoders = EncoderLoader(settings, notify, on_download, encoder)
        self._photos: Table | None = None
        self._items: Table | None = None

    def find(self, query: Query | str, k: int = 20) -> Answer:
        """Return the k best photos: first those with the words in a name or in their text.

        Then come the nearest ones. Without words, they are the newest. Raises QueryError for what
        only a copy of the archive can answer, and StoreError and ObjectStorageError.
        """
        wanted = parse(query) if isinstance(query, str) else query
        texts = self._texts_of(wanted)
        with lance_errors(self.address):
            if self._photos is None:
                self._photos = Table(self.address, "photos")
            view = self._photos.newest()
            conditions = [self._condition(view.column, each) for each in wanted.filters]
            hidden = self._hidden()
            if hidden:
                conditions.append(f"NOT {is_one_of('id', hidden)}")
            if not texts:
                return Answer(tuple(self._newest(view, conditions, k)))
            hits = self._nearest(view, texts, conditions, k)
        least = wanted.min_score
        return Answer(tuple(h for h in hits if least is None or (h.score or 0.0) >= least))

    def _texts_of(self, query: Query) -> list[tuple[str, float]]:
        """Return the texts of a query with their weights. Raises QueryError for other terms."""
        texts = []
        for term in query.terms:
            if not isinstance(term.what, str):
                what = "An example image"
                if isinstance(term.what, DirectionName):
                    what = f"{term.what.field}:{term.what.name}"
                self._refuse(what)
            if term.weight < 0:
                self._refuse(f"-{term.what}")
            texts.append((term.what, term.weight))
        if query.sort != "relevance":
            self._refuse(f"sort:{query.sort}")
        if query.min_score is not None and not texts:
            raise QueryError("t: needs words: without them, photos have no score.")
        return texts

    def _refuse(self, what: str) -> NoReturn:
        raise QueryError(
            f"{what} does not work with --direct, which asks the tables of the archive alone. "
            f"Leave --direct out: --library {shell_word(self.address)} copies what a search needs "
            "to this machine."
        )

    # ------------------------------------------------------------------ finding

    def _nearest(
        self, view: View, texts: Sequence[tuple[str, float]], conditions: Sequence[str], k: int
    ) -> list[Hit]:
        vector = self._vector(view, texts)
        has_words = (_has_words(view.column(ALL_WORDS), text) for text, _ in texts)
        named = _all_of([FIRST_PARTS, *conditions, *has_words])
        rows = view.read(["id", "vector"], named, limit=k)
        alike = (vectors_in(rows) @ vector).tolist() if rows.num_rows else []
        scores: dict[int, float] = dict(zip(rows["id"].to_pylist(), alike, strict=True))
        by_name = sorted(scores, key=lambda each: -scores[each])
        among = _all_of(conditions) if conditions else None
        nearest = PhotoVectorsView.of(view, USUAL_POLICY).nearest(vector, k, among, "text")
        found = dict(zip(nearest.ids.tolist(), nearest.scores.tolist(), strict=True))
        order = dict.fromkeys([*by_name, *found])
        photos = self._hits(view, list(order)[:k], found | scores)
        return [photos[each] for each in order if each in photos]

    def _vector(self, view: View, texts: Sequence[tuple[str, float]]) -> Vector:
        row = view.encoder
        vectors = embed_texts(self._encoders.shared(row), row.name, [text for text, _ in texts])
        weights = np.array([weight for _, weight in texts], np.float32)
        vector = weights @ vectors
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def _newest(self, view: View, conditions: Sequence[str], k: int) -> list[Hit]:
        condition = _all_of([FIRST_PARTS, *conditions])
        ids = view.newest_first("date", condition, k)
        hits = self._hits(view, ids, {})
        return [hits[each] for each in ids]

    def _hits(self, view: View, ids: Sequence[int], scores: Mapping[int, float]) -> dict[int, Hit]:
        rows = view.read_with("id", ids, _COLUMNS, f" AND {FIRST_PARTS}").to_pylist()
        return {row["id"]: _hit(row, scores.get(row["id"])) for row in rows}

    def _hidden(self) -> list[int]:
        """Return the ids of the photos that people have hidden in copies of the archive."""
        self._items = self._items or Table.if_there(self.address, "items")
        if self._items is None:
            return []
        hidden = "kind = 'mark' AND value IS NOT NULL AND key LIKE '%/hidden'"
        keys = self._items.newest().read(["key"], hidden)["key"].to_pylist()
        return [id_of(key.partition("/")[0]) for key in keys]

    # ------------------------------------------------------------------ filters

    def _condition(self, column: _Column, condition: Filter) -> str:
        """Return the condition that a photo passes a filter, in the SQL of Lance."""
        passes = " OR ".join(self._alternatives(column, condition)) or "false"
        if not condition.negated:
            return f"({passes})"
        read = [_was_read_for(column(READ_FACTS), fact) for fact in facts_of(condition)]
        return _all_of([f"({passes}) IS NOT TRUE", *read])

    def _alternatives(self, column: _Column, condition: Filter) -> list[str]:
        """Return a condition for each value of a filter, or for each alternative in brackets."""
        if condition.field == IN_BRACKETS:
            return [
                _all_of([self._condition(column, each) for each in value.filters])
                for value in condition.values
                if isinstance(value, AllOf)
            ]
        make = _CONDITIONS.get(condition.field)
        if make is None:
            self._refuse(f"{condition.field}:")
        return [f"({make(column, value)})" for value in condition.values]


def _hit(row: Mapping[str, Any], score: float | None) -> Hit:
    date = row["date"]
    return Hit(
        photo_of(row),
        tuple(as_path(loaded(path)) for path in row["paths"]),
        score,
        date=None if date is None else datetime.fromisoformat(date),
        dated_by=row["date_source"],
    )


def _was_read_for(read_facts: str, fact: str) -> str:
    """Return the condition that a photo was read for a fact: one that was not is unknown."""
    among = _contains(f"concat(' ', {read_facts}, ' ')", f" {fact} ")
    return f"{read_facts} IS NULL OR {among}"


def _all_of(conditions: Iterable[str]) -> str:
    return " AND ".join(f"({each})" for each in conditions)


def _contains(column: str, part: str) -> str:
    return f"contains({column}, {literal(part)})"


def _has_words(words_column: str, text: str) -> str:
    """Return the condition that a column of words has these, one after the other."""
    words = " ".join(words_of(text))
    return _contains(words_column, f" {words} ") if words else "false"


def _has_part(text_column: str, text: str) -> str:
    """Return the condition that a text has this part; 50mm is no part of 150mm or 1.50mm."""
    part = without_spaces(text)
    if not part[:1].isdigit():
        return _contains(text_column, part)
    pattern = "".join(e if e.isascii() and e.isalnum() else f"\\x{{{ord(e):x}}}" for e in part)
    return f"regexp_like({text_column}, {literal(rf'(^|[^0-9.]){pattern}')})"


def _between(column: str, value: FilterValue, is_whole: bool) -> str:
    assert isinstance(value, Interval)
    span = value if is_whole else value.widened(FACT_TOLERANCE)
    ends = []
    if span.low is not None:
        if is_whole:  # Lance compares whole numbers with nothing else
            low = floor(span.low) + 1 if span.low_open else ceil(span.low)
            ends.append(f"{column} >= {max(-LARGEST_INTEGER, min(low, LARGEST_INTEGER))}")
        else:
            ends.append(f"{column} {'>' if span.low_open else '>='} {float(span.low)!r}")
    if span.high is not None:
        if is_whole:
            high = ceil(span.high) - 1 if span.high_open else floor(span.high)
            ends.append(f"{column} <= {max(-LARGEST_INTEGER, min(high, LARGEST_INTEGER))}")
        else:
            ends.append(f"{column} {'<' if span.high_open else '<='} {float(span.high)!r}")
    return _all_of(ends) or "true"


def _of_fact(fact: Fact, spec: FilterSpec) -> _Condition | None:
    """Return the condition of a filter on a fact; None for one that no column answers."""
    if spec.kind == "words" and fact.name in NAME_FIELDS:
        words = words_column(fact.name)
        return lambda column, value: _has_words(column(words), str(value))
    if spec.kind == "text":
        plain = plain_column(fact.name)
        return lambda column, value: _has_part(column(plain), str(value))
    if spec.kind == "yes/no":
        return lambda column, value: f"{column(fact.name)} = {value == 'yes'}"
    if spec.kind == "number" and spec.missing_as is None:
        return lambda column, value: _between(column(fact.name), value, fact.type is int)
    return None


def _in_folder(column: _Column, value: FilterValue) -> str:
    text = str(value)
    if SCHEME.match(text):
        return f"array_has({column('folders')}, {literal(text.rstrip('/'))})"
    if text.startswith(("/", "~")):
        return f"array_has({column('folders')}, {literal(absolute(text))})"
    return _contains(column("folder_text"), f"/{plain_text(text.strip('/'))}/")


def _on(column: _Column, value: FilterValue) -> str:
    # What follows a shorter date sorts before "~".
    date = column("date")
    return f"{date} >= {literal(str(value))} AND {date} < {literal(f'{value}~')}"


# By the names of filters. A date is ISO text of any precision, which sorts by time.
_CONDITIONS: dict[str, _Condition] = {
    "after": lambda column, value: f"{column('date')} >= {literal(str(value))}",
    "before": lambda column, value: f"{column('date')} < {literal(str(value))}",
    "on": _on,
    "in": _in_folder,
    "name": lambda column, value: _contains(column("file_text"), plain_text(str(value))),
    "text": lambda column, value: _has_words(column(TEXT_COLUMN), str(value)),
    "type": lambda column, value: f"lower({column('format')}) = {literal(str(value))}",
    **{
        fact.filter.name: condition
        for fact in FACTS
        if fact.filter is not None
        and fact.filter.name not in _CHANGED_ELSEWHERE
        and (condition := _of_fact(fact, fact.filter)) is not None
    },
}
