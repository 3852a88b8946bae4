"""Records for the trial of another encoder on a sample of the library's photos."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

# The source of a query: "own", given by the user for the trial; "recent", typed on the page before;
# the name before the colon that stands for it, such as "saved"; "caption", the description or title
# of a photo; "keyword"; or, if these are too few, "usual", a list of frequent searches.
QuerySource: TypeAlias = str


class SourcedQuery(Struct, frozen=True):
    """A query line and its source."""

    line: str
    source: QuerySource


class TrialQuery(Struct, frozen=True):
    """One query as two encoders answer it: the ids of the best photos of the sample, best first.

    `text` is the embedded text; only photos that pass `filters`, as a line of the query language,
    are in the answers. `right` are the known right photos: the photo with that caption, or the
    photos with that keyword. Other queries have none.
    """

    text: str
    source: QuerySource
    right: tuple[int, ...]
    before: tuple[int, ...]  # by the current encoder
    after: tuple[int, ...]  # by the encoder under trial
    filters: str = ""

    @property
    def line(self) -> str:
        """The query as search understands it: "the beach person:Anna on:2019"."""
        return f"{self.text} {self.filters}".strip()

    @property
    def shared(self) -> int:
        """The number of photos in both answers."""
        return len(set(self.before) & set(self.after))

    def right_in(self, photo_ids: tuple[int, ...]) -> int:
        """Return the number of these photos that are known to be right."""
        return len(set(self.right) & set(photo_ids))


class KnownItems(Struct, frozen=True):
    """The quality of two encoders on queries with known answers, as means, 0 to 1.

    For captions: the share whose photo is among the first ten (recall at 10). For keywords: the
    share of right photos among the first ten, or among as many as there are right ones.
    """

    source: QuerySource
    queries: int
    before: float
    after: float


class EncoderTrial(Struct, frozen=True):
    """The comparison of an encoder with the current one, before any decision."""

    encoder: str
    encoder_in_use: str
    photos: int  # in the sample for both encoders
    left: int  # photos without a vector of the encoder
    photos_per_s: float | None  # embedded and stored here; None if too few were
    size_bytes: int  # estimate: vectors and index of all photos
    memory_bytes: int  # the peak of the trial's process
    known_items: tuple[KnownItems, ...]
    queries: tuple[TrialQuery, ...]
    made_at: datetime  # UTC

    @property
    def left_s(self) -> float | None:
        """Estimated seconds until all photos are embedded."""
        return self.left / self.photos_per_s if self.photos_per_s else None
