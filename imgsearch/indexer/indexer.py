"""Everything that changes a library: bringing it up to date, rebuilding it, letting go of photos.

Each holds the writer's lock while it works, and leaves a whole library whenever it is stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from imgsearch.config import PRUNE_DAYS
from imgsearch.decode.reader import decoder_fingerprint
from imgsearch.encoders import prompts, registry
from imgsearch.index import build, snapshot
from imgsearch.indexer import diff, int8_trial, metadata, pipeline
from imgsearch.labels import labels
from imgsearch.progress import MetadataReport, Progress, RebuildReport, SyncReport
from imgsearch.records.status import EncoderRow
from imgsearch.search import baseline
from imgsearch.search.query_cache import QueryVectors
from imgsearch.store.connecting import DATABASE
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.store import Store

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.loader import EncoderLoader
    from imgsearch.errors import Reason
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.watch_loop import WatchSchedule
    from imgsearch.progress import WatchEvent
    from imgsearch.records.arrays import Vectors
    from imgsearch.records.labels import Classes, Facet


class Indexer:
    """The writing half of a library."""

    def __init__(
        self,
        settings: Settings,
        models: EncoderLoader,
        tell: Callable[[str], None],
        index_policy: IndexPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._data_dir = settings.data_dir
        self._models = models
        self._tell = tell
        self._index_policy = index_policy

    @property
    def reading(self) -> str:
        """What decides how files are read: a file that failed by it would do so again."""
        return f"{decoder_fingerprint()}; max_megapixels {self._settings.max_megapixels:g}"

    def index(
        self, folders: Sequence[str], accept_removals: bool, verify: bool
    ) -> Generator[Progress, None, SyncReport]:
        """Add folders and bring them up to date; all roots when none is named."""
        started = time.monotonic()
        self._check(folders)
        with writing(self._data_dir) as store:
            diff.follow_volumes(store, self._tell)
            scopes = diff.scopes_of(store, folders)
            seen = diff.compare(store, scopes, self._tell, self.reading, list_same=verify)
            if verify:
                files = [one for found in seen.found for one in found.same]
                threads = self._settings.thread_count
                reading = pipeline.changed_contents(files, store.hashes(), threads)
                seen = seen.with_upserts(
                    (yield from publish_progress(self._data_dir, "Reading every file", reading))
                )
            report = yield from self._take_in_aloud(store, seen, accept_removals)
        return replace(report, seconds=round(time.monotonic() - started, 3))

    def retry(self, reasons: Sequence[Reason]) -> Generator[Progress, None, SyncReport]:
        """Read the files again that failed, all or for one of these reasons, if they are there."""
        started = time.monotonic()
        with writing(self._data_dir) as store:
            files = []
            for failure in store.failures(reasons):
                with suppress(OSError):  # it is gone or out of reach: the next look says which
                    files.append(pipeline.stat_of(failure.path))
            seen = diff.diff_of_files(store, files)
            report = yield from self._take_in_aloud(store, seen, afresh=True)
        return replace(report, seconds=round(time.monotonic() - started, 3))

    def watch(
        self, folders: Sequence[str], stop: Event, rhythm: WatchSchedule | None
    ) -> Iterator[WatchEvent]:
        """Add folders and keep all roots up to date until `stop` is set."""
        from imgsearch.indexer import watch_loop

        self._check(folders)
        hands = watch_loop.Callbacks(
            self._data_dir,
            self._take_in_aloud,
            self._models.release,
            self._prune,
            self._tell,
            self.reading,
        )
        return watch_loop.watch_library(hands, folders, rhythm or watch_loop.WatchSchedule(), stop)

    def forget(self, folder: str) -> int:
        """Follow the root at `folder` no more; how many photos left the library with it."""
        with writing(self._data_dir) as store:
            return store.remove_root(diff.root_at(store, folder))

    def prune(self, days: float) -> int:
        """Drop photos that no path has pointed at for so many days; how many."""
        with writing(self._data_dir) as store:
            return self._prune(store, days)

    def read_metadata(self) -> Generator[Progress, None, MetadataReport]:
        """Read again what the files say of all photos that can be reached."""
        with writing(self._data_dir) as store:
            reading = metadata.reread_all_metadata(store, _online(store), self._settings)
            return (yield from publish_progress(self._data_dir, "Reading metadata", reading))

    def rebuild(self, encoder_name: str | None) -> Generator[Progress, None, RebuildReport]:
        """Make the index file anew; with a name, embed every photo with that encoder before."""
        started = time.monotonic()
        with writing(self._data_dir) as store:
            work = self._rebuild(store, encoder_name)
            report = yield from publish_progress(self._data_dir, "Rebuilding", work)
        return replace(report, seconds=round(time.monotonic() - started, 3))

    def save_labels(self, name: str, classes: Classes) -> Facet:
        """Label every photo, now and when new ones come."""
        with writing(self._data_dir) as store:
            facet = labels.save(store, name, classes)
            row = store.current_encoder()
            if row is not None:
                labels.refresh(store, row, lambda: self._models.of(row))
            return facet

    def forget_labels(self, name: str) -> bool:
        """Drop a facet and its labels; whether there was one."""
        with writing(self._data_dir) as store:
            return store.drop_facet(name)

    def build(self, row: EncoderRow) -> None:
        """Make the index file of an encoder anew from its stored vectors."""
        with writing(self._data_dir) as store:
            self._build(store, row)

    # ------------------------------------------------------------------ parts

    def _check(self, folders: Sequence[str]) -> None:
        roots: tuple[str, ...] = ()
        if folders and (self._data_dir / DATABASE).exists():
            with Store.open(self._data_dir, writable=False) as store:
                roots = tuple(store.roots().values())
        for folder in folders:
            diff.check_folder(folder, roots)

    def _rebuild(
        self, store: Store, encoder_name: str | None
    ) -> Generator[Progress, None, RebuildReport]:
        row = store.encoder_in_use()
        missing = 0
        if encoder_name is not None:
            encoder = yield from self._new_encoder(
                lambda: list(store.unembedded(None).values()), encoder_name
            )
            bench = self._bench(store, encoder)
            missing = yield from pipeline.embed_again(bench, store.unembedded(bench.encoder_key))
            if not missing:
                store.promote_encoder(bench.encoder_key)
                row = store.encoder_in_use()
        if not missing:
            self._build(store, row, fresh=True)
            self._refresh(store, row)
        return RebuildReport(row.name, store.vector_count(row.key), missing, seconds=0.0)

    def _take_in_aloud(
        self,
        store: Store,
        seen: diff.LibraryDiff,
        accept_removals: bool = False,
        afresh: bool = False,
    ) -> Generator[Progress, None, SyncReport]:
        """The next, with its progress for other processes to see."""
        steps = self._take_in(store, seen, accept_removals, afresh)
        return publish_progress(self._data_dir, "Indexing", steps)

    def _take_in(
        self,
        store: Store,
        seen: diff.LibraryDiff,
        accept_removals: bool = False,
        afresh: bool = False,
    ) -> Generator[Progress, None, SyncReport]:
        """Bring the library up to date with what was seen."""
        snapshot.clean(store)  # what a killed build left behind
        report, newest = SyncReport(), store.last_photo_id()
        if any(changes.upserts for _, changes in seen.work):
            row = store.current_encoder()
            if row is not None:
                encoder = self._models.of(row)
            else:
                encoder = yield from self._new_encoder(
                    lambda: [Path(each.path) for _, news in seen.work for each in news.upserts]
                )
            bench = replace(self._bench(store, encoder), afresh=afresh)
            report = yield from pipeline.ingest(bench, seen.work)
        told = _told(store, seen, newest)  # now: before paths that are gone are forgotten
        settled = diff.apply_removals(store, seen, accept_removals, self._tell)
        reread_count = 0
        if told.sidecars or told.photo_ids:
            reread_count = yield from metadata.refresh_metadata(
                store, _online(store), self._settings, told
            )
        row = store.current_encoder()
        if row is not None and snapshot.rebuild_reason(store, row.key, self._index_policy):
            self._build(store, row)
        if row is not None:
            self._refresh(store, row)
        return replace(
            report,
            unchanged=sum(changes.unchanged for _, changes in seen.work),
            gone=settled.gone,
            missing=settled.missing,
            reread=reread_count,
            offline=seen.offline,
            photos=store.photo_count(),
        )

    def _prune(self, store: Store, days: float = PRUNE_DAYS) -> int:
        return store.prune(datetime.now(UTC) - timedelta(days=days))

    def _new_encoder(
        self, files_of_library: Callable[[], Sequence[Path]], asked: str | None = None
    ) -> Generator[Progress, None, Encoder]:
        """The encoder for a new library or a rebuild, in the precision that is best here.

        Where nobody has said which that is, it is tried on files of the library, if there are
        enough of them and it is not known yet.
        """
        settings = self._settings
        name = self._models.choose_new(asked)
        encoder = self._models.open(name)
        option = self._models.int8_option(name)
        if option is None:
            return encoder
        files = files_of_library()
        if len(files) < int8_trial.MIN_PHOTOS:
            return encoder
        cache = int8_trial.ComparisonCache(settings.cache_dir, encoder.id, option)
        comparison = cache.get(len(files))
        if comparison is None:
            self._tell("Comparing the model in int8 and in float32, once on this machine.")
            int8 = registry.open_encoder(
                option.int8_name,
                settings.cache_dir,
                settings.device,
                batch_size=settings.batch_size,
            )
            comparison = yield from int8_trial.compare(encoder, int8, files, settings.thread_count)
            if comparison is None:
                return encoder
            cache.put(comparison)
        self._tell(comparison.sentence(option))
        return self._models.open(option.int8_name) if comparison.favours_int8 else encoder

    def _bench(self, store: Store, encoder: Encoder) -> pipeline.IngestContext:
        """What to embed with; the encoder is entered into the library if it is new."""
        row = store.add_encoder(encoder.id, self._models.name_of(encoder), encoder.dim)
        settings = self._settings
        limits = (settings.max_megapixels, settings.thread_count)
        return pipeline.IngestContext(store, encoder, row.key, *limits, self.reading)

    def _refresh(self, store: Store, row: EncoderRow) -> None:
        """Bring what is derived from the vectors up to date."""
        baseline.refresh(store, row, partial(self._asked, row))
        labels.refresh(store, row, lambda: self._models.of(row))

    def _encoding(self, row: EncoderRow) -> Callable[[Sequence[str]], Vectors]:
        """Embeds texts with a model that is loaded only if there are any."""
        return lambda texts: self._models.of(row).encode_texts(texts)

    def _asked(self, row: EncoderRow, texts: Sequence[str]) -> Vectors:
        """Texts embedded as a query's are; on one machine that is done once."""
        import numpy as np

        def embed(news: Sequence[str]) -> Vectors:
            return prompts.embed_texts(self._models.of(row), row.name, news)

        remembered = QueryVectors(self._settings.cache_dir, row.encoder_id)
        return np.stack(remembered.texts(row.name, texts, embed))

    def _build(self, store: Store, row: EncoderRow, fresh: bool = False) -> None:
        build.build_snapshot(
            store,
            row.key,
            row.encoder_id,
            self._encoding(row),
            policy=self._index_policy,
            fresh=fresh,
        )


def _online(store: Store) -> set[int]:
    return {root.id for root in diff.roots_of(store) if root.online}


def _told(store: Store, seen: diff.LibraryDiff, newest: int) -> metadata.MetadataRefresh:
    """What XMP files tell anew of photos up to the id `newest`; later ones were just read whole."""
    news = [found for found in seen.found if found.sidecars.is_news]
    ids = {
        photo_id
        for found in news
        for photo_id in store.ids_at(found.scope.root_id, found.sidecars.photos).values()
        if photo_id <= newest
    }
    return metadata.MetadataRefresh(
        [(found.scope.root_id, found.sidecars.sidecars) for found in news], ids
    )
