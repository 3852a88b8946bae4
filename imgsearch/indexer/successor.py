"""A new library whose model is still to be downloaded: a small one serves it meanwhile.

The photos are indexed with `lite`, which takes seconds, so that they can be searched. Then the
model is downloaded and prepared, embeds the photos, and replaces `lite` when all have its vectors.
The library notes which encoder it awaits, so that the next run goes on where this one ended.
"""

from __future__ import annotations

from collections.abc import Generator

from msgspec.structs import replace

from imgsearch.encoders import registry
from imgsearch.encoders.base import Encoder
from imgsearch.errors import CommandLine, DiskError, EncoderError, MissingPackage, Sentence
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.rebuild import rebuild_store
from imgsearch.progress import Progress
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.store import Store
from imgsearch.text import format_count

EMBEDDING = "Indexing with the model"  # the part of the job after `getting.PART`


def open_meanwhile(context: IndexingContext, store: Store, chosen: str) -> Encoder:
    """Open the encoder that serves a new library until the chosen one is here, and note that."""
    store.unfinished.await_encoder(chosen)
    context.notify(
        f"{chosen} is not on this machine yet. To let you search soon, the photos are first "
        f"indexed with {registry.MEANWHILE}; then {chosen} is downloaded, and takes over."
    )
    return context.encoders.open(registry.MEANWHILE)


def take_over(context: IndexingContext, store: Store) -> Generator[Progress, None, str]:
    """Replace the encoder in use by the one that the library awaits, with the lock held.

    Returns the name of an encoder that is still awaited, "" if there is none. What prevents it is
    told, and is no error: the photos can be searched.
    """
    awaited, row = store.unfinished.awaited_encoder(), store.reads.encoders.current()
    if not awaited or row is None:
        return ""
    steps = publish_progress(
        context.data_dir, f"Changing to {awaited}", rebuild_store(context, store, awaited)
    )
    again = (
        CommandLine("index"),
        f", to stay with {row.name}: ",
        CommandLine(f"encoders --use {row.name}"),
    )
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                report = end.value
                break
            yield replace(step, part=step.part or EMBEDDING)
    except (EncoderError, DiskError, MissingPackage) as error:
        context.notify(Sentence(error, f" Until then {row.name} answers. To go on: ", *again))
        return awaited
    finally:
        steps.close()
    if report.missing:
        photos = format_count(report.missing, "photo")
        context.notify(
            Sentence(
                f"{photos} could not be read, so {row.name} still answers. To try again: ", *again
            )
        )
        return awaited
    context.notify(
        Sentence(
            f"{report.encoder} answers searches now. To free the space of {row.name}'s vectors: ",
            CommandLine(f"encoders --drop {row.name}"),
        )
    )
    return ""
