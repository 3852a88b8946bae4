"""Saved searches in packs.

All packs have the tables of saved searches. They carry all that are lines, since a search belongs
to the whole library; photos that a line names by id are listed by their content. A merge saves the
searches whose names the library does not have.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from imgsearch.errors import ImgsearchError
from imgsearch.features.saved.queries import new_search
from imgsearch.features.saved.records import SavedSearch
from imgsearch.features.saved.store import SavedSearchStore
from imgsearch.language.grammar import parse
from imgsearch.records.query import Example, Query
from imgsearch.store import pack_checks
from imgsearch.store.pack_format import UTC_TEXT
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.reads import Reads
from imgsearch.store.store import Store

# The library is attached to a pack as `library`. Those with an image that is no photo stay.
_COPY = (
    "INSERT INTO main.saved_searches (key, name, line, k, include_weak, saved_at, looked_at, seen, "
    f"announced) SELECT key, name, line, k, include_weak, {UTC_TEXT.format('saved_at')}, "
    f"{UTC_TEXT.format('saved_at')}, x'', x'' FROM library.saved_searches "
    "WHERE id NOT IN (SELECT search_id FROM library.saved_examples) ORDER BY key"
)
_COPY_NAMED = (
    "INSERT OR IGNORE INTO main.named_photos SELECT id, content_hash FROM library.photos "
    "WHERE id = ?"
)


def is_to_pack(store: Store) -> bool:
    """Return whether the library has any saved search."""
    return bool(SavedSearchStore(store.database).names())


def copy(pack: sqlite3.Connection) -> None:
    """Copy all saved searches but those with an example image that is no photo of the library."""
    pack.execute(_COPY)
    lines = pack.execute("SELECT line FROM main.saved_searches").fetchall()
    named = {photo_id for (line,) in lines for photo_id in _photos_in(parse(line))}
    pack.executemany(_COPY_NAMED, [(photo_id,) for photo_id in sorted(named)])


def names(reader: PackReader) -> tuple[str, ...]:
    """Return the names of the saved searches in a pack. Raises ValueError for damage."""
    query = "SELECT name, saved_at FROM saved_searches ORDER BY key"
    found = [(name, pack_checks.moment_of(saved_at)) for name, saved_at in reader.rows(query)]
    _named_photos(reader)
    return tuple(name for name, _ in found)


def merge(store: Store, reader: PackReader) -> int:
    """Save the searches whose names are free; returns how many. All photos count as seen.

    One that cannot be answered here, for want of a photo that it names, is left out.
    """
    query = "SELECT name, line, k, include_weak, saved_at FROM saved_searches ORDER BY key"
    packed = list(reader.rows(query))
    hashes = _named_photos(reader)
    seen = store.reads.photos.live_ids().tolist() if packed else []
    searches = SavedSearchStore(store.database)
    added = 0
    for name, line, k, include_weak, saved_at in packed:
        moment = pack_checks.moment_of(saved_at)
        search = _search_of(store.reads, hashes, name, line, k, bool(include_weak), moment)
        added += search is not None and searches.save(search, seen, replace=False)
    return added


def _named_photos(reader: PackReader) -> dict[int, bytes]:
    return {
        photo_id: bytes.fromhex(pack_checks.hash_text(content_hash))
        for photo_id, content_hash in reader.rows("SELECT * FROM named_photos")
    }


def _search_of(
    reads: Reads,
    hashes: Mapping[int, bytes],
    name: str,
    line: str,
    k: int | None,
    include_weak: bool,
    saved_at: datetime,
) -> SavedSearch | None:
    try:
        query = parse(line)
        terms = []
        for term in query.terms:
            if isinstance(term.what, Example):
                photo_id = _photo_of(reads, hashes, term.what)
                if photo_id is None:
                    return None
                term = dataclasses.replace(term, what=replace(term.what, source=photo_id))
            terms.append(term)
        exact = replace(query, terms=tuple(terms))
        search = new_search(reads.definitions, name, exact, k, include_weak)
    except ImgsearchError:  # a pack may come from anybody, and from a newer version
        return None
    return replace(search, saved_at=saved_at)


def _photo_of(reads: Reads, hashes: Mapping[int, bytes], example: Example) -> int | None:
    """Return the photo here that an example stands for.

    Never a file, which a pack must not name.
    """
    if not isinstance(example.source, int) or example.source not in hashes:
        return None
    return reads.photos.with_content(hashes[example.source])


def _photos_in(query: Query) -> list[int]:
    sources = [term.what.source for term in query.terms if isinstance(term.what, Example)]
    return [source for source in sources if isinstance(source, int)]
