"""Examines a library: files against database, index, cache and encoder. Changes nothing.

Every check gives one or more findings; a check that cannot run says why. No photo is opened.
`repair_cache` deletes what is wrong in the cache folder, where everything can be made again.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from imgsearch.addresses import replicas_folder
from imgsearch.analysis.status import missing_extras
from imgsearch.config import PRUNE_DAYS, Settings
from imgsearch.decode.formats import is_photo_name
from imgsearch.encoders import onnx, registry
from imgsearch.encoders.self_test import SelfTest, try_out
from imgsearch.errors import (
    DamagedThumbnails,
    EncoderError,
    EncoderUnavailable,
    ImgsearchError,
    SnapshotError,
    StoreError,
)
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.features.installed import feature_problems
from imgsearch.index import snapshot
from imgsearch.indexer.roots import list_roots
from imgsearch.indexer.scan import find_changes, scan
from imgsearch.installation import pip_reinstall
from imgsearch.private_files import ABANDONED_S
from imgsearch.records.index import EncoderRow
from imgsearch.records.status import DatabaseState, Finding, Root
from imgsearch.store import lock
from imgsearch.store.database import DATABASE_FILE, Database
from imgsearch.store.feature_rows import things_of_absent
from imgsearch.store.progress_file import PROGRESS_FILE, running_job
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore
from imgsearch.store.unsent import unsent_count
from imgsearch.text import format_count, path_text, shell_word
from imgsearch.version import VERSION

MIN_FREE_BYTES = 1 << 30
_UNUSED_DAYS = 30
PACKAGES = ("torch", "open_clip_torch", "onnxruntime", "openvino", "faiss-cpu", "faiss-gpu",
            "sqlalchemy", "pillow", "numpy", "streamlit", "watchdog")  # fmt: skip
OPTIONAL = {"raw": "rawpy", "jxl": "pillow_jxl", "video": "av", "lens": "exiv2"}  # extra: module


def examine(settings: Settings, *, has_folders: bool = True) -> Iterator[Finding]:
    """Yield all findings about the library of these settings, area by area.

    The copy of an archive has no folders of its own, and no thumbnails.
    """
    yield from _versions()
    yield from _folder("data folder", settings.data_dir)
    yield from _folder("cache folder", settings.cache_dir)
    yield from _cache(settings.cache_dir)
    yield from _unused_copies(settings)
    if not (settings.data_dir / DATABASE_FILE).exists():
        cure = "Create a library: imgsearch index FOLDER"
        yield Finding("database", "note", "There is no library yet.", cure)
        yield from _of_features(settings, "missing")
        return
    try:
        with Store.open(settings.data_dir) as store:
            problem = store.database.check_integrity()
            if problem != "ok":
                store.database.raise_if_damaged(ValueError(problem))
            try:
                yield from _contents(store, settings, has_folders)
            except Exception as error:
                store.database.raise_if_damaged(error)
                raise
    except ImgsearchError as error:
        yield Finding("database", "error", str(error), exit_code=error.exit_code)
        yield from _of_features(
            settings, "damaged" if isinstance(error, StoreError) else "undamaged"
        )
    else:
        yield from _of_features(settings, "undamaged")


def _of_features(settings: Settings, database: DatabaseState) -> Iterator[Finding]:
    for named in installed.findings():
        yield from load(named)(settings, database)


def _contents(store: Store, settings: Settings, has_folders: bool) -> Iterator[Finding]:
    photos, row = store.reads.photos.count(), store.reads.encoders.current()
    dangling = store.database.dangling_rows()
    if dangling:
        message = f"Rows of the database that refer to something that does not exist: {dangling:,}."
        cure = (
            "Move it away and run imgsearch index FOLDER; then restore a backup, if there is one."
        )
        code = StoreError.exit_code
        yield Finding("database", "error", message, cure, exit_code=code)
    else:
        yield Finding("database", "ok", f"{format_count(photos, 'photo')}, undamaged.")
    if store.database.has_much_room():
        free = f"{store.database.free_bytes() / 1e6:,.1f} MB"
        message = f"{free} of the database are free, for what is indexed next."
        cure = "imgsearch doctor --repair gives them back to the disk."
        yield Finding("database", "note", message, cure, repairable=True)
    yield from _absent_features(store)
    if has_folders:
        yield from _roots(store)
        yield from _forgotten(store)
    if row is None:
        yield Finding("encoder", "note", "No photo was indexed yet.", "imgsearch index FOLDER")
    else:
        yield from _encoder(row, settings)
        yield from _vectors(store, row)
        for other, is_current in store.vectors.all_encoders().items():
            if not is_current:
                yield from _invalid_vectors(store, other)
        yield from _index(store, row)
    if has_folders:
        yield from _thumbnails(store, settings)
    yield from _failures(store)
    yield from _processes(settings.data_dir)


def _versions() -> Iterator[Finding]:
    installed = [f"imgsearch {VERSION}", f"Python {platform.python_version()}"]
    installed += [f"SQLite {sqlite3.sqlite_version}", f"{platform.system()} {platform.machine()}"]
    for package in PACKAGES:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    yield Finding("versions", "ok", ", ".join(installed))
    extras = [extra for extra, module in OPTIONAL.items() if find_spec(module) is not None]
    yield Finding("extras", "ok", ", ".join(extras) or "none installed")
    for problem in (*registry.plugin_problems(), *feature_problems()):
        yield Finding("plug-ins", "warning", problem, exit_code=1)
    yield from _faiss()


def _faiss() -> Iterator[Finding]:
    """Yield a finding if the GPU build of FAISS is hidden by the other one.

    Both distributions own the same files: the one that was installed last has written them.
    """
    try:
        version("faiss-gpu")
    except PackageNotFoundError:
        return
    from imgsearch.index.ivf import HAS_GPU_BUILD  # loads FAISS, which may be missing elsewhere

    if not HAS_GPU_BUILD:
        message = "faiss-cpu hides faiss-gpu, so the index is trained without the GPU."
        cure = pip_reinstall("faiss-gpu")
        yield Finding("FAISS", "warning", message, cure, exit_code=1)


def _folder(area: str, folder: Path) -> Iterator[Finding]:
    """Rights and free space of a folder of our own."""
    if not folder.is_dir():
        yield Finding(area, "note", f"{folder} does not exist yet.")
        return
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < MIN_FREE_BYTES:
        message = f"The disk that holds {folder} has only {free_bytes >> 20} MB free."
        yield Finding(area, "warning", message, "Free some space.", exit_code=1)
    if not os.access(folder, os.W_OK | os.X_OK):
        message = f"{folder} cannot be written; searching works, indexing does not."
        yield Finding(area, "warning", message, "Make it writable.", exit_code=1)
    open_to_others = list(_open_to_others(folder))
    if open_to_others:
        message = f"Other users of this machine may read {open_to_others[0]}"
        more = len(open_to_others) - 1
        message += f" and {more} more." if more else "."
        yield Finding(area, "warning", message, f"chmod -R go= {folder}", exit_code=1)
    else:
        yield Finding(area, "ok", f"{folder}, {free_bytes >> 30} GB free.")


def _open_to_others(path: Path) -> Iterator[Path]:
    """Yield the files and folders that others may read, the folder itself included.

    The content of a folder that is closed to others is closed as well.
    """
    if sys.platform == "win32" or path.is_symlink():
        return
    if path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield path
        if path.is_dir():
            for inside in sorted(path.iterdir()):
                yield from _open_to_others(inside)


def _cache(cache_dir: Path) -> Iterator[Finding]:
    for folder in onnx.damaged_exports(cache_dir):
        message = f"The model in {folder} is damaged: a checksum differs."
        cure = "imgsearch doctor --repair deletes it; it is made again when it is next needed."
        yield Finding("cache", "warning", message, cure, repairable=True, exit_code=1)
    left = _left_behind(cache_dir)
    if left:
        leftovers = format_count(len(left), "leftover")
        message = f"{leftovers} of processes that were killed, such as {left[0]}."
        cure = "imgsearch doctor --repair"
        yield Finding("cache", "note", message, cure, repairable=True)


def _unused_copies(settings: Settings) -> Iterator[Finding]:
    """Return the copies of archives that nobody has asked for a month."""
    folder = replicas_folder(settings.replica_dir, settings.cache_dir)
    for file in sorted(folder.glob(f"*/{DATABASE_FILE}")):
        copy = file.parent
        days = (time.time() - copy.stat().st_mtime) / 86_400
        if days >= _UNUSED_DAYS:
            size_mb = sum(each.stat().st_size for each in copy.rglob("*") if each.is_file()) / 1e6
            address, unsent = _archive_of(copy)
            message = (
                f"The copy of the archive {address or 'that cannot be read'} in {copy}, "
                f"{size_mb:,.1f} MB, was not used for {days:,.0f} days."
            )
            cure = f"If it is needed no more: rm -r {shell_word(path_text(copy))}"
            if address and unsent:  # with the folder, they would be lost
                message += f" It has {format_count(unsent, 'change')} that the archive lacks."
                cure = f"To send them: imgsearch status --library {shell_word(address)}"
            yield Finding("archives", "note", message, cure)


def _archive_of(copy: Path) -> tuple[str, int]:
    """Return the address of a copy's archive, and how many changes the archive lacks.

    The address is empty if the copy cannot be read.
    """
    try:
        with closing(Database.open(copy)) as database:
            row = database.fetch_one("SELECT address FROM replica")
            return ("" if row is None else str(row[0])), unsent_count(database)
    except ImgsearchError:
        return "", 0


def _left_behind(cache_dir: Path) -> list[Path]:
    """Temporary files and folders that no process uses any more."""
    before_s = time.time() - ABANDONED_S
    files = [*cache_dir.rglob("*.part"), *cache_dir.rglob(".*.json-*")]
    old = [path for path in files if path.is_file() and path.stat().st_mtime < before_s]
    return [*onnx.exports_left_behind(cache_dir), *sorted(old)]


def repair_cache(cache_dir: Path) -> list[str]:
    """Delete damaged and abandoned files of the cache folder; returns what was done."""
    done = []
    for folder in onnx.damaged_exports(cache_dir):
        shutil.rmtree(folder, ignore_errors=True)
        done.append(f"Deleted the damaged model in {folder}.")
    left = _left_behind(cache_dir)
    for path in left:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if left:
        done.append(f"Deleted {format_count(len(left), 'leftover')} of the cache.")
    return done


def _absent_features(store: Store) -> Iterator[Finding]:
    with store.database.reading() as connection:
        things = things_of_absent(connection)
    for name, number in things.items():
        message = f"The library has {name} ({number:,}), which this installation lacks. They stay."
        yield Finding("features", "note", message, pip_reinstall("imgsearch-photos"))


def _roots(store: Store) -> Iterator[Finding]:
    for root in list_roots(store.reads):
        photos = format_count(root.photos, "photo")
        if not root.online:
            message = f"{root.path} cannot be reached; searches still find what it has: {photos}."
            yield Finding("folders", "note", message, "Connect its drive.")
        elif root.missing:
            missing = format_count(root.missing, "photo")
            message = (
                f"Held as missing, because they disappeared at once: {missing} of {root.path}."
            )
            cure = "If you removed them on purpose: imgsearch index --accept-removals"
            yield Finding("folders", "warning", message, cure, exit_code=1)
        else:
            yield Finding("folders", "ok", f"{root.path}, {photos}.")
        if root.online:
            yield from _disk(store, root)
    for failure in store.failures.of_folders():
        yield Finding("folders", "warning", f"{failure.path}: {failure.message}", exit_code=1)


def _disk(store: Store, root: Root) -> Iterator[Finding]:
    """Compare the files of a root with the files that the library knows. No file is opened."""
    result = scan(str(root.path), is_photo_name)
    known = store.files.known(root.id)
    changes = find_changes(result, known)
    new = sum(file.path not in known for file in changes.upserts)
    counts = {"new": new, "changed": len(changes.upserts) - new, "gone": len(changes.gone)}
    counts["gone"] -= root.missing
    differences = [f"{count} {name}" for name, count in counts.items() if count > 0]
    if differences:
        message = f"Since {root.path} was last indexed, files are: {', '.join(differences)}."
        yield Finding("folders", "note", message, "imgsearch index")
    if result.left:
        files = format_count(len(result.left), "file")
        message = f"Killed runs left {files} beside photos, such as {result.left[0]}."
        cure = (
            "imgsearch doctor --repair. One that stays has an edit of another program: compare it "
            "with the XMP file, then delete it."
        )
        yield Finding("folders", "note", message, cure, repairable=True)


def _forgotten(store: Store) -> Iterator[Finding]:
    before = datetime.now(UTC) - timedelta(days=PRUNE_DAYS)
    count = store.photos.prunable(before)
    if count:
        message = f"Photos without a file for {PRUNE_DAYS:.0f} days or more: {count:,}."
        yield Finding("database", "note", message, "imgsearch prune")


def _encoder(row: EncoderRow, settings: Settings) -> Iterator[Finding]:
    try:
        registry.name_of(row.encoder_id)
    except ImgsearchError as error:
        yield Finding("encoder", "error", str(error), exit_code=error.exit_code)
        return
    choices = {choice.name: choice for choice in registry.encoder_choices()}
    choice = choices.get(row.name)
    if choice is not None and not choice.weights_here:
        message = f"The weights of {row.name} are not on this machine."
        yield Finding("encoder", "warning", message, "Search once with a network.", exit_code=1)
        return
    try:
        registry.verify(row.name)
        if any(registry.satisfies(row.name, name) for name in choices):  # trained, not random
            tried = _tried(row.name, settings)
            if not tried.passed:
                message = f"{row.name} does not find drawings by their descriptions: {tried}."
                cure = "Choose another model, and report this: imgsearch encoders"
                yield Finding("encoder", "error", message, cure, exit_code=EncoderError.exit_code)
                return
        yield Finding("encoder", "ok", row.encoder_id)
    except EncoderUnavailable as error:
        yield Finding("encoder", "warning", str(error), exit_code=1)
    except ImgsearchError as error:
        yield Finding("encoder", "error", str(error), exit_code=error.exit_code)


def _tried(name: str, settings: Settings) -> SelfTest:
    with warnings.catch_warnings():  # this says it
        warnings.simplefilter("ignore")
        return try_out(registry.open_encoder(name, settings.cache_dir, settings.device))


def _vectors(store: Store, row: EncoderRow) -> Iterator[Finding]:
    invalid = list(_invalid_vectors(store, row))
    yield from invalid
    unembedded = len(store.photos.unembedded(row.key))
    if unembedded:
        message = f"Photos without a vector yet: {unembedded:,}."
        yield Finding("vectors", "note", message, "imgsearch index")
    if not invalid:
        vectors = format_count(store.vectors.count(row.key), "vector")
        yield Finding("vectors", "ok", f"{vectors} of {row.dim}.")


def _invalid_vectors(store: Store, row: EncoderRow) -> Iterator[Finding]:
    invalid = store.vectors.invalid(row)
    if invalid:
        photo_id, problem = invalid[0]
        message = (
            f"Invalid vectors of {row.encoder_id}: {len(invalid):,}, the first (photo {photo_id}): "
            f"{problem}."
        )
        cure = "imgsearch doctor --repair, then: imgsearch index"
        code = StoreError.exit_code
        yield Finding("vectors", "error", message, cure, repairable=True, exit_code=code)


def _index(store: Store, row: EncoderRow) -> Iterator[Finding]:
    info = store.reads.encoders.current_snapshot(row.key)
    if info is None:
        yield Finding("index", "ok", "No index file yet; vectors are searched exactly.")
    else:
        try:
            snapshot.verify(store.snapshots_dir, info, full=True)
            tail = store.vectors.count(row.key, info.last_seq)
            vectors = format_count(info.vectors, "vector")
            message = f"{info.kind}, {vectors}, {tail:,} not in it yet."
            yield Finding("index", "ok", message)
        except SnapshotError as error:
            code = error.exit_code
            cure = "imgsearch doctor --repair, or: imgsearch rebuild"
            yield Finding("index", "error", str(error), cure, repairable=True, exit_code=code)
    leftovers = snapshot.leftovers(store)
    if leftovers:
        files = format_count(len(leftovers), "index file")
        message = f"{files} left over, such as {leftovers[0].name}."
        cure = "imgsearch doctor --repair"
        yield Finding("index", "warning", message, cure, repairable=True, exit_code=1)


def _thumbnails(store: Store, settings: Settings) -> Iterator[Finding]:
    repair = "imgsearch doctor --repair, then: imgsearch index --thumbnails"
    with ThumbnailStore(settings.data_dir) as thumbnails:
        try:
            damaged = thumbnails.damaged()
            counts, kept = thumbnails.counts(), thumbnails.hashes()
        except DamagedThumbnails as error:
            message = str(error)
            yield Finding("thumbnails", "warning", message, repair, repairable=True, exit_code=1)
            return
        except StoreError as error:
            yield Finding("thumbnails", "warning", str(error), exit_code=1)
            return
    if damaged:
        message = f"{format_count(damaged, 'kept thumbnail')} damaged: a checksum differs."
        yield Finding("thumbnails", "warning", message, repair, repairable=True, exit_code=1)
        return
    size_mb = counts.size_bytes / 1e6
    message = f"{format_count(len(kept), 'kept thumbnail')}, {size_mb:.1f} MB, undamaged."
    yield Finding("thumbnails", "ok", message)
    ids = store.reads.photos.live_ids().tolist()
    hashes = {
        bytes.fromhex(photo.content_hash) for photo in store.reads.photos.records(ids).values()
    }
    missing = len(hashes - kept)
    if missing and settings.thumbnails_mb:
        message = f"Photos without a kept thumbnail: {missing}."
        yield Finding("thumbnails", "note", message, "imgsearch index --thumbnails")


def _failures(store: Store) -> Iterator[Finding]:
    failures = store.failures.of_files()
    if failures:
        message = f"{format_count(len(failures), 'file')} could not be indexed."
        yield Finding("photos", "note", message, "imgsearch failures")
    for extra in missing_extras(failures):
        files = format_count(extra.files, f"{extra.format} file")
        yield Finding("photos", "note", f"{files}.", extra.cure)


def _processes(data_dir: Path) -> Iterator[Finding]:
    job = running_job(data_dir)
    if job is not None:
        yield Finding("processes", "note", f"{job.doing}, process {job.pid}.")
    elif lock.is_held(data_dir):
        yield Finding("processes", "note", "A process writes to the library now.")
    elif (data_dir / PROGRESS_FILE).exists():
        message = f"{PROGRESS_FILE} is left over from a process that was killed."
        yield Finding("processes", "note", message, "It is ignored, and replaced by the next run.")
    else:
        yield Finding("processes", "ok", "Nothing writes to the library now.")
