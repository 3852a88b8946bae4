"""Turns queries into saved searches, and saved searches into queries: `saved:NAME`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.errors import CommandLine, QueryError, Sentence, UsageError
from imgsearch.features.saved.records import PlacedTerm, SavedSearch
from imgsearch.features.saved.store import SavedSearchStore
from imgsearch.language.given_names import nearest_or_all, read_name
from imgsearch.language.grammar import check_k, is_expressible, parse, to_text
from imgsearch.records.query import Example, Query, StoredQuery, Term
from imgsearch.search.example_files import content_hash_of
from imgsearch.search.named_queries import only_named_query, with_named_queries
from imgsearch.store.database import Database
from imgsearch.store.reading.definitions import DefinitionReads
from imgsearch.text import is_utf8

if TYPE_CHECKING:
    from imgsearch.search.library_photos import LibraryPhotos

SAVED = "saved"  # the filter
MAX_IMAGE_BYTES = 32 << 20  # of an example outside the library, which is copied


def saved_name_of(query: Query) -> str | None:
    """Return the name of the saved search if the query consists of nothing else, else None."""
    condition = only_named_query(query)
    return None if condition is None or condition.field != SAVED else str(condition.values[0])


def names(database: Database) -> list[str]:
    """Return the names of all saved searches, sorted."""
    return SavedSearchStore(database).names()


def query(database: Database, name: str) -> StoredQuery:
    """Return the query that `saved:NAME` stands for. Raises QueryError, with a similar name."""
    search = find_saved(SavedSearchStore(database), name)
    return StoredQuery(search.name, search.line, query_of(search), search.k, search.include_weak)


def find_saved(store: SavedSearchStore, name: str) -> SavedSearch:
    """Return the saved search with this name. Raises QueryError, which suggests a similar name."""
    found = store.named(name)
    if found is None:
        raise QueryError(unknown_name(name, store.names()))
    return found


def unknown_name(name: str, names: Sequence[str]) -> str:
    """Return the message about an unknown saved search; `names` are the existing ones."""
    if not names:
        return Sentence(
            f"No search is saved as {name!r}, and none at all. To save one: ",
            CommandLine("save beach 'sunset over water'"),
        )
    meant = nearest_or_all(
        name, names, Sentence("To list the saved searches: ", CommandLine("saved")), "Saved"
    )
    return Sentence(f"No search is saved as {name!r}. ", meant)


def query_of(search: SavedSearch) -> Query:
    """Return the query of a saved search. Raises QueryError if this version cannot read it."""
    try:
        query = parse(search.line) if search.line else Query()
    except QueryError as error:
        raise QueryError(
            Sentence(
                f"The saved search {search.name!r} cannot be read: ",
                error,
                " Save it anew: ",
                CommandLine("save --replace"),
            )
        ) from None
    terms = list(query.terms)
    for placed in search.examples:
        terms.insert(placed.position, placed.term)
    return replace(query, terms=tuple(terms))


def new_search(
    definitions: DefinitionReads,
    name: str,
    query: Query,
    k: int | None = None,
    include_weak: bool = False,
) -> SavedSearch:
    """Return a new saved search, created now, that does not depend on other saved searches.

    The query has no example files: see `with_kept_examples`. Raises UsageError for a bad name
    and for a filter value that is not UTF-8, and QueryError for an empty query and a k
    below 1.
    """
    if k is not None:
        check_k(k)
    full = with_named_queries(definitions, query)
    in_line = replace(full, terms=tuple(filter(is_expressible, full.terms)))
    # Without free words, no text is: what was quoted or plain must not be understood as names.
    line = to_text(in_line, exact=not any(term.is_free for term in in_line.terms))
    examples = tuple(
        PlacedTerm(position, term)
        for position, term in enumerate(full.terms)
        if not is_expressible(term)
    )
    now = datetime.now(UTC).replace(microsecond=0)
    search = SavedSearch(read_name(name), line, examples, k, include_weak, now, now)
    if not is_utf8(line):
        raise UsageError(
            "A search with bytes that are not UTF-8 cannot be saved. Name the folder or file by "
            "another part of its name."
        )
    query_of(search)  # raises if the line cannot be read again
    return search


def with_kept_examples(photos: LibraryPhotos, query: Query) -> Query:
    """Replace each example file of a query by a photo of the library, or else by its bytes.

    Raises QueryError for an example that is too large or cannot be read.
    """
    return replace(query, terms=tuple(_kept_term(photos, term) for term in query.terms))


def _kept_term(photos: LibraryPhotos, term: Term) -> Term:
    """Replace the example file of a term by a photo of the library, or else by its bytes."""
    what = term.what
    if not isinstance(what, Example) or isinstance(what.source, int):
        return term
    photo_id = photos.photo_with(content_hash_of(what.source))
    # A photo without a path goes with the next `prune`.
    if photo_id is not None and photo_id in photos.records([photo_id]):
        return dataclasses.replace(term, what=replace(what, source=photo_id))
    return dataclasses.replace(term, what=replace(what, source=_read(what.source)))


def _read(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        content = source
    else:
        try:
            with source.open("rb") as file:
                content = file.read(MAX_IMAGE_BYTES + 1)
        except OSError as error:
            raise QueryError(
                f"The example image {source} cannot be read ({error.strerror}). Check its "
                "permissions."
            ) from error
    if len(content) > MAX_IMAGE_BYTES:
        raise QueryError(
            f"The example image is larger than {MAX_IMAGE_BYTES >> 20} MB, and a saved search "
            "keeps a copy of it. Add it to the library, or save a smaller copy of it."
        )
    return content
