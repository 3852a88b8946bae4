"""Opens the encoder of a new library or of a rebuild, in the precision that is best here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from imgsearch.encoders import registry
from imgsearch.encoders.base import Encoder
from imgsearch.indexer import int8_trial
from imgsearch.indexer.context import IndexingContext
from imgsearch.progress import Progress


def open_new_encoder(
    context: IndexingContext, list_files: Callable[[], Sequence[Path]], name: str | None = None
) -> Generator[Progress, None, Encoder]:
    """Open the encoder with this name, or the one that the settings name.

    If neither the name nor the cache decides the precision, int8 is compared with float32 on files
    of the library, provided there are enough; `list_files` is called only then.
    """
    settings = context.settings
    chosen = context.encoders.choose_new(name)
    encoder = context.encoders.open(chosen)
    option = context.encoders.int8_option(chosen)
    if option is None:
        return encoder
    files = list_files()
    if len(files) < int8_trial.MIN_PHOTOS:
        return encoder
    cache = int8_trial.ComparisonCache(settings.cache_dir, encoder.id, option)
    comparison = cache.get(len(files))
    if comparison is None:
        context.notify("Comparing the model in int8 and in float32, once on this machine.")
        int8 = registry.open_encoder(
            option.int8_name, settings.cache_dir, settings.device, batch_size=settings.batch_size
        )
        comparison = yield from int8_trial.compare(encoder, int8, files, settings.thread_count)
        if comparison is None:
            return encoder
        cache.put(comparison)
    context.notify(comparison.sentence(option))
    return context.encoders.open(option.int8_name) if comparison.favours_int8 else encoder
