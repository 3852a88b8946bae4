"""Faces and persons of an archive: their tables, also in archives from before there were faces."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import asdict

from imgsearch.errors import SchemaTooNew
from imgsearch.records.faces import FoundFace, PhotoFaces
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Facts

lance = pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch.archive.lance.nearest import LancePolicy  # noqa: E402
from imgsearch.archive.lance.people_rows import ShownPeople, faces_in, people_rows  # noqa: E402
from imgsearch.archive.lance.people_tables import (  # noqa: E402
    HEAD,
    PeopleHead,
    head_in,
    rows_since,
)
from imgsearch.archive.lance.tables import VERSION, Table  # noqa: E402
from imgsearch.archive.lance.writer import LanceWriter  # noqa: E402
from tests.archive_photos import ArchivePhotos  # noqa: E402
from tests.catalogue_writer import DIM, content_of, photo  # noqa: E402
from tests.old_archives import write_photo_people  # noqa: E402

ENCODER = EncoderRow(1, "test/1", "test", DIM)
MADE_FOR_FACES = ("faces", "people", "photo_people")
THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def a_face(place: int = 0) -> FoundFace:
    vector = np.eye(1, 128, place, dtype=np.float32)[0]
    return FoundFace(0.1 + place / 10, 0.2, 0.1, 0.2, 0.9, 60.0, vector, quality=11.0, turn=0.2)


def a_writer(folder: Path, photos: int = 4) -> LanceWriter:
    writer = LanceWriter.open(folder / "archive", ENCODER)
    facts = Facts("JPEG", 10, 10, people=("Ben",))
    writer.put([photo(number, f"/photos/{number}.jpg", facts) for number in range(photos)])
    return writer


def rows_of(writer: LanceWriter, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        lance.dataset(f"{writer.address}/{table}.lance").to_table().to_pylist()
    )
    return rows


def named(writer: LanceWriter, word: str) -> int:
    """The number of photos with a person of this name."""
    return len(ArchivePhotos(writer.address).ids(f"contains(words_people, ' {word} ')"))


def shown(number: int, *names: str) -> dict[bytes, ShownPeople]:
    return {content_of(number): ShownPeople(names, len(names), 0, "a reading")}


def test_faces_are_stored_once_and_with_the_same_ids(tmp_path: Path) -> None:
    writer = a_writer(tmp_path)
    reading = PhotoFaces("found", "model 1", THEN, (a_face(), a_face(1)))
    for _ in range(2):
        writer.put_faces({content_of(1): reading})
    (row,) = rows_of(writer, "faces")
    assert (row["state"], row["model"], row["people"]) == ("found", "model 1", 2)
    faces = faces_in(row)
    assert len(faces) == 2 and all(0 < face < 1 << 53 for face in faces)
    assert [face[1] for face in faces.values()] == [0.1, 0.2]
    writer.put_faces({content_of(1): PhotoFaces("failed", "model 2", THEN, message="It is black.")})
    (row,) = rows_of(writer, "faces")
    assert (row["state"], row["message"], faces_in(row)) == ("failed", "It is black.", {})


def test_photos_keep_the_names_that_0_1_0_has_given(tmp_path: Path) -> None:
    writer = a_writer(tmp_path)
    write_photo_people(writer.address, shown(1, "Zoë Adler"), 7)
    writer.put_facts({content_of(1): Facts("JPEG", 10, 10, title="New", people=("Ann",))})
    assert [named(writer, word) for word in ("zoe", "ann", "ben")] == [1, 1, 3]
    writer.forget(["/photos/1.jpg"])
    assert named(writer, "zoe") == 0
    write_photo_people(writer.address, shown(1, "Zoë Adler", "Cleo"), 8)  # while it has no file
    writer.put([photo(1, "/photos/back.jpg")])
    assert [named(writer, word) for word in ("zoe", "cleo")] == [1, 1]
    write_photo_people(writer.address, {content_of(1): ShownPeople()}, 9)
    writer.put([photo(1, "/photos/copy.jpg")])
    assert [named(writer, word) for word in ("zoe", "ann")] == [0, 1]


def test_faces_go_with_a_photo_that_is_pruned(tmp_path: Path) -> None:
    writer = a_writer(tmp_path)
    for number in (1, 2):
        writer.put_faces({content_of(number): PhotoFaces("found", "model 1", THEN, (a_face(),))})
        write_photo_people(writer.address, shown(number, "Anna"), 1)
    writer.forget(["/photos/1.jpg"])
    assert len(rows_of(writer, "faces")) == 2
    writer.prune(datetime.now(UTC))
    for table in ("faces", "photo_people"):
        assert [row["hash"] for row in rows_of(writer, table)] == [content_of(2).hex()]


def test_an_archive_from_before_there_were_faces_gets_their_tables(tmp_path: Path) -> None:
    address = Path(a_writer(tmp_path).address)
    for table in MADE_FOR_FACES:
        shutil.rmtree(address / f"{table}.lance")
    for table in ("photos", "kept"):
        lance.dataset(f"{address}/{table}.lance").drop_columns(
            ["face_names", "face_count", "other_faces"]
        )
    assert ArchivePhotos(address).count().photos == 4
    writer = LanceWriter(address)
    assert not (address / "faces.lance").exists(), "opening makes nothing"
    writer.put_facts({content_of(2): Facts("JPEG", 10, 10, people=("Anna",))})
    assert named(writer, "anna") == 1
    assert (address / "faces.lance").stat().st_mode & 0o777 == 0o700
    writer.settle()
    assert named(writer, "anna") == 1


def test_tables_with_indexes_are_written_to(tmp_path: Path) -> None:
    address = a_writer(tmp_path).address
    writer = LanceWriter(address, policy=LancePolicy(scalar_index_from=1))
    for revision in (1, 2):
        writer.put_faces({content_of(revision): PhotoFaces("found", "model 1", THEN, (a_face(),))})
        write_photo_people(writer.address, shown(revision, "Anna"), revision)
        head = PeopleHead("epoch", revision, {"persons": 1})
        # As versions before there were items wrote rows.
        people = lance.dataset(f"{address}/people.lance")
        rows = {HEAD: asdict(head), "persons/1": {"id": 1, "name": f"Anna {revision}"}}
        merge = people.merge_insert("row").when_matched_update_all().when_not_matched_insert_all()
        merge.execute(people_rows(rows, revision, people.schema))
        writer.settle()
        indexes = {
            index.name
            for table in MADE_FOR_FACES
            for index in lance.dataset(f"{address}/{table}.lance").describe_indices()
        }
        assert indexes == {"by_hash", "by_row", "by_state"}
    facts = Facts("JPEG", 10, 10, title="New")
    writer.put_facts({content_of(revision): facts for revision in (1, 2)})
    assert named(writer, "anna") == len(ArchivePhotos(address).ids("face_count = 1")) == 2
    view = Table(address, "people").newest()
    assert head_in(view) == head
    assert list(rows_since(view, 1)) == [("persons", 1, {"id": 1, "name": "Anna 2"})]


@pytest.mark.parametrize("table", MADE_FOR_FACES)
def test_a_newer_form_of_a_table_is_refused(tmp_path: Path, table: Any) -> None:
    writer = a_writer(tmp_path)
    newer = {"imgsearch:reads": str(VERSION + 1)}
    lance.dataset(f"{writer.address}/{table}.lance").update_schema_metadata(newer)
    with pytest.raises(SchemaTooNew, match="was written by a newer imgsearch"):
        Table(writer.address, table)
