"""Opens the encoder of a new library or of a rebuild, in the precision that is best here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path

from imgsearch.encoders import registry
from imgsearch.encoders.base import Encoder
from imgsearch.indexer import int8_trial
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.getting import Getting
from imgsearch.progress import OnDownload, Progress
from imgsearch.text import format_duration


def open_new_encoder(
    context: IndexingContext, list_files: Callable[[], Sequence[Path]], chosen: str
) -> Generator[Progress, None, Encoder]:
    """Open the encoder with this name, as `EncoderLoader.choose_new` returns it.

    If neither the name nor the cache decides the precision, int8 is compared with float32 on files
    of the library, provided there are enough; `list_files` is called only then.
    """
    settings = context.settings
    getting = Getting()
    if not context.encoders.is_here(chosen):
        context.notify(_needs(chosen))
    encoder = yield from getting.opened(partial(context.encoders.open, chosen))
    option = context.encoders.int8_option(chosen)
    if option is None:
        return encoder
    files = list_files()
    if len(files) < int8_trial.MIN_PHOTOS:
        return encoder
    cache = int8_trial.ComparisonCache(settings.cache_dir, encoder.id, option)
    comparison = cache.get(len(files))
    if comparison is None:

        def open_int8(on_download: OnDownload) -> Encoder:
            return registry.open_encoder(
                option.int8_name,
                settings.cache_dir,
                settings.device,
                on_download,
                settings.batch_size,
            )

        context.notify("Comparing the model in int8 and in float32, once on this machine.")
        int8 = yield from getting.opened(open_int8)
        comparison = yield from getting.tried(
            int8_trial.compare(encoder, int8, files, settings.thread_count)
        )
        if comparison is None:
            return encoder
        cache.put(comparison)
    context.notify(comparison.sentence(option))
    if not comparison.favours_int8:
        return encoder
    return (yield from getting.opened(partial(context.encoders.open, option.int8_name)))


def _needs(name: str) -> str:
    """Say what getting an encoder takes: its download, its disk space, and its preparation."""
    info = registry.info_of(name)
    if info is None:
        return f"Getting {name} from the model hub."
    needs = [f"{info.size_mb} MB to download"]
    if info.disk_mb:
        needs.append(f"{info.disk_mb / 1000:.1f} GB of disk in all")
    if info.prepare_s:
        needs.append(f"{format_duration(info.prepare_s)} to prepare it")
    return f"Getting {name}: {', '.join(needs)}. If interrupted, it goes on where it was."
