"""Makes a stored encoder the current one, or deletes it."""

from __future__ import annotations

from imgsearch.encoders import registry
from imgsearch.errors import CommandLine, DiskError, LibraryLocked, Sentence, UsageError
from imgsearch.index import snapshot
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.derived import refresh_derived
from imgsearch.records.index import StoredVectors
from imgsearch.records.status import DroppedEncoder
from imgsearch.store.lock import writing
from imgsearch.store.store import Store


def use_encoder(context: IndexingContext, name: str) -> None:
    """Let a stored encoder answer queries from now on, with the vectors that it has.

    Raises UsageError for an encoder without vectors, and for one of an unknown kind.
    """
    with writing(context.data_dir) as store:
        stored = _stored_encoder(store, name)
        registry.name_of(stored.row.encoder_id)  # raises for one of an unknown kind
        store.unfinished.await_no_encoder()
        context.encoders.check(stored.row)
        if stored.state != "current":
            store.vectors.promote_encoder(stored.row.key)
            refresh_derived(context, store, stored.row)


def drop_encoder(context: IndexingContext, name: str) -> DroppedEncoder:
    """Delete an encoder and all that was made with it, and free its space on the disk.

    Raises UsageError for the current encoder, and for one without vectors.
    """
    with writing(context.data_dir) as store:
        stored = _stored_encoder(store, name)
        if stored.state == "current":
            raise UsageError(
                Sentence(
                    f"The encoder {name} is in use. Use another one first: ",
                    CommandLine("encoders --use NAME"),
                )
            )
        store.vectors.drop_encoder(stored.row.key)
        snapshot.clean(store)
        freed = stored.index_bytes
        if store.database.has_much_room():
            try:
                freed += store.database.compact()
            except (DiskError, LibraryLocked) as error:  # the encoder itself is deleted
                context.notify(error.sentence)
        return DroppedEncoder(name, stored.size_bytes, freed, store.database.free_bytes())


def _stored_encoder(store: Store, name: str) -> StoredVectors:
    """Return the stored vectors of the encoder with this name or id; of two, those not in use.

    Raises UsageError if there are none.
    """
    stored = store.vectors.stored_encoders()
    names = [registry.name_in_library(each.row) for each in stored]
    named = [
        each
        for each, its_name in zip(stored, names, strict=True)
        if name in (its_name, each.row.encoder_id)
    ]
    if not named:
        raise UsageError(
            Sentence(
                f"The library has no vectors of the encoder {name!r}. It has those of: "
                f"{', '.join(names)}. To embed all photos with another: ",
                CommandLine("rebuild --encoder NAME"),
            )
        )
    return min(named, key=lambda each: each.state == "current")
