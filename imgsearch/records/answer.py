"""Answers: hits with their verdict, explanations and the score baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import astuple, replace

from imgsearch.records.marks import PhotoMarks
from imgsearch.records.names import MatchedField
from imgsearch.records.photo import FACTS, Photo
from imgsearch.records.picture_text import PhotoText, TextLine
from imgsearch.records.query import Clause, Query, UnderstoodPart
from imgsearch.records.worth import BestOrder, Worth
from imgsearch.text import clock, format_count

if TYPE_CHECKING:  # a client of the service loads no NumPy
    from pandas import DataFrame

    from imgsearch.records.arrays import Ids, Vector, Vectors

State: TypeAlias = Literal["found", "unsure", "nothing"]
Level: TypeAlias = Literal["sure", "likely", "possible", "weak"]
# Maps the id of a photo and the moment of a video to a WebP image, or None if none can be made.
ThumbnailSource: TypeAlias = Callable[[int, float | None], bytes | None]

_THUMBNAILS = "thumbnails"  # in the `__dict__` of a hit
_TABLE_COLUMNS = ("photo", "score", "level", "date", "path")
_TABLE_ROWS = 50  # of a table in a notebook; each has a picture of some kilobytes
_NOT_IN_DATA_FRAME = ("taken_at", "dated_by")  # replaced by the hit's own date and source


class Neighbours(Struct, frozen=True):
    """The nearest vectors of one query: `ids` (m,) int64, `scores` (m,) float32 descending."""

    ids: Ids
    scores: Vector


class Verdict(Struct, frozen=True):
    """The verdict on an answer, as `imgsearch.search.confidence` computes it.

    In the state "found", the first hits are sure or likely, and further ones possible. In the state
    "unsure", the nearest three to ten are possible, or all that pass filters for a person, a place
    or a time where none of them is likely. In the state "nothing", all are weak.

    `strength` says by how many standard deviations the best hits exceed chance; 0 is chance. Scores
    from `possible_from` up are possible, from `likely_from` up likely, from `sure_from` up sure; a
    bound that no score can reach is None. `sure`, `likely` and `possible` count hits among the
    best 200; `more` says that further possible hits follow. `named` counts the
    photos that the query finds by their names; if there are any, the state is "found".
    """

    state: State
    strength: float
    sure: int = 0
    likely: int = 0
    possible: int = 0
    more: bool = False
    sure_from: float | None = None
    likely_from: float | None = None
    possible_from: float | None = None
    named: int = 0

    @property
    def found(self) -> bool:
        """Whether something in the library matches the query."""
        return self.state == "found"

    def level(self, score: float) -> Level:
        """Return the level of a hit with this score; a higher score never has a lower level."""
        if self.sure_from is not None and score >= self.sure_from:
            return "sure"
        if self.likely_from is not None and score >= self.likely_from:
            return "likely"
        return (
            "possible" if self.possible_from is not None and score >= self.possible_from else "weak"
        )

    def __str__(self) -> str:
        if self.state == "nothing":
            return "nothing here looks like that"
        if self.state == "unsure":
            return f"unsure, the {self.possible} nearest are possible"
        counts = (
            (self.named, "by name"),
            (self.sure, "sure"),
            (self.likely, "likely"),
            (self.possible, "possible"),
        )
        parts = [f"{count} {level}" for count, level in counts if count]
        return ", ".join([*parts, "and more" if self.more else "nothing else"])


def level_of(verdict: Verdict | None, score: float, is_named: bool, is_read: bool) -> Level | None:
    """Return the level of a photo in an answer with this verdict.

    A photo that only its name has found has none, and without a verdict no photo has one; but all
    photos are weak that a query finds which the encoder cannot read (`is_read`).
    """
    if not is_read:
        return None if is_named else "weak"
    if verdict is None:
        return None
    level = verdict.level(score)
    return None if is_named and level in ("possible", "weak") else level


class Hit(Struct, frozen=True, dict=True):
    """One photo of an answer, with its paths and its score (cosine, higher is better).

    A query without terms gives no scores. `date` is when the photo was taken or, if the metadata
    states no date, when its file was modified; `dated_by` names the source ("file" for the latter).
    """

    photo: Photo
    paths: tuple[Path, ...]
    score: float | None
    offline: bool = False  # none of its paths is reachable now
    missing: bool = False  # its removal is on hold, since many files vanished at once
    date: datetime | None = None
    dated_by: str | None = None
    level: Level | None = None  # None without a verdict, and for a photo found only by name
    at_s: float | None = None  # the matching moment of a video, in seconds
    text_lines: tuple[TextLine, ...] = ()  # lines that match `text:` filters or words
    # The names, or the text, that match words of the query. A hit that only they have found has no
    # level.
    matched_by: tuple[MatchedField, ...] = ()
    worth: Worth | None = None  # in an answer with `sort:best`

    @property
    def path(self) -> Path:
        return self.paths[0]

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the parts of a copy or a pickle: the fields, and the source of the thumbnail."""
        return _restored, (astuple(self), self.__dict__.get(_THUMBNAILS))

    def _repr_html_(self) -> str:
        """Return the picture for a notebook, or the path if no picture can be made now."""
        from imgsearch.records.notebook import html_picture  # base64 and html: for notebooks only

        thumbnails: ThumbnailSource | None = self.__dict__.get(_THUMBNAILS)
        image = None if thumbnails is None else thumbnails(self.photo.id, self.at_s)
        time_in_video = "" if self.at_s is None else f" @ {clock(self.at_s)}"
        return html_picture(image, f"{self.path}{time_in_video}")


