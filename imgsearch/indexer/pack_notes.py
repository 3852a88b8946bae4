"""Saved searches, concepts and the things of features in packs.

A pack names photos by their content, since ids differ from library to library. A merge adds the
searches and concepts whose names the library does not have.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.concepts.teaching import Lesson
from imgsearch.errors import ImgsearchError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.language.grammar import parse
from imgsearch.records.concepts import ConceptExample
from imgsearch.records.pack import PackedConcept, PackedExample, PackedSearch
from imgsearch.records.query import Example, Query
from imgsearch.search.saved_queries import new_search

if TYPE_CHECKING:
    from imgsearch.records.saved import SavedSearch
    from imgsearch.store.pack_reader import PackReader
    from imgsearch.store.reads import Reads
    from imgsearch.store.store import Store

_MAX_PICTURE_BYTES = 1 << 20  # of an example from outside of a library


def packed_searches(store: Store) -> tuple[PackedSearch, ...]:
    """Return all saved searches but those with an example image that is no photo of the library."""
    return tuple(
        PackedSearch(
            search.name,
            search.line,
            search.k,
            search.include_weak,
            search.saved_at,
            _hashes(store.reads, _photos_in(parse(search.line))),
        )
        for search in store.saved_searches.all()
        if not search.examples
    )


def packed_concepts(store: Store) -> tuple[PackedConcept, ...]:
    """Return all concepts, with their examples."""
    return tuple(
        PackedConcept(
            state.name,
            state.words,
            tuple(
                PackedExample(each.content_hash.hex(), each.is_like, each.picture)
                for each in store.concepts.examples(state.id)
            ),
        )
        for state in store.concepts.states()
    )


def merge_searches(store: Store, searches: Sequence[PackedSearch]) -> int:
    """Save the searches whose names are free; returns how many. All photos count as seen.

    One that cannot be answered here, for want of a photo that it names, is left out.
    """
    seen = store.reads.photos.live_ids().tolist() if searches else []
    found = [_search_of(store.reads, each) for each in searches]
    return sum(
        search is not None and store.saved_searches.save(search, seen, replace=False)
        for search in found
    )


def features_to_pack(store: Store) -> tuple[str, ...]:
    """Return the names of the features of which a library has something for a pack."""
    return tuple(
        name for name, packs in installed.packs().items() if load(packs.module).is_to_pack(store)
    )


def merge_of_features(
    store: Store, reader: PackReader, notify: Callable[[str], None]
) -> dict[str, int]:
    """Merge what the pack has of each feature; return how many were added, by feature.

    What it has of a feature that this installation lacks is left out, with a notification.
    """
    for name, number in reader.left_out().items():
        notify(
            f"The pack has {name} ({number:,}), which this installation lacks: they are left out."
        )
    return {
        name: load(packs.module).merge(store, reader)
        for name, packs in installed.packs().items()
        if name in reader.info.of_features
    }


def lessons(store: Store, concepts: Sequence[PackedConcept]) -> Iterator[Lesson]:
    """Yield the lessons of the concepts whose names are free, with the examples that are there."""
    for concept in concepts:
        examples = tuple(_examples_of(store.reads, concept))
        if examples and store.concepts.state_of(concept.name) is None:
            yield Lesson(concept.name, examples, words=concept.words or "", is_new=True)


def _search_of(reads: Reads, packed: PackedSearch) -> SavedSearch | None:
    try:
        query = parse(packed.line)
        terms = []
        for term in query.terms:
            if isinstance(term.what, Example):
                photo_id = _photo_of(reads, packed.photos, term.what)
                if photo_id is None:
                    return None
                term = dataclasses.replace(term, what=replace(term.what, source=photo_id))
            terms.append(term)
        exact = replace(query, terms=tuple(terms))
        search = new_search(reads.definitions, packed.name, exact, packed.k, packed.include_weak)
    except ImgsearchError:  # a pack may come from anybody, and from a newer version
        return None
    return replace(search, saved_at=packed.saved_at)


def _photo_of(reads: Reads, hashes: Mapping[int, str], example: Example) -> int | None:
    """Return the photo here that an example stands for.

    Never a file, which a pack must not name.
    """
    if not isinstance(example.source, int) or example.source not in hashes:
        return None
    return reads.photos.with_content(bytes.fromhex(hashes[example.source]))


def _photos_in(query: Query) -> list[int]:
    sources = [term.what.source for term in query.terms if isinstance(term.what, Example)]
    return [source for source in sources if isinstance(source, int)]


def _hashes(reads: Reads, photo_ids: Sequence[int]) -> dict[int, str]:
    return {
        photo_id: photo.content_hash for photo_id, photo in reads.photos.records(photo_ids).items()
    }


def _examples_of(reads: Reads, concept: PackedConcept) -> Iterator[ConceptExample]:
    for each in concept.examples:
        content_hash = bytes.fromhex(each.content_hash)
        photo_id, picture = reads.photos.with_content(content_hash), each.picture
        if photo_id is not None:
            yield ConceptExample(content_hash, each.is_like, photo_id)
        elif picture is not None and len(picture) <= _MAX_PICTURE_BYTES:
            yield ConceptExample(content_hash, each.is_like, picture=picture)
