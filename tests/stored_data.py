"""Makes what a release stores: a small library, an archive and a pack, kept for all later versions.

    python -m tests.stored_data [FOLDER]

makes `FOLDER/made-by-VERSION`, by default in tests/data. It is made once, by the release itself;
tests/data/README.md says what is in it. Nothing in it is made anew by a later version, since its
value is that an older version wrote it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Library, Settings
from imgsearch.indexer.derived import refresh_from_faces
from imgsearch.records.faces import FoundFace
from imgsearch.records.picture_text import TextLine
from imgsearch.store.lock import writing
from imgsearch.version import VERSION

DATA = Path(__file__).parent / "data"
PHOTOS = DATA / "library-0.1" / "photos"
STORED_ROOT = "/photos-0.1"  # the folder of the photos, as what is stored names it
LIBRARY, ARCHIVE, PACK = "library.tar.xz", "archive.tar.xz", "pack.tar.xz"
PACK_FILE = "photos.imgsearch"
EXPECTED = "expected.json"
EVERYTHING = "sort:path width:>0"
# An example has a stored vector. Scores of words also depend on what else is in a library.
LIKE_THE_SKY = f'image:"{PHOTOS / "sky.jpg"}"'
WORDS = "a forest camera:canon"
# Lines that a library and an archive answer alike, and those that only a library answers.
LINES = (
    LIKE_THE_SKY,
    WORDS,
    'text:"platform 9"',
    "keyword:water",
    "rating:>=4",
    "in:trip sort:date",
    "person:Anna",
    "people:1",
    EVERYTHING,
)
OF_A_LIBRARY = (
    "album:Seaside",
    "is:favourite",
    "saved:evenings",
    "label:scenery/forest",
    "dated:you",
    "shows:plants",
)
TEXT = TextLine("Platform 9", 0.1, 0.2, 0.3, 0.1, 0.9)
EVENT_TITLE = "A day at the sea"
_FACE_DIM = 128
_NEARLY = 1e-2  # between scores of one model on different machines
_SKY = '"like the sky"'  # in place of the line, in which is a path
_BASELINE_QUERIES = 8  # that are stored: all of them take a megabyte


def unpacked(stored: Path, folder: Path) -> Path:
    """Unpack what is stored in one file into a folder; returns the folder in it."""
    with tarfile.open(stored) as archive:
        archive.extractall(folder, filter="data")
    return folder / stored.name.partition(".")[0]


def found(library: Library, line: str) -> dict[str, float | None]:
    """The photos that a line finds, by name, with their scores; in the order of the answer."""
    return {hit.path.name: hit.score for hit in library.find(line, 100).hits}


def expected(stored: Path, kind: str) -> dict[str, dict[str, float | None]]:
    """What a release has found in its "library" or "archive", by line."""
    answers: dict[str, dict[str, dict[str, float | None]]]
    answers = json.loads((stored / EXPECTED).read_text().replace(_SKY, json.dumps(LIKE_THE_SKY)))
    return answers[kind]


def assert_found(library: Library, answers: Mapping[str, dict[str, float | None]]) -> None:
    """Assert that a library finds what a release has found."""
    for line, scores in answers.items():
        now = found(library, line)
        assert set(now) == set(scores), line
        if None in scores.values():
            assert list(now) == list(scores), line
        elif line != WORDS:
            assert now == pytest.approx(scores, abs=_NEARLY), line


def make(target: Path) -> None:
    """Make all of it in a new folder."""
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(PHOTOS, folder / "photos", copy_function=shutil.copy2)
        settings = Settings.load(data_dir=folder / "library", encoder="lite", service="off")
        fill(settings, folder / "photos")
        _shrink_library(settings.data_dir / "library.db")
        (folder / "pack").mkdir()
        with Library.open(settings) as library:
            pack = library.packs.make(STORED_ROOT, folder / "pack" / PACK_FILE, faces=True)
            pack.run()
            of_library = {line: found(library, line) for line in (*LINES, *OF_A_LIBRARY)}
        with Library.open_archive(folder / "archive", settings) as archive:
            archive.fleet.copy_from(settings.data_dir, faces=True).run()
            _shrink_archive(folder / "archive")
            of_archive = {line: found(archive, line) for line in LINES}
        for kind, file in (("library", LIBRARY), ("archive", ARCHIVE), ("pack", PACK)):
            _pack(folder / kind, target / file)
    answers = {"library": of_library, "archive": of_archive}
    text = json.dumps(answers, indent=1).replace(json.dumps(LIKE_THE_SKY), _SKY)
    (target / EXPECTED).write_text(text + "\n")


def _shrink_library(database: Path) -> None:
    """Name the folder of the photos as `STORED_ROOT`, and take out most of the score baseline."""
    with closing(sqlite3.connect(database)) as connection:
        with connection:
            connection.execute("UPDATE roots SET path = ?", (STORED_ROOT.encode(),))
            query = "SELECT prompts, nouns, length(mean) / 4 FROM nulls"
            prompts, nouns, dim = connection.execute(query).fetchone()
            length = 2 * dim * _BASELINE_QUERIES  # of fp16
            some = (prompts[:length], nouns[:length])
            connection.execute("UPDATE nulls SET prompts = ?, nouns = ?", some)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _shrink_archive(address: Path) -> None:
    """Take out most of the score baseline, and the versions that nothing refers to."""
    import lance
    import pyarrow as pa

    from imgsearch.archive.lance.tables import Table

    table = Table(str(address), "baselines", writable=True)
    rows = table.newest().read(table.schema.names).to_pylist()
    for row in rows:
        for column in ("prompts", "nouns"):
            row[column] = row[column][: len(row["mean"]) * _BASELINE_QUERIES]
    table.merge(pa.Table.from_pylist(rows, table.schema), update=True)
    for name in address.glob("*.lance"):
        dataset = lance.dataset(str(name))
        dataset.cleanup_old_versions(timedelta(0), error_if_tagged_old_versions=False)


def fill(settings: Settings, photos: Path) -> None:
    """Make a library with everything that a user can say about photos."""
    with Library.open(settings) as library:
        library.index([photos]).run()
        ids = {hit.path.name: hit.photo.id for hit in library.find(EVERYTHING, 100).hits}
    with writing(settings.data_dir) as store:
        store.picture_text.record(ids["brick.jpg"], "reader 1", [TEXT])
        for number, photo in enumerate(("sea.jpg", "sunset.jpg")):
            vector = np.eye(1, _FACE_DIM, 3, dtype=np.float32)[0]
            face = FoundFace(0.2, 0.2, 0.3, 0.3 + number / 100, 0.95, 90, vector, quality=12.0)
            store.faces.record(ids[photo], "model 1", [face])
        refresh_from_faces(store, 2)
    with Library.open(settings) as library:
        seen = ("sea.jpg", "sunset.jpg")
        faces = [face.id for photo in seen for face in library.people.faces_in(ids[photo])]
        library.people.name_faces(tuple(faces), "Anna")
        library.albums.make("Seaside", [ids["sea.jpg"], ids["sand.jpg"]])
        library.marks.set([ids["lemon.jpg"]], favourite=True, rating=5)
        library.saved.save("evenings", "in:trip camera:canon")
        # Some checkouts lack features.
        from imgsearch.features.corrections.records import PhotoDate
        from imgsearch.features.labels.records import Classes

        library.labels.save("scenery", Classes(("sea", "forest", "desert"), none_of_these=False))
        library.concepts.teach("plants", [ids["leaf.jpg"], ids["meadow.jpg"]], [ids["slate.jpg"]])
        library.corrections.set_dates([PhotoDate(ids["plum.jpg"], datetime(2001, 2, 3, 4, 5))])
        event = library.events.all()[0]
        library.events.set_title(event.start, EVENT_TITLE)


def _pack(folder: Path, file: Path) -> None:
    """Pack a folder; the same content gives the same bytes."""

    def plain(about: tarfile.TarInfo) -> tarfile.TarInfo | None:
        about.uid = about.gid = about.mtime = 0
        about.uname = about.gname = ""
        return None if about.name.endswith((".lock", "-wal", "-shm")) else about

    with tarfile.open(file, "w:xz", preset=9) as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_dir():
                name = path.relative_to(folder.parent)
                # The folder has the name of the file that it is packed into.
                target = Path(file.name.partition(".")[0], *name.parts[1:])
                archive.add(path, target, filter=plain)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DATA)
    target = parser.parse_args().folder / f"made-by-{VERSION}"
    make(target)
    for file in sorted(target.iterdir()):
        print(f"{file.stat().st_size:8,} bytes  {file}")  # noqa: T201


if __name__ == "__main__":
    main()
