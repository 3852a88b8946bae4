"""Concepts and the things of features in packs.

A pack names photos by their content, since ids differ from library to library. A merge adds the
concepts whose names the library does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from imgsearch.concepts.teaching import Lesson
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.records.concepts import ConceptExample
from imgsearch.records.pack import PackedConcept, PackedExample

if TYPE_CHECKING:
    from imgsearch.store.pack_reader import PackReader
    from imgsearch.store.reads import Reads
    from imgsearch.store.store import Store

_MAX_PICTURE_BYTES = 1 << 20  # of an example from outside of a library


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


def _examples_of(reads: Reads, concept: PackedConcept) -> Iterator[ConceptExample]:
    for each in concept.examples:
        content_hash = bytes.fromhex(each.content_hash)
        photo_id, picture = reads.photos.with_content(content_hash), each.picture
        if photo_id is not None:
            yield ConceptExample(content_hash, each.is_like, photo_id)
        elif picture is not None and len(picture) <= _MAX_PICTURE_BYTES:
            yield ConceptExample(content_hash, each.is_like, picture=picture)