def _restored(fields: tuple[Any, ...], thumbnails: ThumbnailSource | None) -> Hit:
    hit = Hit(*fields)
    return hit if thumbnails is None else next(with_thumbnails([hit], thumbnails))


def with_thumbnails(hits: Iterable[Hit], thumbnails: ThumbnailSource) -> Iterator[Hit]:
    """Add to the hits the source of their thumbnails for notebooks.

    The source is no field of a hit: it has no form in JSON, and does not count when hits are
    compared.
    """
    for hit in hits:
        shown = replace(hit)
        shown.__dict__[_THUMBNAILS] = thumbnails
        yield shown


class Hits(list[Hit]):
    """A list of hits that a notebook shows as a table, and that pandas can take."""

    def _repr_html_(self) -> str:
        return _html_table(self, "")

    def to_dataframe(self) -> DataFrame:
        """Make a pandas DataFrame, one row per hit. Raises MissingPackage without pandas.

        The columns are `path`, the fields of a hit, and the facts of the photo's file. `date` is
        local time, without the UTC offset.
        """
        return _data_frame(self)


class Answer(Struct, frozen=True):
    """One page of hits. `cursor` requests the next page; None on the last one.

    A cursor remains valid while the library changes: no hit is repeated or skipped. There is no
    `verdict` for a query without terms, nor in a library that is too small for one.

    The first page also has remarks about the query: `suggestion` is the query line with misspelt
    words corrected, without examples that a line cannot express, and `remarks` are sentences, with
    the command lines `remark_commands` in them. If
    the encoder cannot read the query, `is_read` is False, the hits are weak, and there is no
    verdict. `understood` are the words of the query that became filters, and `clauses` those of a
    line with several.
    """

    hits: tuple[Hit, ...]
    cursor: str | None = None
    verdict: Verdict | None = None
    suggestion: str | None = None
    remarks: tuple[str, ...] = ()
    is_read: bool = True
    understood: tuple[UnderstoodPart, ...] = ()
    remark_commands: tuple[str, ...] = ()
    clauses: tuple[Clause, ...] = ()

    def without_weak_hits(self) -> Answer:
        """Return the answer without its weak hits, which come last, and the pages after them."""
        hits = tuple(hit for hit in self.hits if hit.level != "weak")
        return replace(self, hits=hits, cursor=self.cursor if hits == self.hits else None)

    def _repr_html_(self) -> str:
        return _html_table(self.hits, "" if self.verdict is None else str(self.verdict))

    def to_dataframe(self) -> DataFrame:
        """Make a pandas DataFrame of this page, as `Hits.to_dataframe` does."""
        return _data_frame(self.hits)


def _html_table(hits: Sequence[Hit], remark: str) -> str:
    from imgsearch.records.notebook import html_table

    rows = [
        (
            hit._repr_html_(),
            "" if hit.score is None else f"{hit.score:.3f}",
            hit.level or "",
            "" if hit.date is None else f"{hit.date:%Y-%m-%d}",
            f"{hit.path}{' (offline)' if hit.offline else ''}",
        )
        for hit in hits[:_TABLE_ROWS]
    ]
    if len(hits) > _TABLE_ROWS:
        remark = f"The first {_TABLE_ROWS} of {format_count(len(hits), 'photo')}. {remark}"
    return html_table(_TABLE_COLUMNS, rows, remark)


def _data_frame(hits: Sequence[Hit]) -> DataFrame:
    from imgsearch.records.notebook import data_frame

    columns: dict[str, list[object]] = {
        "path": [str(hit.path) for hit in hits],
        "score": [hit.score for hit in hits],
        "level": [hit.level for hit in hits],
        "date": [hit.date and hit.date.replace(tzinfo=None) for hit in hits],
        "dated_by": [hit.dated_by for hit in hits],
        "at_s": [hit.at_s for hit in hits],
        "offline": [hit.offline for hit in hits],
        "missing": [hit.missing for hit in hits],
        "photo_id": [hit.photo.id for hit in hits],
        "size_bytes": [hit.photo.size_bytes for hit in hits],
    }
    for fact in FACTS:
        if fact.name not in _NOT_IN_DATA_FRAME:
            columns[fact.name] = [getattr(hit.photo.facts, fact.name) for hit in hits]
    return data_frame(columns, times="date")


