"""The context of a search: encoder, catalogue, definitions and settings."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.language.understanding import understand
from imgsearch.place_names import place_names
from imgsearch.records.query import Example, Filter, Query, Selection, Understanding
from imgsearch.records.worth import BestOrder, Taste
from imgsearch.search.concepts import checked
from imgsearch.search.named import names_hidden, with_known_names
from imgsearch.search.named_queries import with_named_queries
from imgsearch.search.places import located

if TYPE_CHECKING:
    from imgsearch.catalogue.base import Catalogue
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.loader import EncoderLoader
    from imgsearch.language.known_names import KnownNames
    from imgsearch.records.arrays import Ids
    from imgsearch.records.index import EncoderRow
    from imgsearch.search.definitions import Definitions
    from imgsearch.search.suggestions import SuggestedNames
    from imgsearch.store.recent_reads import RecentReads


def understood(
    names: KnownNames, definitions: Definitions, query: Query, today: date, cache_dir: Path
) -> Understanding:
    """Return the exact query that a query stands for.

    `cache_dir` holds the names of places in other languages. Raises QueryError as
    `with_named_queries` does.
    """
    return understand(names, with_named_queries(definitions, query), today, place_names(cache_dir))


def selection_of(
    definitions: Definitions,
    names: KnownNames,
    cache_dir: Path,
    filters: tuple[Filter, ...],
    online: frozenset[int],
    among: Ids | None = None,
) -> Selection:
    """Return the photos that pass these filters.

    Raises QueryError for an unknown town, concept or name.

    `online` are the ids of the roots that are reachable now.
    """
    conditions = tuple(
        located(names, cache_dir, checked(definitions, with_known_names(definitions, each)))
        for each in filters
    )
    return Selection(conditions, online, among)


def no_taste() -> Taste:
    """Return the taste of a library without favourites."""
    return Taste(frozenset())


class KeptOrders(Protocol):
    """A cache of orders of photos, until anything in the library changes."""

    def get(self, key: Hashable, read: Callable[[], BestOrder]) -> BestOrder:
        """Return the result of `read`, cached by key until the next change. Do not modify it."""


class SearchContext(Struct, frozen=True):
    """The encoder, catalogue, definitions and settings of a search.

    `catalogue` has the photos, and `definitions` what queries may name. `encoders` loads
    the encoder. `online_roots` are the ids of the roots that are reachable now, and `cache_dir`
    holds the vectors of past queries. `name_list` returns all names of the library, for queries
    with an unknown name; an archive reads them on its first call. "Yesterday" is the day before
    `today`. With `stack_raw`, the RAW file of a JPEG is not a result of its own. With
    `rated_by_files`, the stars that a file states count before those of this library. `recent`
    caches what queries were understood as, until anything in the library changes. `taste` returns
    the favourites of the library. `best_orders` keeps orders of `sort:best` for their next pages.
    """

    catalogue: Catalogue
    definitions: Definitions
    encoders: EncoderLoader
    online_roots: frozenset[int]
    max_megapixels: float
    cache_dir: Path
    name_list: Callable[[], SuggestedNames]
    today: date
    stack_raw: bool = False
    rated_by_files: bool = False
    recent: RecentReads | None = None
    taste: Callable[[], Taste] = no_taste
    best_orders: KeptOrders | None = None

    @property
    def row(self) -> EncoderRow:
        """The encoder whose vectors are searched."""
        return self.catalogue.encoder

    def understood(self, query: Query) -> Understanding:
        """Return the exact query that a query stands for.

        Raises QueryError as `with_named_queries` does.
        """

        def understand() -> Understanding:
            names = self.catalogue.names
            return understood(names, self.definitions, query, self.today, self.cache_dir)

        # An equal query may have words that are not free: see `Term`.
        free = tuple(term.is_free for term in query.terms)
        has_example = any(isinstance(term.what, Example) for term in query.terms)
        if self.recent is None or has_example:  # which may be many bytes
            return understand()
        return self.recent.get(("understood", query, free, self.today), understand)

    def encoder(self) -> Encoder:
        """Return the encoder of the catalogue, which is loaded if it is not in memory yet."""
        return self.encoders.shared(self.row)

    def selection(self, filters: tuple[Filter, ...], among: Ids | None = None) -> Selection:
        """Return the photos that pass these filters, hidden ones only if a filter names these.

        Of photos that are given, hidden ones stay. Raises QueryError for an unknown town, concept
        or name.
        """
        names = self.catalogue.names
        selection = selection_of(
            self.definitions, names, self.cache_dir, filters, self.online_roots, among
        )
        shows_hidden = among is not None or names_hidden(filters) or not self.hides_photos
        return replace(selection, with_hidden=shows_hidden, rated_by_files=self.rated_by_files)

    def among(self, query: Query) -> Selection | None:
        """Return the photos that pass the query's filters; None where these are all photos."""
        return self.selection(query.filters) if query.filters or self.hides_photos else None

    @property
    def hides_photos(self) -> bool:
        """Whether any photo is hidden."""
        return self.definitions.hides_photos()
