"""The context of a search: encoder, photos and settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.features import installed
from imgsearch.language.understanding import understand
from imgsearch.place_names import place_names
from imgsearch.records.query import Example, Filter, Query, Selection, Understanding
from imgsearch.search.named import left_out, names_hidden, with_known_names
from imgsearch.search.named_queries import with_named_queries
from imgsearch.search.places import located

if TYPE_CHECKING:
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.loader import EncoderLoader
    from imgsearch.records.arrays import Ids
    from imgsearch.records.index import EncoderRow
    from imgsearch.search.library_photos import LibraryPhotos
    from imgsearch.store.reads import Reads


def understood(reads: Reads, query: Query, today: date, cache_dir: Path) -> Understanding:
    """Return the exact query that a query stands for.

    `cache_dir` holds the names of places in other languages. Raises QueryError as
    `with_named_queries` does.
    """
    exact = with_named_queries(reads.definitions, query)

    def any_passes(filters: Sequence[Filter]) -> bool:
        """Return whether some photo passes these; which roots are reachable does not matter."""
        conditions = tuple(filter(_is_of_photos, filters))
        selection = selection_of(reads, cache_dir, conditions, frozenset())
        return reads.names.any_passes(selection.filters)

    return understand(reads.names, exact, today, place_names(cache_dir), any_passes)


def _is_of_photos(condition: Filter) -> bool:
    """Return whether a filter says something of photos: not of reachable roots or an order."""
    return not any(
        each.field in installed.reorders()
        or (each.field == "is" and not {"online", "offline"}.isdisjoint(each.values))
        for each in condition.alone
    )


def selection_of(
    reads: Reads,
    cache_dir: Path,
    filters: tuple[Filter, ...],
    online: frozenset[int],
    among: Ids | None = None,
) -> Selection:
    """Return the photos that pass these filters; `online` are the ids of the reachable roots.

    Raises QueryError for an unknown town or name.
    """
    conditions = tuple(
        condition.map(
            lambda each: located(reads.names, cache_dir, with_known_names(reads.definitions, each))
        )
        for condition in filters
    )
    return Selection(conditions, online, among)


class SearchContext(Struct, frozen=True):
    """The encoder, photos and settings of a search.

    `photos` are the photos to search, and `reads` reads everything else of the library. `encoders`
    loads the encoder. `online_roots` are the ids of the roots that are reachable now, and
    `cache_dir` holds the vectors of past queries. "Yesterday" is the day before `today`. With
    `stack_raw`, the RAW file of a JPEG is not a result of its own. With `rated_by_files`, the stars
    that a file states count before those of this library.
    """

    photos: LibraryPhotos
    reads: Reads
    encoders: EncoderLoader
    online_roots: frozenset[int]
    max_megapixels: float
    cache_dir: Path
    today: date
    stack_raw: bool
    rated_by_files: bool

    @property
    def row(self) -> EncoderRow:
        """The encoder whose vectors are searched."""
        return self.photos.encoder

    def understood(self, query: Query) -> Understanding:
        """Return the exact query that a query stands for.

        Raises QueryError as `with_named_queries` does.
        """

        def understand() -> Understanding:
            return understood(self.reads, query, self.today, self.cache_dir)

        # An equal query may have words that are not free: see `Term`.
        free = tuple(term.is_free for term in query.terms)
        has_example = any(isinstance(term.what, Example) for term in query.terms)
        if has_example:  # which may be many bytes
            return understand()
        return self.reads.recent.get(("understood", query, free, self.today), understand)

    def encoder(self) -> Encoder:
        """Return the encoder of the photos, which is loaded if it is not in memory yet."""
        return self.encoders.shared(self.row)

    def selection(self, filters: tuple[Filter, ...], among: Ids | None = None) -> Selection:
        """Return the photos that pass these filters, hidden ones only if a filter names these.

        Those that answers leave out are left out: see `left_out`. Of photos that are given, all
        stay. Raises QueryError for an unknown town or name.
        """
        selection = selection_of(
            self.reads,
            self.cache_dir,
            filters,
            self.online_roots,
            among,
        )
        shows_hidden = among is not None or names_hidden(filters) or not self.hides_photos
        return replace(
            selection,
            with_hidden=shows_hidden,
            left_out=() if among is not None else left_out(self.reads.definitions, filters),
            rated_by_files=self.rated_by_files,
        )

    def left_out(self, query: Query) -> tuple[str, ...]:
        """Return the states whose pictures the answer to an exact query leaves out.

        That of an example of the library is not among them: who searches by a screenshot looks for
        screenshots.
        """
        states = left_out(self.reads.definitions, query.filters)
        examples = [
            term.what.source
            for term in query.terms
            if isinstance(term.what, Example) and isinstance(term.what.source, int)
        ]
        if not (states and examples):
            return states
        return tuple(
            state
            for state in states
            if not self.photos.within(examples, self.selection((Filter("is", (state,)),)))
        )

    def among(self, query: Query) -> Selection | None:
        """Return the photos that pass the query's filters; None where these are all photos."""
        states = self.left_out(query)
        if not (query.filters or self.hides_photos or states):
            return None
        return replace(self.selection(query.filters), left_out=states)

    @property
    def hides_photos(self) -> bool:
        """Whether any photo is hidden."""
        return self.reads.definitions.hides_photos()