class FoundPhotos(Struct, frozen=True, eq=False):
    """All photos of an answer in its order, without their facts, which `Library.hits_of` adds.

    `scores` has the score of each photo, in the same order; None for a query without terms. `named`
    are the photos found by one of the `phrases`; `vector` is the vector of the query. If the
    encoder cannot read the query, `is_read` is False, and there is no verdict.
    """

    query: Query  # in its exact form
    ids: Ids
    scores: Vector | None = None
    verdict: Verdict | None = None
    named: frozenset[int] = frozenset()
    phrases: tuple[str, ...] = ()
    vector: Vector | None = None
    is_read: bool = True
    best: BestOrder | None = None  # with `sort:best`
    raised: frozenset[int] = frozenset()  # by a filter that reorders: without a level if weak

    def level_of(self, photo_id: int, score: float) -> Level | None:
        """Return the level of one of these photos: see `Hit.level`."""
        level = level_of(self.verdict, score, photo_id in self.named, self.is_read)
        return None if level == "weak" and photo_id in self.raised else level

    def without_weak(self) -> FoundPhotos:
        """Return the photos without the weak ones."""
        if self.scores is None:
            return self
        kept = [level != "weak" for level in self.levels()]
        return replace(self, ids=self.ids[kept], scores=self.scores[kept])

    def levels(self) -> list[Level | None]:
        """Return the level of each photo, in their order."""
        if self.scores is None:
            return [None] * len(self.ids)
        return list(map(self.level_of, self.ids.tolist(), self.scores.tolist()))


class TermShare(Struct, frozen=True):
    """The contribution of one term to a photo's score: all shares add up to the score.

    `term` is the term as a query line; part of an image, or an image without a file, has no such
    form and is described in words. `cosine` is the similarity of the photo to the term alone.
    """

    term: str
    cosine: float
    share: float


class FilterResult(Struct, frozen=True):
    """Whether a photo passes one filter of a query, which is written as in a query line."""

    filter: str
    passes: bool


class Card(Struct, frozen=True):
    """A card about a photo, which a feature brings: a title, and rows of a name and a text."""

    title: str
    rows: tuple[tuple[str, str], ...]


class PhotoDetails(Struct, frozen=True):
    """The details of a photo in a library: its hit, text and marks, and more of features.

    `text` is None if text was not looked for yet. `marks` is None for a photo without any. `shown`
    are names and texts of facts, as people read them. `present` says of each path of the hit
    whether there is a file now; of a path in object storage this is not known, and it says no.
    """

    hit: Hit
    text: PhotoText | None
    marks: PhotoMarks | None = None
    shown: tuple[tuple[str, str], ...] = ()
    cards: tuple[Card, ...] = ()
    present: tuple[bool, ...] = ()
    # Features add fields: see `imgsearch.records.extended`. Type checkers read ours here.
    if TYPE_CHECKING:
        albums: tuple[str, ...] = ()


class Explanation(Struct, frozen=True):
    """An explanation of the rank of a photo in an answer, or of its absence.

    `reason` is a sentence about the photo's absence, None if it is in the answer. `rank`
    counts from 1 among the photos that pass all filters; None if this one does not, or if there
    are no terms and no `sort:best`. `matched_by` are its names that match words of the query, and
    `remarks` names and texts with more about it. `score` is the sum of the `shares` of the
    terms and of `hubness`, what it loses for being near texts of all kinds, or gains for being far.
    With `sort:best`, `worth` has the reasons for its place.
    """

    path: Path
    reason: str | None = None
    photo: Photo | None = None
    rank: int | None = None
    score: float | None = None
    shares: tuple[TermShare, ...] = ()
    hubness: float | None = None  # None where none is subtracted
    filters: tuple[FilterResult, ...] = ()
    text: PhotoText | None = None  # None if the text of the photo was not read yet
    text_lines: tuple[TextLine, ...] = ()  # lines that match `text:` filters or words
    matched_by: tuple[MatchedField, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()
    worth: Worth | None = None
    # Features add fields, as to `PhotoDetails`.
    if TYPE_CHECKING:
        concepts: tuple[Any, ...] = ()


class ScoreBaseline(Struct, frozen=True, eq=False):
    """Unrelated queries and usual photos of a library, with which scores are compared."""

    prompts: Vectors  # (p, dim): captions of other things
    nouns: Vectors  # (q, dim): short texts about other things
    photos: Vectors  # (s, dim): other example photos, of the library
    mean: Vector  # (dim,), of all photos; its length is not 1
    vectors: int  # in the library, including vectors of parts
    # (u, dim): captions of what people's photos usually show; None in a baseline made without them.
    usual: Vectors | None = None
