"""Finds the photos of an archive that were not read yet: for text, and for faces.

It also scores photos by their vectors.

A job reads columns of all photos here; no query does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsearch.archive.lance.rows import id_of, vectors_in
from imgsearch.archive.lance.tables import FACE_COUNT, lance_errors, literal
from imgsearch.errors import FolderError
from imgsearch.records.picture_text import TextCounts
from imgsearch.records.query import Filter, Selection

if TYPE_CHECKING:
    from imgsearch.archive.lance.reader import LanceCatalogue
    from imgsearch.archive.lance.tables import View
    from imgsearch.records.arrays import Ids, Vector, Vectors

_ROWS_AT_ONCE = 65_536
_VECTORS_AT_ONCE = 8_192
_FEW = 1_000  # photos whose vectors are looked up one by one


def check_folders(catalogue: LanceCatalogue, folders: Sequence[str]) -> None:
    """Raise FolderError for a folder in which no photo of the archive is."""
    for folder in folders:
        if not catalogue.count(Selection((Filter("in", (folder.rstrip("/"),)),))).photos:
            raise FolderError(f"No photo of the archive is in {folder}. Check the name.")


def unread_texts(
    catalogue: LanceCatalogue,
    reader: str,
    folders: Sequence[str],
    *,
    everything: bool,
    again: bool,
) -> tuple[Ids, int]:
    """Return the photos whose text is to be read, sorted by id, and how many were passed over.

    These are the photos that were not tried, and those that failed with another reader than this
    one; with `again`, also those that another one has read. Photos in which a look has shown no
    text are passed over, with `again` only if this reader has looked, unless `everything` is set.
    """
    own = literal(reader)
    with lance_errors(catalogue.address):
        view, texts = catalogue.photos_view(), catalogue.texts_view()
        state, read_by, looked_by = map(texts.column, ("state", "reader", "looked_by"))
        if again:
            done = f"reading IS NOT NULL AND {read_by} = {own}"
            looked = f"{looked_by} = {own}"
        else:
            failed = f"{state} = 'failed' AND {read_by} = {own}"
            done = f"{_was_read(texts)} OR {state} = 'none' OR ({failed})"
            looked = f"{looked_by} IS NOT NULL"
        live = _ids(_hashes(view, _in_folders(view, folders)))
        unread = live[~np.isin(live, _ids(_hashes(texts, done)))]
        if everything:
            return unread, 0
        passed_over = np.isin(unread, _ids(_hashes(texts, looked)))
    return unread[~passed_over], int(passed_over.sum())


def unread_faces(
    catalogue: LanceCatalogue,
    faces: View | None,
    model: str,
    folders: Sequence[str],
    *,
    again: bool,
) -> Ids:
    """Return the photos in which faces should be looked for, sorted by id.

    Those that were not tried, and those that failed with another model than this one; with `again`,
    also those in which another model has looked. `faces` is the table of faces; None without one.
    """
    with lance_errors(catalogue.address):
        view = catalogue.photos_view()
        live = _ids(_hashes(view, _in_folders(view, folders)))
        if faces is None:
            return live
        own = f"model = {literal(model)}"
        done = own if again else f"state <> 'failed' OR {own}"
        return live[~np.isin(live, _ids(_hashes(faces, done)))]


def count_readings(catalogue: LanceCatalogue, faces: View | None) -> tuple[int, int, int, int]:
    """Count the photos with files that have faces, have none, failed, and were not tried.

    Readings count once photos follow from them, at the end of a run.
    """
    with lance_errors(catalogue.address):
        view = catalogue.photos_view()
        column, total = view.column(FACE_COUNT), view.count("part = 0")
        found = view.count(f"part = 0 AND {column} > 0")
        none = view.count(f"part = 0 AND {column} = 0")
        failed = 0
        if faces is not None:
            ids = _ids(_hashes(faces, "state = 'failed'")).tolist()
            failed = view.read_with("id", ids, ["id"], " AND part = 0").num_rows
    return found, none, failed, max(0, total - found - none - failed)


def scores_of(
    catalogue: LanceCatalogue, ids: Ids, score: Callable[[Vectors], Vector]
) -> dict[int, float]:
    """The score of each of these photos, sorted by id: that of its best vector."""
    if len(ids) <= _FEW:
        vectors = catalogue.vectors_of(ids.tolist())
        return {key: float(score(each.vectors).max()) for key, each in vectors.items()}
    best = np.full(len(ids), -np.inf, np.float32)
    with lance_errors(catalogue.address):
        view = catalogue.photos_view()
        for rows in view.batches(["id", "vector"], None, _VECTORS_AT_ONCE):
            own = rows["id"].to_numpy()
            at = np.searchsorted(ids, own)
            is_wanted = ids[np.minimum(at, len(ids) - 1)] == own
            if is_wanted.any():
                scores = score(vectors_in(rows)[is_wanted])
                np.maximum.at(best, at[is_wanted], scores)
    is_there = np.isfinite(best)
    return dict(zip(ids[is_there].tolist(), best[is_there].tolist(), strict=True))


def count_texts(catalogue: LanceCatalogue) -> TextCounts:
    """Count the photos with files that have text, have none, could not be read, are unread."""
    with lance_errors(catalogue.address):
        texts = catalogue.texts_view()
        live = _ids(_hashes(catalogue.photos_view(), "part = 0"))

        def count(condition: str) -> int:
            return int(np.isin(live, _ids(_hashes(texts, condition))).sum())

        state = texts.column("state")
        read, none, failed = map(
            count, (_was_read(texts), f"{state} = 'none'", f"{state} = 'failed'")
        )
        passed_over = count(f"reading IS NULL AND {texts.column('looked_by')} IS NOT NULL")
    return TextCounts(read, none, failed, len(live) - read - none - failed, passed_over)


def _was_read(texts: View) -> str:
    """The condition that a photo has text.

    An imgsearch from before there was the column `state` carried over only such photos.
    """
    state = texts.column("state")
    return f"({state} = 'read' OR (reading IS NOT NULL AND {state} IS NULL))"


def _in_folders(view: View, folders: Sequence[str]) -> str:
    """The condition that a row is of a photo as a whole, below one of these folders if any."""
    if not folders:
        return "part = 0"
    column = view.column("folders")
    inside = " OR ".join(f"array_has({column}, {literal(each.rstrip('/'))})" for each in folders)
    return f"part = 0 AND ({inside})"


def _hashes(view: View, condition: str) -> Iterable[Any]:
    """The contents of the rows that fulfil a condition, in arrays of texts."""
    for rows in view.batches(["hash"], condition, _ROWS_AT_ONCE):
        yield rows["hash"]


def _ids(hashes: Iterable[Any]) -> Ids:
    """The ids of photos with these contents, sorted."""
    found = [np.fromiter(map(id_of, each.to_pylist()), np.int64, len(each)) for each in hashes]
    return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)
