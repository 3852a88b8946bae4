"""Replaces `saved:NAME` in queries, and turns queries into saved searches."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.errors import QueryError, UsageError
from imgsearch.language.grammar import check_k, check_size, is_expressible, parse, to_text
from imgsearch.records.query import Example, Filter, Query, Term
from imgsearch.search.definitions import nearest_or_all
from imgsearch.search.example_files import content_hash_of
from imgsearch.store.reading.definitions import DefinitionReads
from imgsearch.text import is_utf8, plain_text

if TYPE_CHECKING:
    from imgsearch.records.saved import SavedSearch
    from imgsearch.search.library_photos import LibraryPhotos

SAVED = "saved"  # the filter
MAX_NAME_CHARACTERS = 100
MAX_IMAGE_BYTES = 32 << 20  # of an example outside the library, which is copied
# Characters that the name of a saved search cannot have, since they have a meaning in a query, an
# address or an option.
_NOT_IN_NAMES = '|"\\/=:'


def with_saved(definitions: DefinitionReads, query: Query) -> Query:
    """Return the query with the saved searches that it names in place of their names.

    Their terms come first, and free words join those of the query, as if the saved query had been
    typed at its beginning. The query's own order and least score win over those of the saved
    search. Raises QueryError for an unknown name, for a negated one and for several at once.
    """
    named = [condition for condition in query.filters if condition.field == SAVED]
    if not named:
        return query
    rest = tuple(condition for condition in query.filters if condition.field != SAVED)
    merged = replace(query, filters=rest)
    for condition in reversed(named):
        merged = _joined(query_of(find_saved(definitions, _name_in(condition))), merged)
    check_size(merged)
    return merged


def saved_name_of(query: Query) -> str | None:
    """Return the name of the saved search if the query consists of nothing else, else None."""
    if len(query.filters) != 1 or query != Query(filters=query.filters):
        return None
    (condition,) = query.filters
    return str(condition.values[0]) if condition.field == SAVED else None


def saved_names(query: Query) -> tuple[str, ...]:
    """Return the names of the saved searches in a query."""
    return tuple(str(each.values[0]) for each in query.filters if each.field == SAVED)


def find_saved(definitions: DefinitionReads, name: str) -> SavedSearch:
    """Return the saved search with this name. Raises QueryError, which suggests a similar name."""
    found = definitions.saved_search(name)
    if found is None:
        raise QueryError(unknown_name(name, definitions.saved_search_names()))
    return found


def unknown_name(name: str, names: Sequence[str]) -> str:
    """Return the message about an unknown saved search; `names` are the existing ones."""
    if not names:
        return (
            f"No search is saved as {name!r}, and none at all. To save one: imgsearch save "
            "beach 'sunset over water'"
        )
    meant = nearest_or_all(name, names, "To list the saved searches: imgsearch saved", "Saved")
    return f"No search is saved as {name!r}. {meant}"


def query_of(search: SavedSearch) -> Query:
    """Return the query of a saved search. Raises QueryError if this version cannot read it."""
    try:
        query = parse(search.line) if search.line else Query()
    except QueryError as error:
        raise QueryError(
            f"The saved search {search.name!r} cannot be read: {error} Save it anew: imgsearch "
            f"save --replace"
        ) from None
    terms = list(query.terms)
    for placed in search.examples:
        terms.insert(placed.position, placed.term)
    return replace(query, terms=tuple(terms))


def read_name(name: str, what: str = "saved search", without: str = _NOT_IN_NAMES) -> str:
    """Return the normal form of a name for a saved search, or for another thing: `what`.

    It has none of the characters in `without`.
    Raises UsageError for a name that cannot be used.
    """
    text = " ".join(unicodedata.normalize("NFC", name).split())
    if not plain_text(text).strip():
        raise UsageError(f"The name of the {what} is empty. For example: beach")
    if len(text) > MAX_NAME_CHARACTERS:
        raise UsageError(
            f"The name of {_a(what)} has at most {MAX_NAME_CHARACTERS} characters, and this "
            f"one has {len(text)}."
        )
    bad = [
        each
        for each in text
        if each in without or (each != " " and unicodedata.category(each)[0] in "CZ")
    ]
    if bad or text.startswith("-"):
        problem = "begin with a minus" if not bad else f"contain {bad[0]!r}"
        raise UsageError(f"The name of {_a(what)} cannot {problem}. For example: beach")
    return text


def _a(what: str) -> str:
    """Return the word with its article."""
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


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
    from imgsearch.records.saved import PlacedTerm, SavedSearch  # lazy: few queries have one

    if k is not None:
        check_k(k)
    full = with_saved(definitions, query)
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


def _name_in(condition: Filter) -> str:
    if condition.negated or len(condition.values) != 1:
        raise QueryError(
            "saved: takes the name of one search, and cannot be negated. To leave photos out, "
            "negate the words or filters of that search."
        )
    return str(condition.values[0])


def _joined(saved: Query, query: Query) -> Query:
    """Put the terms and filters of a saved query before those of a query."""
    terms = [*saved.terms, *query.terms]
    free = [(at, term) for at, term in enumerate(terms) if term.is_free and term.weight > 0]
    if len(free) > 1:  # all words outside of quotes are one text
        words = Term(" ".join(str(term.what) for _, term in free), is_free=True)
        terms = [term for term in terms if not (term.is_free and term.weight > 0)]
        terms.insert(free[0][0], words)
    return Query(
        tuple(terms),
        (*saved.filters, *query.filters),
        saved.min_score if query.min_score is None else query.min_score,
        saved.sort if query.sort == "relevance" else query.sort,
    )


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
