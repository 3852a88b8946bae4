"""Everything that changes a library: indexing, watching, rebuilding, removing.

Each method holds the writer's lock while it works, and leaves a consistent library whenever it is
stopped.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch import ocr
from imgsearch.concepts import teaching
from imgsearch.config import PRUNE_DAYS
from imgsearch.decode.reader import decode_bytes, side_to_embed
from imgsearch.encoders import prompts, registry
from imgsearch.errors import (
    DamagedThumbnails,
    DiskError,
    EncoderError,
    FolderError,
    LibraryLocked,
    MissingPackage,
    PhotoError,
    QueryError,
    SnapshotError,
    StoreError,
    UsageError,
)
from imgsearch.gazetteer import Gazetteer
from imgsearch.index import build, snapshot
from imgsearch.indexer import (
    diff,
    encoder_trial,
    int8_trial,
    metadata,
    pack_notes,
    packs,
    picture_text,
    pipeline,
    roots,
)
from imgsearch.indexer.reading import PhotoDecoder
from imgsearch.indexer.removals import apply_removals
from imgsearch.indexer.scan import stat_of
from imgsearch.indexer.thumbnails import ThumbnailKeeper, make_missing_thumbnails
from imgsearch.indexer.volumes import SYSTEM_MOUNTS, MountTable
from imgsearch.labels import labels
from imgsearch.progress import (
    MergeReport,
    MetadataReport,
    Progress,
    RebuildReport,
    SyncReport,
    TextReport,
    ThumbnailReport,
)
from imgsearch.records.index import EncoderRow, StoredVectors
from imgsearch.records.query import Filter, Selection
from imgsearch.records.status import DroppedEncoder
from imgsearch.search import baseline
from imgsearch.search.context import selection_of
from imgsearch.search.query_cache import QueryCache
from imgsearch.search.short_texts import embed_alone
from imgsearch.store.database import DATABASE_FILE
from imgsearch.store.lock import writing
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.reads import Reads
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore
from imgsearch.text import format_count, is_utf8, shell_word

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

    from imgsearch.config import Settings
    from imgsearch.encoders.base import Encoder
    from imgsearch.encoders.loader import EncoderLoader
    from imgsearch.errors import Reason
    from imgsearch.index.policy import IndexPolicy
    from imgsearch.indexer.watch_loop import WatchSchedule
    from imgsearch.ocr import TextReader
    from imgsearch.progress import WatchEvent
    from imgsearch.records.arrays import Ids, Vector, Vectors
    from imgsearch.records.labels import Classes, Facet
    from imgsearch.records.pack import PackedConcept
    from imgsearch.records.photo import Photo
    from imgsearch.records.trial import EncoderTrial, SourcedQuery


class Indexer:
    """The writing half of a library.

    `notify` is called with sentences for a person. The other arguments replace what is usual: the
    sizes and thresholds of the index, how photos are decoded, the mounts of the system, and what
    reads text in pictures with this number of threads.
    """

    def __init__(
        self,
        settings: Settings,
        encoders: EncoderLoader,
        notify: Callable[[str], None],
        index_policy: IndexPolicy | None = None,
        decoder: PhotoDecoder | None = None,
        mounts: MountTable = SYSTEM_MOUNTS,
        open_reader: Callable[[int], TextReader] = ocr.open_reader,
    ) -> None:
        self._settings = settings
        self._data_dir = settings.data_dir
        self._encoders = encoders
        self._notify = notify
        self._index_policy = index_policy
        self._decoder = decoder or PhotoDecoder()
        self._mounts = mounts
        self._gazetteer = Gazetteer(settings.cache_dir)
        self._open_reader = open_reader
        self._reader: TextReader | None = None

    @property
    def fingerprint(self) -> str:
        """Identifies how files are decoded. Until it changes, a failed file would fail again."""
        return self._decoder.fingerprint_with(self._settings.max_megapixels)

    def index(
        self, folders: Sequence[str], accept_removals: bool, verify: bool
    ) -> Generator[Progress, None, SyncReport]:
        """Bring folders up to date, adding them if needed; all roots if none is given."""
        started = time.monotonic()
        self._check(folders)
        with writing(self._data_dir) as store:
            roots.follow_moved_drives(store, self._notify, self._mounts)
            if not folders:
                self._notify_of_paused(store.reads)
            scopes = diff.add_folders(store, folders) if folders else diff.all_scopes(store.reads)
            changes = self.compare(store, scopes, self._notify, list_unchanged=verify)
            _require_readable(store, changes)
            if verify:
                files = [stat for scope in changes.scopes for stat in scope.unchanged_files]
                steps = pipeline.changed_contents(
                    files, store.files.hashes(), self._settings.thread_count
                )
                changed = yield from publish_progress(self._data_dir, "Reading every file", steps)
                changes = changes.with_upserts(changed)
            report = yield from self.sync(store, changes, accept_removals)
        return replace(report, seconds=round(time.monotonic() - started, 3))

    def retry(self, reasons: Sequence[Reason]) -> Generator[Progress, None, SyncReport]:
        """Index the files that failed again; with `reasons`, only those that failed for these."""
        started = time.monotonic()
        with writing(self._data_dir) as store:
            stats = []
            for failure in store.failures.of_files(reasons):
                with suppress(OSError):  # removed or out of reach: the next scan handles it
                    stats.append(stat_of(failure.path))
            changes = diff.diff_of_files(store.reads, stats)
            report = yield from self.sync(store, changes, retry_failures=True)
        return replace(report, seconds=round(time.monotonic() - started, 3))

    def watch(
        self,
        folders: Sequence[str],
        stop: Event,
        schedule: WatchSchedule | None = None,
        create_observer: Callable[[], BaseObserver] | None = None,
    ) -> Iterator[WatchEvent]:
        """Add folders and keep all roots up to date until `stop` is set.

        `create_observer` makes the source of events, by default that of the operating system.
        """
        from watchdog.observers import Observer  # only `watch` needs watchdog

        from imgsearch.indexer import watch_loop

        self._check(folders)
        context = watch_loop.WatchContext(
            data_dir=self._data_dir,
            compare=self.compare,
            sync=self.sync,
            prune=self._prune,
            release_models=self._release_models,
            texts=self._text_backlog(),
            notify=self._notify,
            mounts=self._mounts,
            create_observer=create_observer or Observer,
        )
        return watch_loop.watch_library(
            context, folders, schedule or watch_loop.WatchSchedule(), stop
        )

    def forget(self, folder: str) -> int:
        """Remove the root at `folder`; returns how many photos left the library with it."""
        with writing(self._data_dir) as store:
            return store.files.remove_root(roots.root_id_of(store.reads, folder))

    def set_paused(self, folder: str, paused: bool) -> None:
        """Pause the root at `folder`, or resume it."""
        with writing(self._data_dir) as store:
            store.files.set_paused(roots.root_id_of(store.reads, folder), paused)

    def prune(self, days: float) -> int:
        """Delete photos that have had no path for this many days; returns how many."""
        with writing(self._data_dir) as store:
            return self._prune(store, days)

    def read_metadata(self) -> Generator[Progress, None, MetadataReport]:
        """Read the metadata of all photos that can be reached again."""
        with writing(self._data_dir) as store:
            readable = self._readable_roots(store.reads)
            steps = metadata.reread_all_metadata(store, readable, self._settings, self._gazetteer)
            return (yield from publish_progress(self._data_dir, "Reading metadata", steps))

    def read_text(
        self, folders: Sequence[str], everything: bool, again: bool
    ) -> Generator[Progress, None, TextReport]:
        """Read the text in photos that were not tried yet, below these folders if any are given.

        The photos that are likely to have text come first. Those whose small copy shows none are
        passed over unless `everything` is set. `again` includes those that another version of the
        reader has read or passed over.
        """
        reader = self._text_reader()
        with writing(self._data_dir) as store:
            row = store.reads.encoder_in_use()
            within = _ids_below(store.reads, folders) if folders else None
            embed = partial(self._embed_as_queries, row)
            plan = picture_text.plan(
                store, row, reader.id, embed, everything=everything, again=again, within=within
            )
            photos = self._readable(store, plan.photo_ids)
            steps = picture_text.read_texts(store, reader, photos, self._settings, plan.to_look_at)
            report = yield from publish_progress(self._data_dir, picture_text.DOING, steps)
        offline = len(plan.photo_ids) - len(photos)
        return replace(
            report,
            unreached=report.unreached + offline,
            below_gate=report.below_gate + plan.below_gate,
        )

    def make_thumbnails(self) -> Generator[Progress, None, ThumbnailReport]:
        """Make the kept thumbnails of all photos that have none and can be reached."""
        with writing(self._data_dir) as store, ThumbnailStore(self._data_dir) as thumbnails:
            keeper = ThumbnailKeeper(thumbnails, self._settings, self._notify)
            readable = self._readable_roots(store.reads)
            steps = make_missing_thumbnails(store, thumbnails, keeper, readable, self._settings)
            return (yield from publish_progress(self._data_dir, "Making thumbnails", steps))

    def rebuild(self, encoder_name: str | None) -> Generator[Progress, None, RebuildReport]:
        """Rebuild the index; with a name, embed every photo with that encoder first."""
        started = time.monotonic()
        with writing(self._data_dir) as store:
            steps = self._rebuild(store, encoder_name)
            report = yield from publish_progress(self._data_dir, "Rebuilding", steps)
        return replace(report, seconds=round(time.monotonic() - started, 3))

    def unpack(
        self, pack: Path, at: str | None, offline: bool, beside: bool
    ) -> Generator[Progress, None, MergeReport]:
        """Merge a pack. Everything that can be refused is, before anything is written."""
        started = time.monotonic()
        if os.path.isdir(pack):  # noqa: PTH112  # a folder that carries its pack
            pack, at = packs.pack_inside(str(pack)), at or str(pack)
        with PackReader(pack) as reader:
            place = self._place_of_merge(reader, at, offline, beside)
            for done in reader.check():
                yield Progress(done, reader.info.photos, part="Checking")
            with writing(self._data_dir) as store, ThumbnailStore(self._data_dir) as thumbnails:
                keeper = ThumbnailKeeper(thumbnails, self._settings, self._notify)
                keep = keeper.keep if self._settings.thumbnails_mb else None
                steps = packs.merge_pack(store, thumbnails, reader, place, keep)
                report = yield from publish_progress(self._data_dir, "Merging", steps)
                searches = pack_notes.merge_searches(store, reader.info.searches)
                row = store.reads.current_encoder()
                concepts = 0
                if row is not None:
                    concepts = self._refresh_after_merge(store, row, reader.info.concepts)
        others = (each.encoder_id for each in reader.info.encoders)
        return replace(
            report,
            beside=tuple(id for id in others if row is None or id != row.encoder_id),
            searches=searches,
            concepts=concepts,
            seconds=round(time.monotonic() - started, 3),
        )

    def try_encoder(
        self, name: str, photos: int, queries: Sequence[str], past: Sequence[SourcedQuery]
    ) -> Generator[Progress, None, EncoderTrial]:
        """Embed a sample with another encoder, and compare its answers with those of today."""
        with writing(self._data_dir) as store, ThumbnailStore(self._data_dir) as thumbnails:
            row = store.reads.encoder_in_use()

            def open_after(
                paths: Sequence[Path],
            ) -> Generator[Progress, None, tuple[Encoder, EncoderRow]]:
                encoder = yield from self._new_encoder(lambda: paths, name)
                if encoder.id == row.encoder_id:
                    raise UsageError(f"The library uses {name} already. Name another encoder.")
                its_name = self._encoders.name_of(encoder)
                return encoder, store.vectors.adopt_encoder(encoder.id, its_name, encoder.dim)

            def embed_photos(
                encoder: Encoder, after: EncoderRow, paths: Mapping[int, Path]
            ) -> Generator[Progress, None, int]:
                context = self._ingest_context(store, encoder, thumbnails)
                return pipeline.embed_again(context, paths, _kept(thumbnails))

            def matching(filters: tuple[Filter, ...]) -> Ids:
                online = roots.online_roots(store.reads, self._mounts)
                own = frozenset(root_id for root_id, is_online in online.items() if is_online)
                cache = self._settings.cache_dir
                selection = selection_of(store.reads, store.reads, cache, filters, own)
                return store.reads.matching(selection)

            context = encoder_trial.TrialContext(
                store=store,
                data_dir=self._data_dir,
                before=row,
                embed_before=partial(self._embed_as_queries, row),
                open_after=open_after,
                embed_photos=embed_photos,
                matching=matching,
            )
            ids = store.reads.live_ids().tolist()
            steps = encoder_trial.try_encoder(
                context, self._readable(store, ids), photos, queries, past
            )
            return (yield from publish_progress(self._data_dir, "Trying an encoder", steps))

    def use_encoder(self, name: str) -> None:
        """Let a stored encoder answer queries from now on, with the vectors that it has."""
        with writing(self._data_dir) as store:
            stored = _stored_encoder(store, name)
            registry.name_of(stored.row.encoder_id)  # raises for one of an unknown kind
            self._encoders.check(stored.row)
            if stored.state != "current":
                store.vectors.promote_encoder(stored.row.key)
                self._refresh_derived(store, stored.row)

    def drop_encoder(self, name: str) -> DroppedEncoder:
        """Delete an encoder and all that was made with it, and free its space on the disk."""
        with writing(self._data_dir) as store:
            stored = _stored_encoder(store, name)
            if stored.state == "current":
                raise UsageError(
                    f"The encoder {name} is in use. Use another one first: imgsearch encoders "
                    "--use NAME"
                )
            store.vectors.drop_encoder(stored.row.key)
            snapshot.clean(store)
            freed = stored.index_bytes
            if store.database.has_much_room():
                try:
                    freed += store.database.compact()
                except (DiskError, LibraryLocked) as error:  # what was deleted is
                    self._notify(str(error))
            reusable = store.database.free_bytes()
            return DroppedEncoder(name, stored.size_bytes, freed, reusable)

    def build_index(self, row: EncoderRow) -> None:
        """Build the index snapshot of an encoder from its stored vectors."""
        with writing(self._data_dir) as store:
            self._build_index(store, row)

    def repair(self) -> list[str]:
        """Repair what `doctor` finds and what is safe to repair; returns what was done.

        Deletes invalid vectors and leftover index files, and rebuilds a damaged index. No photo
        is touched.
        """
        done = []
        with writing(self._data_dir) as store:
            row = store.reads.current_encoder()
            to_rebuild: dict[int, EncoderRow] = {}
            for encoder, is_current in store.vectors.all_encoders().items():
                invalid = store.vectors.invalid(encoder)
                if not invalid:
                    continue
                if store.reads.current_snapshot(encoder.key) is not None:
                    to_rebuild[encoder.key] = encoder
                store.vectors.delete_of(encoder.key, [photo_id for photo_id, _ in invalid])
                photos = format_count(len(invalid), "photo")
                by = "" if is_current else f" by {encoder.encoder_id}, which answers no queries"
                done.append(f"Deleted the invalid vectors of {photos}{by}.")
            leftovers = snapshot.leftovers(store)
            if leftovers:
                snapshot.clean(store)
                done.append(f"Deleted {format_count(len(leftovers), 'leftover index file')}.")
            info = None if row is None else store.reads.current_snapshot(row.key)
            if row is not None and info is not None:
                try:
                    snapshot.verify(store.snapshots_dir, info, full=True)
                except SnapshotError:
                    to_rebuild[row.key] = row
            for encoder in to_rebuild.values():
                self._build_index(store, encoder)
                done.append("Rebuilt the index from the stored vectors.")
            if store.database.has_much_room():
                freed_mb = store.database.compact() / 1e6
                done.append(f"Gave {freed_mb:,.1f} MB of the database back to the disk.")
            with ThumbnailStore(self._data_dir) as thumbnails:
                done += _repair_thumbnails(thumbnails)
        return done

    def save_labels(self, name: str, classes: Classes) -> Facet:
        """Save labels and label every photo."""
        with writing(self._data_dir) as store:
            facet = labels.save_facet(store, name, classes)
            row = store.reads.current_encoder()
            if row is not None:
                labels.update_facets(store, row, lambda: self._encoders.of(row))
            return facet

    def forget_labels(self, name: str) -> bool:
        """Delete saved labels; returns whether there were any of this name."""
        with writing(self._data_dir) as store:
            return is_utf8(name) and store.labels.delete_facet(name)

    def teach(self, lesson: teaching.Lesson) -> None:
        """Teach a concept, and find the photos that show it."""
        with writing(self._data_dir) as store:
            row = store.reads.encoder_in_use()
            teaching.teach(store, row, lesson, self._embedders(store, row))

    def forget_concept(self, name: str) -> bool:
        """Delete a concept with its examples; returns whether there was one of this name."""
        with writing(self._data_dir) as store:
            return store.concepts.delete(name)

    # ------------------------------------------------------------------ steps

    def _check(self, folders: Sequence[str]) -> None:
        """Raise what can be known before anything is written.

        UsageError if there is neither a folder nor a library and for a paused folder, FolderError
        for a folder that cannot be read, EncoderMismatch if the settings name another encoder than
        the library's.
        """
        known: tuple[str, ...] = ()
        paused: tuple[str, ...] = ()
        if not folders or (self._data_dir / DATABASE_FILE).exists():
            with closing(Reads.open(self._data_dir)) as reads:
                known = tuple(reads.roots().values())
                paused = tuple(reads.paused_roots().values())
                row = reads.current_encoder()
            if row is not None:
                self._encoders.check(row)
        for folder in folders:
            roots.check_not_paused(folder, paused)
            roots.check_folder(folder, known)

    def _notify_of_paused(self, reads: Reads) -> None:
        for root in reads.paused_roots().values():
            self._notify(
                f"{root} is paused and stays as it is. To resume it: imgsearch folders --resume "
                f"{shell_word(root)}"
            )

    def _place_of_merge(
        self, reader: PackReader, at: str | None, offline: bool, beside: bool
    ) -> packs.PackPlace:
        """Where the photos of a pack are. Raises what merging it can be refused for."""
        known: tuple[str, ...] = ()
        row = None
        dims: dict[str, int] = {}
        if (self._data_dir / DATABASE_FILE).exists():
            with closing(Reads.open(self._data_dir)) as reads:
                known = tuple(reads.roots().values())
                row = reads.current_encoder()
                dims = reads.encoder_dims()
        packs.check_encoders(reader.info, reader.path, dims, self._encoders.dim_of)
        encoder = packs.encoder_of_merge(reader, row, beside)
        if encoder is not None:
            self._encoders.check(EncoderRow(0, encoder.encoder_id, encoder.name, encoder.dim))
        return packs.find_place(reader, at, offline, known, self._mounts)

    def _refresh_after_merge(
        self, store: Store, row: EncoderRow, concepts: Sequence[PackedConcept]
    ) -> int:
        """Update what is derived from the vectors; returns how many concepts were added."""
        added = 0
        try:
            if snapshot.rebuild_reason(store, row.key, self._index_policy):
                self._build_index(store, row)
            self._refresh_derived(store, row)
            for lesson in pack_notes.lessons(store, concepts):
                # Its examples do not suffice here, or it is none that imgsearch has made.
                with suppress(UsageError, PhotoError, QueryError):
                    teaching.teach(store, row, lesson, self._embedders(store, row))
                    added += 1
        # UsageError for an encoder that this imgsearch does not have.
        except (EncoderError, UsageError) as error:  # searching the merged photos raises the same
            self._notify(f"The pack was merged, but its encoder cannot be used here yet. {error}")
        return added

    def compare(
        self,
        store: Store,
        scopes: Sequence[diff.Scope],
        notify: Callable[[str], None],
        list_unchanged: bool = False,
    ) -> diff.LibraryDiff:
        """Scan these scopes for changes. See `imgsearch.indexer.diff.compare`."""
        return diff.compare(store, scopes, notify, self.fingerprint, self._mounts, list_unchanged)

    def sync(
        self,
        store: Store,
        changes: diff.LibraryDiff,
        accept_removals: bool = False,
        retry_failures: bool = False,
    ) -> Generator[Progress, None, SyncReport]:
        """Apply the difference to the library, with progress that other processes can see."""
        steps = self._apply(store, changes, accept_removals, retry_failures)
        return publish_progress(self._data_dir, "Indexing", steps)

    def _apply(
        self,
        store: Store,
        changes: diff.LibraryDiff,
        accept_removals: bool,
        retry_failures: bool,
    ) -> Generator[Progress, None, SyncReport]:
        snapshot.clean(store)  # files that a killed build left behind
        report, last_id = SyncReport(), store.photos.last_id()
        last_path_id = store.files.last_path_id()
        if changes.upserts:
            row = store.reads.current_encoder()
            if row is not None:
                encoder = self._encoders.of(row)
            else:
                encoder = yield from self._new_encoder(
                    lambda: [Path(stat.path) for stat in changes.upserts]
                )
            with ThumbnailStore(self._data_dir) as thumbnails:
                context = self._ingest_context(store, encoder, thumbnails, retry_failures)
                context = replace(context, on_recorded=self._growing_baseline(store).add)
                report = yield from pipeline.ingest(context, changes.upserts)
        # Before removals are applied: afterwards the paths of removed files are unknown.
        refresh = _metadata_refresh(store, changes, last_id)
        removed = _paths_gone(store, changes) if report.moved else {}
        removals = apply_removals(store, changes, accept_removals, self._notify)
        reread = 0
        if refresh.sidecars or refresh.photo_ids:
            readable = self._readable_roots(store.reads)
            reread = yield from metadata.refresh_metadata(
                store, readable, self._settings, self._gazetteer, refresh
            )
        row = store.reads.current_encoder()
        if row is not None:
            if snapshot.rebuild_reason(store, row.key, self._index_policy):
                self._build_index(store, row)
            self._refresh_derived(store, row)
        return replace(
            report,
            copied=store.files.count_copies(last_path_id, last_id, removed) if report.moved else 0,
            unchanged=changes.unchanged,
            gone=removals.gone,
            missing=removals.missing,
            reread=reread,
            offline=changes.offline,
            photos=store.reads.photo_count(),
        )

    def _rebuild(
        self, store: Store, encoder_name: str | None
    ) -> Generator[Progress, None, RebuildReport]:
        row = store.reads.encoder_in_use()
        unread = 0
        if encoder_name is not None:
            encoder = yield from self._new_encoder(
                lambda: list(store.photos.unembedded(None).values()), encoder_name
            )
            with ThumbnailStore(self._data_dir) as thumbnails:
                context = self._ingest_context(store, encoder, thumbnails)
                photos = store.photos.unembedded(context.encoder_key)
                unread = yield from pipeline.embed_again(context, photos, _kept(thumbnails))
            if not unread:
                store.vectors.promote_encoder(context.encoder_key)
                row = store.reads.encoder_in_use()
        if not unread:
            self._build_index(store, row, retrain=True)
            self._refresh_derived(store, row)
        return RebuildReport(row.name, store.vectors.count(row.key), unread, seconds=0.0)

    def _prune(self, store: Store, days: float = PRUNE_DAYS) -> int:
        photos = store.photos.prune(datetime.now(UTC) - timedelta(days=days))
        with ThumbnailStore(self._data_dir) as thumbnails:
            try:
                thumbnails.prune(self._settings.thumbnails_mb * 1_000_000)
            except StoreError as error:  # damage, which must not stop a watcher
                self._notify(str(error))
        return photos

    def _new_encoder(
        self, list_files: Callable[[], Sequence[Path]], name: str | None = None
    ) -> Generator[Progress, None, Encoder]:
        """The encoder for a new library or a rebuild, in the precision that is best here.

        If neither the name nor the cache decides the precision, int8 is compared with float32 on
        files of the library, provided there are enough.
        """
        settings = self._settings
        chosen = self._encoders.choose_new(name)
        encoder = self._encoders.open(chosen)
        option = self._encoders.int8_option(chosen)
        if option is None:
            return encoder
        files = list_files()
        if len(files) < int8_trial.MIN_PHOTOS:
            return encoder
        cache = int8_trial.ComparisonCache(settings.cache_dir, encoder.id, option)
        comparison = cache.get(len(files))
        if comparison is None:
            self._notify("Comparing the model in int8 and in float32, once on this machine.")
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
        self._notify(comparison.sentence(option))
        return self._encoders.open(option.int8_name) if comparison.favours_int8 else encoder

    def _ingest_context(
        self,
        store: Store,
        encoder: Encoder,
        thumbnails: ThumbnailStore,
        retry_failures: bool = False,
    ) -> pipeline.IngestContext:
        """What to embed with; the encoder is added to the library if it is new."""
        keeper = ThumbnailKeeper(thumbnails, self._settings, self._notify)
        name = self._encoders.name_of(encoder)
        row = store.vectors.add_encoder(encoder.id, name, encoder.dim)
        return pipeline.IngestContext(
            store=store,
            encoder=encoder,
            encoder_key=row.key,
            decode=self._decoder.decode,
            fingerprint=self.fingerprint,
            gazetteer=self._gazetteer,
            max_megapixels=self._settings.max_megapixels,
            threads=self._settings.thread_count,
            retry_failures=retry_failures,
            keep_thumbnails=keeper.keep if self._settings.thumbnails_mb else None,
        )

    def _text_backlog(self) -> picture_text.TextBacklog | None:
        """The photos whose text a watcher has to read; None if it is not to read any."""
        if not self._settings.read_text:
            return None
        try:
            self._text_reader()
        except MissingPackage as error:
            self._notify(str(error))
            return None

        def make_plan(store: Store, after_id: int) -> picture_text.TextPlan:
            row = store.reads.current_encoder()
            if row is None:  # nothing was indexed yet
                return picture_text.TextPlan((), 0)
            embed = partial(self._embed_as_queries, row)
            reader_id = self._text_reader().id
            return picture_text.plan(store, row, reader_id, embed, after_id=after_id)

        def read(
            store: Store, ids: Sequence[int], to_look_at: Collection[int]
        ) -> Generator[Progress, None, TextReport]:
            photos = self._readable(store, ids)
            return picture_text.read_texts(
                store, self._text_reader(), photos, self._settings, to_look_at
            )

        return picture_text.TextBacklog(make_plan, read)

    def _release_models(self) -> None:
        self._encoders.release()
        self._reader = None

    def _text_reader(self) -> TextReader:
        if self._reader is None:
            self._reader = self._open_reader(self._settings.thread_count)
        return self._reader

    def _readable(self, store: Store, ids: Sequence[int]) -> list[tuple[Photo, Path]]:
        return metadata.readable_photos(store, self._readable_roots(store.reads), ids)

    def _readable_roots(self, reads: Reads) -> set[int]:
        """The ids of the roots whose files may be read now: online, and not paused."""
        online, paused = roots.online_roots(reads, self._mounts), reads.paused_roots()
        return {root_id for root_id in online if online[root_id] and root_id not in paused}

    def _growing_baseline(self, store: Store) -> baseline.GrowingBaseline:
        """Keeps the score baseline of the encoder in use up to date while photos are added."""
        row = store.reads.encoder_in_use()
        known = store.reads.baseline(row.key)
        return baseline.GrowingBaseline(
            store.vectors.count(row.key),
            0 if known is None else known.vectors,
            partial(self._refresh_baseline, store, row),
        )

    def _refresh_baseline(self, store: Store, row: EncoderRow) -> None:
        baseline.refresh(store, row, lambda texts: self._embed_as_queries(row, texts))

    def _refresh_derived(self, store: Store, row: EncoderRow) -> None:
        """Update what is derived from the vectors: score baseline, saved labels and concepts."""
        self._refresh_baseline(store, row)
        labels.update_facets(store, row, lambda: self._encoders.of(row))
        teaching.update_concepts(store, row, self._embedders(store, row))

    def _embedders(self, store: Store, row: EncoderRow) -> teaching.Embedders:
        """What concepts are embedded with; the encoder is loaded only if something has to be."""

        def embed_words(texts: Sequence[str]) -> Vectors:
            mean_noun = baseline.mean_noun_of(store.reads.baseline(row.key), row.encoder_id)
            return embed_alone(
                row.encoder_id, texts, mean_noun, partial(self._embed_as_queries, row)
            )

        def embed_picture(picture: bytes) -> Vector:
            encoder = self._encoders.of(row)
            side_px = side_to_embed(encoder.side_px)
            image = decode_bytes(picture, side_px, self._settings.max_megapixels).image
            vector: Vector = encoder.encode_pixels(encoder.prepare(image)[None])[0]
            return vector

        return teaching.Embedders(embed_words, embed_picture)

    def _embed_as_queries(self, row: EncoderRow, texts: Sequence[str]) -> Vectors:
        """Texts embedded as queries are; once on one machine, thanks to the query cache."""
        import numpy as np

        def embed(missing: Sequence[str]) -> Vectors:
            return prompts.embed_texts(self._encoders.of(row), row.name, missing)

        cache = QueryCache(self._settings.cache_dir, row.encoder_id)
        return np.stack(cache.texts(row.name, texts, embed))

    def _build_index(self, store: Store, row: EncoderRow, retrain: bool = False) -> None:
        build.build_snapshot(
            store,
            row.key,
            row.encoder_id,
            lambda texts: self._encoders.of(row).encode_texts(texts),  # loaded only if needed
            policy=self._index_policy,
            fresh=retrain,
        )


def _ids_below(reads: Reads, folders: Sequence[str]) -> set[int]:
    """The photos below these absolute paths. Raises FolderError for one without any."""
    ids: set[int] = set()
    for folder in folders:
        found = reads.matching(Selection((Filter("in", (folder,)),))).tolist()
        if not found:
            raise FolderError(
                f"No photo of the library is in {folder}. To add it: imgsearch index FOLDER"
            )
        ids.update(found)
    return ids


def _stored_encoder(store: Store, name: str) -> StoredVectors:
    """What the library has of the encoder with this name or id; of two, of the one not in use.

    Raises UsageError if it has nothing.
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
            f"The library has no vectors of the encoder {name!r}. It has those of: "
            f"{', '.join(names)}. To embed all photos with another: imgsearch rebuild --encoder "
            "NAME"
        )
    return min(named, key=lambda each: each.state == "current")


