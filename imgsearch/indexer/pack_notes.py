"""The things of features in packs, such as albums.

A pack names photos by their content, since ids differ from library to library.
"""

from __future__ import annotations

from collections.abc import Callable

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.indexer.context import IndexingContext
from imgsearch.records.index import EncoderRow
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.store import Store


def features_to_pack(store: Store) -> tuple[str, ...]:
    """Return the names of the features of which a library has something for a pack."""
    return tuple(
        name for name, packs in installed.packs().items() if load(packs.module).is_to_pack(store)
    )


def merge_of_features(
    store: Store, reader: PackReader, notify: Callable[[str], None]
) -> dict[str, int]:
    """Merge what the pack has of features; return how many were added, by feature.

    Those that follow the vectors come later: see `merge_from_vectors`. What it has of a feature
    that this installation lacks is left out, with a notification.
    """
    for name, number in reader.left_out().items():
        notify(
            f"The pack has {name} ({number:,}), which this installation lacks: they are left out."
        )
    return {
        name: 0 if packs.from_vectors else load(packs.module).merge(store, reader)
        for name, packs in installed.packs().items()
        if name in reader.info.of_features
    }


def merge_from_vectors(
    context: IndexingContext, store: Store, row: EncoderRow, reader: PackReader
) -> dict[str, int]:
    """Merge what follows from the vectors, which are up to date; return how many were added."""
    return {
        name: load(packs.module).merge(context, store, row, reader)
        for name, packs in installed.packs().items()
        if packs.from_vectors and name in reader.info.of_features
    }
