"""Saved searches: queries that are kept in the library under a name."""

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
    images that are not in the library, and parts of images. `k` is how many photos the search has
    at most; None for the best 1,000, or all photos of a query without words and examples. With
    `include_weak`, photos with a weak score are among them.
    """

    name: str
    line: str
    examples: tuple[PlacedTerm, ...]
    k: int | None
    include_weak: bool
    saved_at: datetime
    looked_at: datetime


class SavedSearchSummary(Struct, frozen=True):
    """A saved search and what it finds now, as far as that can be told.

    `photos` is how many photos it finds, `new` how many of them it did not find when the user last
    looked, and `cover_id` the first of them. `problem` says why the search cannot be answered now;
    the counts are 0 then.
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
    """What is kept in step with the saved search of this name; absolute paths.

    `links` is a folder of symbolic links to its photos, `playlist` an M3U file of their paths, and
    `command` a program with its arguments that is told about each new photo once. An argument `{}`
    stands for the paths; without it, they are on the standard input of the command, each with a
    line break after it, or with NUL if `nul` is set.
    """

    name: str
    links: Path | None = None
    playlist: Path | None = None
    command: tuple[str, ...] = ()
    nul: bool = False


class OutputsReport(Struct, frozen=True):
    """What one update of `SavedSearchOutputs` has done.

    `photos` is how many photos the search finds, `linked` and `unlinked` count links made and
    removed, `listed` says whether the list was written, and `announced` counts the photos that the
    command was told about.
    """

    name: str
    photos: int = 0
    linked: int = 0
    unlinked: int = 0
    listed: bool = False
    announced: int = 0

    @property
    def is_change(self) -> bool:
        """Whether anything was done."""
        return bool(self.linked or self.unlinked or self.listed or self.announced)