def _kept(thumbnails: ThumbnailStore) -> set[bytes]:
    """The contents that have a thumbnail; none if the file is damaged, as storing one will tell."""
    try:
        return thumbnails.hashes()
    except StoreError:
        return set()


def _repair_thumbnails(thumbnails: ThumbnailStore) -> list[str]:
    try:
        if not thumbnails.damaged():
            return []
    except DamagedThumbnails:  # the file itself
        pass
    kept = thumbnails.repair()
    return [f"Repaired the thumbnails: {format_count(kept, 'photo')} kept theirs."]


def _require_readable(store: Store, changes: diff.LibraryDiff) -> None:
    """Raise FolderError if there are folders to index, and none of them can be read."""
    unreadable = {str(failure.path) for failure in store.failures.of_folders()}
    folders = [scope_diff.scope.folder for scope_diff in changes.scopes]
    if folders and unreadable.issuperset(folders):
        raise FolderError(
            f"No folder could be read, so nothing was updated: {', '.join(folders)}. Check the "
            "permissions."
        )


def _paths_gone(store: Store, changes: diff.LibraryDiff) -> Counter[int]:
    """How many paths of each photo (by id) are gone. Call it before they are removed."""
    return Counter(
        photo_id
        for scope in changes.scopes
        for photo_id in store.files.photo_ids(scope.scope.root_id, scope.changes.gone).values()
    )


def _metadata_refresh(
    store: Store, changes: diff.LibraryDiff, last_id: int
) -> metadata.MetadataRefresh:
    """The photos whose sidecar files changed; those with ids above `last_id` were just read."""
    scopes = [scope for scope in changes.scopes if scope.sidecars]
    photo_ids = {
        photo_id
        for scope in scopes
        for photo_id in store.files.photo_ids(scope.scope.root_id, scope.sidecars.photos).values()
        if photo_id <= last_id
    }
    return metadata.MetadataRefresh(
        [(scope.scope.root_id, scope.sidecars.sidecars) for scope in scopes], photo_ids
    )
