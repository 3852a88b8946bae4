"""What a trial of another encoder found out, on a sample of the library's photos."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

# Where a query comes from: given by the user for the trial, typed on the page before, a saved
# search, the description or title of a photo, a keyword, or, where there are not enough of these, a
# list of what people often search for.
QuerySource: TypeAlias = Literal["own", "recent", "saved", "caption", "keyword", "usual"]


class SourcedQuery(Struct, frozen=True):
    """A query line and where it comes from."""

    line: str
    source: QuerySource


class TrialQuery(Struct, frozen=True):
    """One query as two encoders answer it: the ids of the best photos of the sample, best first.

    `text` is what was embedded; only photos that pass `filters`, as a line of the query language,
    are in the answers. `right` are photos that are known to be right: the one with that caption, or
    those with that keyword. None are known for other queries.
    """

    text: str
    source: QuerySource
    right: tuple[int, ...]
    before: tuple[int, ...]  # by the encoder in use
    after: tuple[int, ...]  # by the encoder that is tried
    filters: str = ""

    @property
    def line(self) -> str:
        """The query as search understands it: "the beach person:Anna on:2019"."""
        return f"{self.text} {self.filters}".strip()

    @property
    def shared(self) -> int:
        """How many photos are in both answers."""
        return len(set(self.before) & set(self.after))

    def right_in(self, photo_ids: tuple[int, ...]) -> int:
        """How many of these photos are known to be right."""
        return len(set(self.right) & set(photo_ids))


class KnownItems(Struct, frozen=True):
    """How well two encoders find what is known to be right, as means over queries, 0 to 1.

    For captions: the share whose photo is among the first ten (recall at 10). For keywords: the
    share of right photos among the first ten, or among as many as there are right ones.
    """

    source: QuerySource
    queries: int
    before: float
    after: float


class EncoderTrial(Struct, frozen=True):
    """An encoder compared with the one in use, before anything is decided."""

    encoder: str
    encoder_in_use: str
    photos: int  # the sample that both answered queries about
    left: int  # photos that have no vector of the encoder yet
    photos_per_s: float | None  # embedded and stored here; None if too few were
    size_bytes: int  # estimate: vectors and index of all photos
    memory_bytes: int  # the most that the process of the trial took
    known_items: tuple[KnownItems, ...]
    queries: tuple[TrialQuery, ...]
    made_at: datetime  # UTC

    @property
    def left_s(self) -> float | None:
        """Estimated seconds until all photos are embedded."""
        return self.left / self.photos_per_s if self.photos_per_s else None
