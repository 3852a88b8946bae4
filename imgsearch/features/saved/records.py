"""Records for saved searches: queries stored in the library under a name."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from msgspec import Struct

from imgsearch.records.query import Term


class PlacedTerm(Struct, frozen=True):
    """A term and its position among the terms of a query, from 0."""

    position: int
    term: Term


class SavedSearch(Struct, frozen=True):
    """A query with a name. `saved:NAME` stands for it in other queries.

    `line` is the query in the query language, without the `examples` that a line cannot express:
    images that are not in the library, and parts of images. `k` is the maximum number of
    photos; None stands for the best 1,000, or for all photos of a query without words and examples.
    With `include_weak`, photos with a weak score are included.
    """

    name: str
    line: str
    examples: tuple[PlacedTerm, ...]
    k: int | None
    include_weak: bool
    saved_at: datetime
    looked_at: datetime


class SavedSearchSummary(Struct, frozen=True):
    """A saved search with its current counts.

    `photos` is the number of photos that it finds, `new` the number that it did not find when the
    user last looked, and `cover_id` the first photo. `problem` is the reason if the search cannot
    be answered now; the counts are then 0.
    """

    name: str
    line: str
    example_count: int
    k: int | None
    include_weak: bool
    saved_at: datetime
    looked_at: datetime
    photos: int = 0
    new: int = 0
    cover_id: int | None = None
    problem: str | None = None


class SavedSearchOutputs(Struct, frozen=True):
    """The outputs that follow the saved search with this name; paths are absolute.

    `links` is a folder of symbolic links to its photos, `playlist` an M3U file of their paths, and
    `command` a program with its arguments that runs once for each new photo. An argument `{}`
    stands for the paths; without it, the command reads them from its standard input, each followed
    by a line break, or by NUL if `nul` is set.
    """

    name: str
    links: Path | None = None
    playlist: Path | None = None
    command: tuple[str, ...] = ()
    nul: bool = False


class OutputsReport(Struct, frozen=True):
    """The changes of one update of `SavedSearchOutputs`.

    `photos` is the number of photos that the search finds, `linked` and `unlinked` count links made
    and removed, `listed` says whether the list was written, and `announced` counts the photos given
    to the command.
    """

    name: str
    photos: int = 0
    linked: int = 0
    unlinked: int = 0
    listed: bool = False
    announced: int = 0

    @property
    def is_change(self) -> bool:
        """Whether the update changed anything."""
        return bool(self.linked or self.unlinked or self.listed or self.announced)
