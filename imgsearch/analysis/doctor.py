"""Examines a library: files against database, index, cache and encoder. Changes nothing.

Every check gives one or more findings; a check that cannot run says why. No photo is opened.
"""

from __future__ import annotations

import platform
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.analysis.status import missing_extras
from imgsearch.config import PRUNE_DAYS
from imgsearch.encoders import registry
from imgsearch.errors import ImgsearchError, SnapshotError, StoreError
from imgsearch.index import snapshot
from imgsearch.indexer.roots import list_roots
from imgsearch.records.status import Finding
from imgsearch.store.database import DATABASE_FILE
from imgsearch.store.progress_file import PROGRESS_FILE, running_job
from imgsearch.store.store import Store
from imgsearch.version import VERSION

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.records.status import EncoderRow

MIN_FREE_BYTES = 1 << 30
PACKAGES = ("torch", "open_clip_torch", "onnxruntime", "openvino", "faiss-cpu", "faiss-gpu",
            "sqlalchemy", "pillow", "numpy", "streamlit", "watchdog")  # fmt: skip
OPTIONAL = {"raw": "rawpy", "jxl": "pillow_jxl", "video": "av"}  # extra: module


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings about the library of these settings, area by area."""
    yield from _versions()
    yield from _folder("data folder", settings.data_dir)
    yield from _folder("cache folder", settings.cache_dir)
    if not (settings.data_dir / DATABASE_FILE).exists():
        cure = "Create a library: imgsearch index FOLDER"
        yield Finding("database", "note", "There is no library yet.", cure)
        return
    try:
        with Store.open(settings.data_dir) as store:
            problem = store.database.check_integrity()
            if problem != "ok":
                store.database.raise_if_damaged(ValueError(problem))
            yield from _contents(store, settings)
    except ImgsearchError as error:
        yield Finding("database", "error", str(error), exit_code=error.exit_code)


def _contents(store: Store, settings: Settings) -> Iterator[Finding]:
    photos, row = store.photos.count(), store.reads.current_encoder()
    yield Finding("database", "ok", f"{photos} photos, undamaged.")
    yield from _roots(store)
    yield from _forgotten(store)
    if row is None:
        yield Finding("encoder", "note", "No photo was indexed yet.", "imgsearch index FOLDER")
    else:
        yield from _encoder(row)
        yield from _vectors(store, row)
        yield from _index(store, row)
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


def _folder(area: str, folder: Path) -> Iterator[Finding]:
    """Rights and free space of a folder of our own."""
    if not folder.is_dir():
        yield Finding(area, "note", f"{folder} does not exist yet.")
        return
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < MIN_FREE_BYTES:
        message = f"The disk that holds {folder} has only {free_bytes >> 20} MB free."
        yield Finding(area, "warning", message, "Free some space.", exit_code=1)
    open_to_others = [
        path
        for path in (folder, *folder.iterdir())
        if sys.platform != "win32"
        and path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        and not path.is_symlink()
    ]
    if open_to_others:
        message = f"Other users of this machine may read {open_to_others[0]}"
        more = len(open_to_others) - 1
        message += f" and {more} more." if more else "."
        yield Finding(area, "warning", message, f"chmod -R go= {folder}", exit_code=1)
    else:
        yield Finding(area, "ok", f"{folder}, {free_bytes >> 30} GB free.")


def _roots(store: Store) -> Iterator[Finding]:
    for root in list_roots(store.reads):
        if not root.online:
            message = f"{root.path} cannot be reached; its {root.photos} photos stay findable."
            yield Finding("folders", "note", message, "Connect its drive.")
        elif root.missing:
            message = f"{root.missing} photos of {root.path} vanished at once and are held."
            cure = "If you removed them on purpose: imgsearch index --accept-removals"
            yield Finding("folders", "warning", message, cure, exit_code=1)
        else:
            yield Finding("folders", "ok", f"{root.path}, {root.photos} photos.")
    for failure in store.failures.of_folders():
        yield Finding("folders", "warning", f"{failure.path}: {failure.message}", exit_code=1)


def _forgotten(store: Store) -> Iterator[Finding]:
    before = datetime.now(UTC) - timedelta(days=PRUNE_DAYS)
    count = store.photos.prunable(before)
    if count:
        message = f"{count} photos have had no file for {PRUNE_DAYS:.0f} days or more."
        yield Finding("database", "note", message, "imgsearch prune")


def _encoder(row: EncoderRow) -> Iterator[Finding]:
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
    else:
        yield Finding("encoder", "ok", row.encoder_id)


def _vectors(store: Store, row: EncoderRow) -> Iterator[Finding]:
    invalid = store.vectors.invalid(row)
    if invalid:
        photo_id, problem = invalid[0]
        message = f"{len(invalid)} vectors are invalid, the first (photo {photo_id}): {problem}."
        cure = "imgsearch doctor --repair, then: imgsearch index"
        code = StoreError.exit_code
        yield Finding("vectors", "error", message, cure, repairable=True, exit_code=code)
    unembedded = len(store.photos.unembedded(row.key))
    if unembedded:
        message = f"{unembedded} photos have no vector yet."
        yield Finding("vectors", "note", message, "imgsearch index")
    if not invalid:
        yield Finding("vectors", "ok", f"{store.vectors.count(row.key)} vectors of {row.dim}.")


def _index(store: Store, row: EncoderRow) -> Iterator[Finding]:
    info = store.reads.current_snapshot(row.key)
    if info is None:
        yield Finding("index", "ok", "No index file yet; vectors are searched exactly.")
    else:
        try:
            snapshot.verify(store.snapshots_dir, info, full=True)
            tail = store.vectors.count(row.key, info.last_seq)
            message = f"{info.kind}, {info.vectors} vectors, {tail} not in it yet."
            yield Finding("index", "ok", message)
        except SnapshotError as error:
            code = error.exit_code
            cure = "imgsearch doctor --repair, or: imgsearch rebuild"
            yield Finding("index", "error", str(error), cure, repairable=True, exit_code=code)
    leftovers = snapshot.leftovers(store)
    if leftovers:
        message = f"{len(leftovers)} index files are left over, such as {leftovers[0].name}."
        cure = "imgsearch doctor --repair"
        yield Finding("index", "warning", message, cure, repairable=True, exit_code=1)


def _failures(store: Store) -> Iterator[Finding]:
    failures = store.failures.of_files()
    if failures:
        message = f"{len(failures)} files could not be indexed."
        yield Finding("photos", "note", message, "imgsearch failures")
    for extra in missing_extras(failures):
        yield Finding("photos", "note", f"{extra.files} {extra.format} files.", extra.cure)


def _processes(data_dir: Path) -> Iterator[Finding]:
    job = running_job(data_dir)
    if job is not None:
        yield Finding("processes", "note", f"{job.doing}, process {job.pid}.")
    elif (data_dir / PROGRESS_FILE).exists():
        message = f"{PROGRESS_FILE} is left over from a process that was killed."
        yield Finding("processes", "note", message, "It is ignored, and replaced by the next run.")
    else:
        yield Finding("processes", "ok", "Nothing writes to the library now.")
