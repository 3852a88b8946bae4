"""Makes items of what another program knows, and merges them into the library as a backup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from imgsearch.features.backup.records import Backup
from imgsearch.features.backup.restoring import MOST_CHARACTERS, restore
from imgsearch.features.imports.matching import FoundPhoto, LibraryFiles
from imgsearch.features.imports.records import ImportReport, SourceFace, SourcePhoto
from imgsearch.items.item import FaceItem, MarkItem, PersonItem, UserItem, encoded
from imgsearch.items.of_rows import identity_from
from imgsearch.store.database import Database
from imgsearch.text import plain_text

# When faces were decided in another program: whatever somebody decides here counts as later.
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
_TOLERANCE = 0.02  # of a side, by which a face may reach out of its photo


class _Collected(Struct):
    """Items collected from a source."""

    items: dict[tuple[str, str], UserItem] = {}
    photos: int = 0
    found: int = 0
    ambiguous: int = 0
    outside: int = 0

    def put(self, kind: str, key: str, value: Struct) -> None:
        """Keep an item; the first of a key counts."""
        self._put(kind, key, encoded(value))

    def _put(self, kind: str, key: str, value: str) -> None:
        self.items.setdefault((kind, key), UserItem(kind, key, value, 0, ""))

    def put_album(self, name: str, content: str, place: int) -> None:
        """Keep a photo of an album. Kinds of other features are known by their names only."""
        identity = identity_from(f"album of another program/{plain_text(name)}")
        album = {"name": name, "made_at": _BEFORE_ALL}
        self._put("album", identity, msgspec.json.encode(album).decode())
        self._put("album photo", f"{identity}/{content}", f'{{"place":{place}}}')

    def put_face(self, face: SourceFace, photo: FoundPhoto) -> None:
        """Keep who a face is, if it is in the photo."""
        wide, high = (1, 1) if face.in_shares else (photo.width_px, photo.height_px)
        x, y, width, height = face.x / wide, face.y / high, face.width / wide, face.height / high
        if min(x, y) < -_TOLERANCE or max(x + width, y + height) > 1 + _TOLERANCE:
            self.outside += 1
            return
        person = identity_from(f"person of another program/{plain_text(face.name)}")
        self.put("person", person, PersonItem(face.name, _BEFORE_ALL))
        place = ",".join(f"{each:.4f}" for each in (x, y, width, height))
        value = FaceItem(person, x, y, width, height, None, _BEFORE_ALL)
        self.put("face", f"{photo.content}/{place}", value)


def merge(
    database: Database,
    program: str,
    source: Path,
    photos: Iterable[SourcePhoto],
    folder: str | None,
    *,
    dry_run: bool,
) -> ImportReport:
    """Merge what another program knows of photos that the library has.

    With a `folder`, only of its photos. Raises as `restore` does.
    """
    collected = _Collected()
    with database.reading() as connection:
        files = LibraryFiles(connection, folder)
    for photo in photos:
        _collect(collected, photo, files)
    items = list(collected.items.values())
    counts = dict(Counter(item.kind for item in items))
    read_at = datetime.fromtimestamp(source.stat().st_mtime, UTC)
    known = Backup(source, read_at, program, (), counts)
    report = restore(database, known, items, dry_run=dry_run, done=f"Brought from {program}")
    return ImportReport(
        program,
        source,
        collected.photos,
        collected.found,
        collected.ambiguous,
        collected.outside,
        report,
    )


def _collect(collected: _Collected, photo: SourcePhoto, files: LibraryFiles) -> None:
    if not photo.has_anything:
        return
    collected.photos += 1
    found = files.find(photo)
    if len(found) != 1:
        collected.ambiguous += len(found) > 1
        return
    collected.found += 1
    (here,) = found
    for kind, value in _marks(photo, here):
        collected.put("mark", f"{here.content}/{kind}", MarkItem(value))
    for name, place in photo.albums:
        if _is_name(name):
            collected.put_album(" ".join(name.split()), here.content, place)
    for face in photo.faces:
        if _is_name(face.name):
            collected.put_face(face, here)


def _marks(photo: SourcePhoto, here: FoundPhoto) -> Iterator[tuple[str, int]]:
    """Yield the marks of a photo, without stars that its files state as well."""
    if photo.stars is not None and photo.stars != here.stars:
        yield "rating", photo.stars
    if photo.favourite:
        yield "favourite", 1
    if photo.hidden:
        yield "hidden", 1


def _is_name(name: str) -> bool:
    return bool(plain_text(name)) and len(name) <= MOST_CHARACTERS
