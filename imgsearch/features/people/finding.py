"""Finds the faces in photos of the library, and groups them by person.

The faces of each photo are committed by themselves, so a run can be stopped at any photo, and the
next one continues from there. At the end of a run the faces are grouped, all of them or, where only
a few are new, those that are new.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from msgspec.structs import replace

from imgsearch.concurrency import prefetch
from imgsearch.decode.reader import decode
from imgsearch.errors import PhotoError, Reason
from imgsearch.features.people import grouping
from imgsearch.features.people.quality import is_surely_upright, may_found_group
from imgsearch.features.people.reader import CLOSE_SIDE_PX, LOOK_SIDE_PX, FaceReader, open_reader
from imgsearch.features.people.records import FaceReport
from imgsearch.indexer.backlogs import PhotoBacklog
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.derived import GROUPING
from imgsearch.indexer.embedding import embed_queries
from imgsearch.indexer.likely_photos import likeliness
from imgsearch.indexer.roots import ids_below, readable_photos
from imgsearch.progress import Progress
from imgsearch.records.faces import FoundFace, StoredFaces
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Photo
from imgsearch.records.status import UnfinishedJob
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.store import Store
from imgsearch.store.unfinished import noted
from imgsearch.text import format_count

if TYPE_CHECKING:
    from imgsearch.store.people_stores import PeopleStores

DOING = "Finding faces"
_AHEAD = 2  # photos read in advance, besides those that threads are reading
_TRANSIENT = (Reason.UNREADABLE, Reason.CHANGED)  # the next run tries again
DESCRIPTIONS_OF_PEOPLE = (
    *("a person", "a man", "a woman", "a child", "people", "a group of people"),
    *("a crowd of people", "people standing together", "a person far away"),
)
# Above it a photo shows people, if no certain face was found in it: see research/notes/faces.md.
SHOWS_PEOPLE = 0.25
_FEW_NEW = 0.02  # share of new faces up to which they join the groups that there are
_FEW = 200


def reader_of(context: IndexingContext) -> FaceReader:
    """Return the reader of a library, which stays open.

    Raises MissingPackage without the package of its models.
    """
    return context.models.open("people", lambda: open_reader(context.settings.cache_dir))


def find_faces(
    context: IndexingContext, folders: Sequence[str], again: bool
) -> Generator[Progress, None, FaceReport]:
    """Find faces in photos that were not tried yet, below these folders if any are given.

    Then group the faces. `again` includes photos in which another model has looked; what the user
    has said about their faces is carried over. Raises MissingPackage without the package of the
    models, and FolderError for a folder without photos.
    """
    reader = reader_of(context)  # before the lock is taken
    with writing(context.data_dir) as store:
        ids = unread_photos(store, reader.id, folders, again)
        photos = readable_photos(store.reads, ids, context.mounts)
        close = photos_with_people(context, store, store.reads.encoders.in_use(), ids)
        steps = noted(
            store.unfinished,
            "faces",
            _read_and_group(context, store, photos, close),
            folders=folders,
            again=again,
        )
        report = yield from publish_progress(context.data_dir, DOING, steps)
    return replace(report, unreached=report.unreached + len(ids) - len(photos))


def unread_photos(store: Store, model: str, folders: Sequence[str], again: bool) -> list[int]:
    """Return the photos in which faces should be looked for, below these folders if any are given.

    `again` includes photos in which another model has looked. Raises FolderError for a folder
    without photos.
    """
    ids = store.faces.unread(model, again)
    if not folders:
        return ids
    within = ids_below(store.reads, folders)
    return [photo_id for photo_id in ids if photo_id in within]


def photos_with_people(
    context: IndexingContext, store: Store, row: EncoderRow, ids: Collection[int]
) -> frozenset[int]:
    """Return the photos that show people, judged by their stored vectors; none is opened."""
    if not ids:
        return frozenset()
    scores = likeliness(
        store.reads, row.key, partial(embed_queries, context, row), ids, DESCRIPTIONS_OF_PEOPLE
    )
    return frozenset(each for each, score in scores.items() if score >= SHOWS_PEOPLE)


def _read_and_group(
    context: IndexingContext,
    store: Store,
    photos: Sequence[tuple[Photo, Path]],
    close: Collection[int],
) -> Generator[Progress, None, FaceReport]:
    report = yield from read_faces(context, store, photos, close)
    if report.faces or report.tried:
        yield Progress(0, 1, None, GROUPING)
        group_stored(store, report.faces)
        yield Progress(1, 1, None, GROUPING)
    return report


class _FaceWork:
    """Finds the faces of the photos that are left, then groups them; implements `PhotoWork`."""

    def __init__(self, context: IndexingContext, unfinished: UnfinishedJob | None) -> None:
        """Look at all photos, or go on with a job that was not finished."""
        self._context = context
        self._unfinished = unfinished
        self._close: frozenset[int] = frozenset()

    def renew(self, everything: bool) -> None:
        """Do nothing: a plan is always for the whole library."""

    def plan(self, store: Store, left: deque[int], report: FaceReport) -> FaceReport:
        row = store.reads.encoders.current()
        if row is not None:
            job = self._unfinished
            folders = [] if job is None else [str(folder) for folder in job.folders]
            again = job is not None and job.again
            ids = unread_photos(store, reader_of(self._context).id, folders, again)
            left.clear()
            left.extend(ids)
            self._close = photos_with_people(self._context, store, row, ids)
        return report

    def look_at(
        self, store: Store, photos: Sequence[tuple[Photo, Path]]
    ) -> Generator[Progress, None, FaceReport]:
        return read_faces(self._context, store, photos, self._close)

    def end(self, store: Store, report: FaceReport) -> None:
        if report.tried:
            group_stored(store, report.faces)


def backlog(
    context: IndexingContext, unfinished: UnfinishedJob | None
) -> PhotoBacklog[FaceReport] | None:
    """Return what a watcher looks at when idle: the rest of a job, or new photos if set so."""
    if unfinished is None and not context.settings.find_faces:
        return None
    reader_of(context)  # raises without its package
    nothing = FaceReport(0, 0, 0, 0)
    return PhotoBacklog(context, DOING, "faces", _FaceWork(context, unfinished), nothing)


def told(report: FaceReport) -> tuple[dict[str, int], str]:
    """Return what a watcher says of faces that it has found: numbers by name, and a sentence."""
    numbers = {"found": report.found, "none": report.none, "failed": report.failed}
    return numbers, f"Found faces in {format_count(report.found, 'photo')}"


def read_faces(
    context: IndexingContext,
    store: Store,
    photos: Sequence[tuple[Photo, Path]],
    close: Collection[int],
) -> Generator[Progress, None, FaceReport]:
    """Find the faces of these photos of the library and record them: see `look_at_photos`.

    Photos in `close` are looked at closely: see `look_at_file`.
    """
    reader = reader_of(context)
    max_megapixels = context.settings.max_megapixels

    def look(photo: Photo, path: Path) -> FaceLook | PhotoError | None:
        return look_at_file(reader, photo, path, max_megapixels, photo.id in close)

    return look_at_photos(reader.id, store.faces, photos, look, context.settings.thread_count)


class FaceRecord(Protocol):
    """Records the faces of photos, as `FaceStore` does, which describes the methods."""

    def record(self, photo_id: int, model: str, faces: Sequence[FoundFace]) -> None: ...

    def record_failure(self, photo_id: int, model: str, message: str) -> None: ...


class FaceLook(NamedTuple):
    """The faces of a photo, and whether a second look was taken and found faces first."""

    faces: tuple[FoundFace, ...]
    looked_closely: bool = False
    found_closely: bool = False


def look_at_photos(
    model: str,
    record: FaceRecord,
    photos: Sequence[tuple[Photo, Path]],
    look: Callable[[Photo, Path], FaceLook | PhotoError | None],
    threads: int,
) -> Generator[Progress, None, FaceReport]:
    """Find the faces of these photos, each with one of its paths; one Progress a photo.

    `look` is called in `threads` threads. A photo that cannot be decoded is recorded as failed,
    with the reason. One that has changed or cannot be reached, for which it returns None, stays
    unread, and is left to the next run.
    """
    started_s = time.monotonic()

    def looked(photo: Photo, path: Path) -> tuple[Photo, Path, FaceLook | PhotoError | None]:
        return photo, path, look(photo, path)

    counts: Counter[str] = Counter()
    tasks = (partial(looked, *item) for item in photos)
    with prefetch(threads + _AHEAD, threads, tasks) as looks:
        for done, (photo, path, found) in enumerate(looks, 1):
            if isinstance(found, PhotoError):
                record.record_failure(photo.id, model, str(found))
                counts["failed"] += 1
            elif found is None:
                counts["unreached"] += 1
            else:
                record.record(photo.id, model, found.faces)
                counts["found" if found.faces else "none"] += 1
                counts["faces"] += len(found.faces)
                counts["looked_closely"] += found.looked_closely
                counts["found_closely"] += found.found_closely
            yield Progress(done, len(photos), path)
    return FaceReport(
        counts["found"],
        counts["none"],
        counts["failed"],
        counts["unreached"],
        counts["faces"],
        counts["looked_closely"],
        counts["found_closely"],
        round(time.monotonic() - started_s, 3),
    )


def look_at_file(
    reader: FaceReader, photo: Photo, path: Path, max_megapixels: float, shows_people: bool
) -> FaceLook | PhotoError | None:
    """Find the faces in a file of a photo.

    One that shows people is looked at a second time if no certain face is found at first: at twice
    the size if there is none and it has the pixels, and turned. Returns the error of a file that
    cannot be decoded, and None for one that has changed since it was indexed, or cannot be reached.
    """
    try:
        if path.stat().st_size != photo.size_bytes:
            return None
        return _faces_of(reader, photo, path, max_megapixels, shows_people)
    except OSError:
        return None
    except PhotoError as error:
        return None if error.reason in _TRANSIENT else error


def _faces_of(
    reader: FaceReader, photo: Photo, path: Path, max_megapixels: float, shows_people: bool
) -> FaceLook:
    """Find the faces of one photo, or of the frames of a video."""
    decoded = decode(path, LOOK_SIDE_PX, max_megapixels, all_frames=True)
    if decoded.times_s:
        frames = zip((decoded.image, *decoded.others), decoded.times_s, strict=True)
        return FaceLook(tuple(face for image, at_s in frames for face in reader.read(image, at_s)))
    faces = reader.read(decoded.image)
    qualities = [math.nan if face.quality is None else face.quality for face in faces]
    scores = [face.score for face in faces]
    if not shows_people or any(map(is_surely_upright, scores, qualities)):
        return FaceLook(faces)
    image = decoded.image
    if not faces and max(photo.facts.width_px, photo.facts.height_px) > LOOK_SIDE_PX:
        image = decode(path, CLOSE_SIDE_PX, max_megapixels).image
    closer = reader.read(image, closely=True)
    return FaceLook(closer, looked_closely=True, found_closely=bool(closer) and not faces)


# ------------------------------------------------------------------------- grouping


def group_stored(store: Store | PeopleStores, new_faces: int) -> None:
    """Bring the persons of all faces up to date after `new_faces` were found."""
    faces = store.faces.all()
    if not len(faces.ids):
        store.faces.assign({})
    elif new_faces <= min(_FEW, _FEW_NEW * len(faces.ids)):
        _join_new(store, faces)
    else:
        group_all(store, faces)


def faces_came(store: Store, new: int | None) -> None:
    """Bring the persons up to date after faces came from a pack or an archive.

    `new` is how many came; None: any number, so all are grouped anew.
    """
    if new is None:
        group_all(store, store.faces.all())
    else:
        group_stored(store, new)


def group_all(store: Store | PeopleStores, faces: StoredFaces) -> None:
    """Group all faces anew. A person without a name stays the same where most of its faces do."""
    groups = grouping.group_faces(
        grouping.Faces(
            faces.vectors,
            faces.moments,
            np.where(faces.confirmed > 0, faces.confirmed, -1),
            _refused_rows(faces),
            weak_faces(faces),
        )
    )
    persons = np.where(groups.persons >= 0, groups.persons, 0)
    free = persons == 0  # faces that no confirmed person has
    known = _majority(groups.looks[free], faces.persons[free], set(faces.confirmed.tolist()))
    new: list[list[int]] = []
    for look in np.unique(groups.looks[free & (groups.looks >= 0)]).tolist():
        rows = np.flatnonzero(free & (groups.looks == look))
        if look in known:
            persons[rows] = known[look]
        else:
            new.append(faces.ids[rows].tolist())
            persons[rows] = -1
    changed = np.flatnonzero((persons != faces.persons) & (persons >= 0))
    of_faces = zip(faces.ids[changed].tolist(), persons[changed].tolist(), strict=True)
    store.faces.assign({face: person or None for face, person in of_faces}, new)


def _majority(looks: np.ndarray, persons: np.ndarray, taken: Collection[int]) -> dict[int, int]:
    """Return for each look the nameless person that most of its faces had, each person once."""
    pairs, counts = np.unique(np.stack((looks, persons)), axis=1, return_counts=True)
    known: dict[int, int] = {}
    used = set(taken)
    for at in np.argsort(-counts, kind="stable").tolist():
        look, person = pairs[:, at].tolist()
        if look >= 0 and person > 0 and look not in known and person not in used:
            known[look] = person
            used.add(person)
    return known


def _join_new(store: Store | PeopleStores, faces: StoredFaces) -> None:
    """Assign each face without a person to the most similar person, if that is certain."""
    persons = faces.persons.copy()
    refused = faces.refused
    weak = weak_faces(faces)
    taken = set(zip(persons.tolist(), faces.moments.tolist(), strict=True))
    joined: dict[int, int | None] = {}
    for row in np.flatnonzero(persons == 0).tolist():
        moment = int(faces.moments[row])
        person = grouping.nearest_person(
            faces.vectors[row], faces.vectors, persons, faces.confirmed, is_weak=bool(weak[row])
        )
        face = int(faces.ids[row])
        if person and (person, moment) not in taken and (face, person) not in refused:
            joined[face] = persons[row] = person
            taken.add((person, moment))
    store.faces.assign(joined)


def weak_faces(faces: StoredFaces) -> np.ndarray:
    """Return which of these faces may not found a group."""
    each = zip(
        faces.sizes_px.tolist(),
        faces.scores.tolist(),
        faces.qualities.tolist(),
        faces.turns.tolist(),
        strict=True,
    )
    return np.array([not may_found_group(*face) for face in each], np.bool_)


def _refused_rows(faces: StoredFaces) -> frozenset[tuple[int, int]]:
    rows = {face: row for row, face in enumerate(faces.ids.tolist())}
    return frozenset((rows[face], person) for face, person in faces.refused if face in rows)


# ------------------------------------------------------------------------- forgetting


def forget_faces(context: IndexingContext, with_names: bool) -> int:
    """Delete all faces, their vectors and groups; returns how many faces there were.

    Names that the user gave to faces stay, unless `with_names` is set.
    """
    with writing(context.data_dir) as store:
        return store.faces.forget(with_names)
