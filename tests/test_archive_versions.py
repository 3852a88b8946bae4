"""Archives that an older or a newer imgsearch has made: read, searched, and written to."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from imgsearch.errors import SchemaTooNew
from imgsearch.language.grammar import parse
from imgsearch.opened.library import OpenedLibrary
from imgsearch.records.index import EncoderRow
from imgsearch.records.names import NAME_FIELDS
from imgsearch.records.photo import Facts
from imgsearch.records.query import Selection
from tests.factories import run_cli
from tests.test_filters import random_facts

lance = pytest.importorskip("lance", reason="needs the extra scale")
pa = pytest.importorskip("pyarrow")

from imgsearch.archive.lance.nearest import LancePolicy  # noqa: E402
from imgsearch.archive.lance.rows import NewPhoto, id_of, photo_rows  # noqa: E402
from imgsearch.archive.lance.tables import Table  # noqa: E402
from imgsearch.archive.lance.writer import LanceWriter  # noqa: E402
from tests import replicas  # noqa: E402
from tests.archive_photos import ArchivePhotos  # noqa: E402
from tests.catalogue_writer import DIM, content_of, photo  # noqa: E402

ENCODER = EncoderRow(1, "test/1", "test", DIM)
POLICY = LancePolicy(scalar_index_from=1)
WITH_FACTS = ("photos", "kept", "facts")
# What an archive may lack, the columns of it, and a fact as it then is: unknown.
LACKING: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "a number": (("focal_mm",), {"focal_mm": None}),
    "a whole number": (("iso",), {"iso": None}),
    "a number with a value to assume": (("rating",), {"rating": None}),
    "a text": (("lens", "plain_lens"), {"lens": None}),
    "a name": (("title", "words_title"), {"title": None}),
    "a list": (("keywords", "keyword_names", "words_keywords"), {"keywords": ()}),
    "yes or no": (("animated", "near_town"), {"animated": False, "near_town": False}),
    "a place": (("lat", "lon"), {"lat": None, "lon": None}),
    "several": (("exposure_s", "aperture", "motion"),
                {"exposure_s": None, "aperture": None, "motion": None}),
}  # fmt: skip
LINES = (
    "focal:35..70", "-focal:50", "iso:>=100", "-iso:100", "rating:0", "rating:>=3", "-rating:0",
    "lens:50mm", "-lens:50mm", "title:lake", "-title:lake", "keyword:oma", "-keyword:oma",
    "is:animated", "-is:animated", "near:48.85,2.35,9km", "-near:48.85,2.35,9km", "is:motion",
    "-is:motion", "is:live", "exposure:<1", "aperture:2.8 iso:>0", "camera:canon focal:>1",
)  # fmt: skip


def facts_of(number: int) -> Facts:
    return random_facts(Random(number))


def lanced(address: str, name: str) -> Any:
    return lance.dataset(f"{address}/{name}.lance")


def drop(address: str, columns: Iterable[str]) -> None:
    """Make an archive one that knows fewer facts."""
    for name in WITH_FACTS:
        table = lanced(address, name)
        there = [column for column in columns if column in table.schema.names]
        if there:
            table.drop_columns(there)


def an_archive(folder: Path, lacking: Iterable[str] = ()) -> str:
    writer = LanceWriter.open(folder, ENCODER, policy=POLICY)
    writer.put([photo(number, f"/photos/{number}.jpg", facts_of(number)) for number in range(30)])
    writer.put_facts({content_of(7): facts_of(1007)})
    writer.forget(["/photos/9.jpg"])
    drop(writer.address, lacking)
    return str(writer.address)


def number_id(number: int) -> int:
    return id_of(content_of(number).hex())


def fact_of(archive: ArchivePhotos, number: int) -> Facts:
    return archive.photos()[number_id(number)].photo.facts


def by_content(opened: OpenedLibrary, line: str) -> dict[str, Facts]:
    """The facts of the photos of a replica that a line finds."""
    photos = opened.photos()
    ids = photos.ids(Selection(parse(line).filters)).tolist()
    found = [each.photo for each in photos.records(ids).values()]
    return {each.content_hash: each.facts for each in found}


@pytest.mark.parametrize("what", LACKING)
@pytest.mark.parametrize("is_written", [False, True])
def test_a_fact_that_an_archive_lacks_is_unknown(
    tmp_path: Path, what: str, is_written: bool
) -> None:
    columns, unknown = LACKING[what]
    address = an_archive(tmp_path / "older", columns)
    like = LanceWriter.open(tmp_path / "like", ENCODER, policy=POLICY)
    numbers = [number for number in range(30) if number != 9]
    facts = {n: replace(facts_of(1007 if n == 7 else n), **unknown) for n in numbers}
    like.put([photo(n, f"/photos/{n}.jpg", facts[n]) for n in numbers])
    if is_written:
        LanceWriter(address).put([])
        LanceWriter(address, policy=POLICY).settle()
    opened, _ = replicas.opened(address, tmp_path / "of older")
    expected, _ = replicas.opened(like.address, tmp_path / "of like")
    with closing(opened), closing(expected):
        found = {line: by_content(opened, line) for line in LINES}
        assert found == {line: by_content(expected, line) for line in LINES}
        assert any(found.values()), "the lines would find nothing anyway"
        everything = by_content(opened, "width:>0")
        assert everything == {content_of(n).hex(): facts[n] for n in numbers}
        names, named = opened.photos().names, expected.photos().names
        for phrase in ("lake", "oma", "anna"):
            assert names.fields_named(phrase) == named.fields_named(phrase)
        for field in NAME_FIELDS:
            assert names.knows_name(field, "oma") == named.knows_name(field, "oma")


def test_a_writer_adds_the_facts_that_an_archive_lacks(tmp_path: Path) -> None:
    address = an_archive(tmp_path, ("focal_mm", "title", "words_title"))
    rows_before = lanced(address, "photos").count_rows()
    reader = ArchivePhotos(address)
    writer = LanceWriter.open(address, ENCODER, policy=POLICY)
    for name in ("photos", "kept"):
        assert "focal_mm" in lanced(address, name).schema.names
    assert lanced(address, "photos").count_rows() == rows_before
    known = replace(facts_of(1), focal_mm=35.0, title="Night train")
    writer.put([photo(40, "/photos/40.jpg", known)])
    assert fact_of(reader, 40) == known
    assert reader.ids("focal_mm = 35") == [number_id(40)]
    assert reader.ids("contains(words_title, ' train ')") == [number_id(40)]
    # Facts that are read again; a photo that has lost its file, and comes back.
    writer.put_facts({content_of(3): replace(facts_of(3), focal_mm=35.0)})
    writer.put([replace(photo(9, "/photos/again.jpg"), vectors=None, facts=None)])
    assert reader.ids("focal_mm = 35") == sorted([number_id(3), number_id(40)])
    assert fact_of(reader, 9) == replace(facts_of(9), focal_mm=None, title=None)
    writer.forget(["/photos/40.jpg"])
    writer.settle()
    writer.put([replace(photo(40, "/photos/back.jpg"), vectors=None, facts=None)])
    assert fact_of(ArchivePhotos(address), 40) == known


def test_a_program_that_knows_fewer_facts_goes_on_writing(tmp_path: Path) -> None:
    """It writes the rows of its own columns, as Lance sees them."""
    address = an_archive(tmp_path, ("focal_mm",))
    older = Table(address, "photos")  # opened before there was the column
    schema = older.schema
    assert "focal_mm" not in schema.names
    LanceWriter(address)
    new = NewPhoto.from_result(photo(50, "", facts_of(50)))
    assert new is not None
    name = {column: "" for column in schema.names if column.startswith("words_")}
    rows = photo_rows([(new, name | {"date": "2020-01-01T00:00:00", "paths": []})], schema)
    older.merge(rows)
    older.merge(rows, update=True)
    reader = ArchivePhotos(address)
    assert number_id(50) in reader.ids("focal_mm IS NULL")
    assert not reader.ids("focal_mm > 0")


def test_going_back_to_a_version_without_a_fact_does_not_lose_it(tmp_path: Path) -> None:
    address = an_archive(tmp_path)
    writer = LanceWriter(address, policy=POLICY)
    writer.settle()
    writer.settle()
    drop(address, ["focal_mm"])
    table = lanced(address, "photos")
    table.tags.update("before", table.version)
    writer.put([photo(41, "/photos/41.jpg", replace(facts_of(1), focal_mm=35.0))])
    assert ArchivePhotos(address).ids("focal_mm = 35") == [number_id(41)]
    writer.go_back()
    assert ArchivePhotos(address).ids("focal_mm = 35") == []
    writer.put([photo(42, "/photos/42.jpg", replace(facts_of(1), focal_mm=35.0))])
    assert ArchivePhotos(address).ids("focal_mm = 35") == [number_id(42)]


def test_writers_that_open_an_archive_at_once_all_add_what_it_lacks(tmp_path: Path) -> None:
    """Lance refuses a commit of columns that another commit has overtaken."""
    address = an_archive(tmp_path, ("focal_mm",))
    known = replace(facts_of(1), focal_mm=35.0)
    start = threading.Barrier(4)

    def open_and_put(number: int) -> None:
        start.wait()
        LanceWriter(address).put([photo(number, f"/photos/{number}.jpg", known)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_and_put, range(40, 44)))
    names = lanced(address, "photos").schema.names
    assert names.count("focal_mm") == 1
    expected = sorted(number_id(number) for number in range(40, 44))
    assert ArchivePhotos(address).ids("focal_mm = 35") == expected


def test_columns_that_others_add_at_the_same_time_are_no_error(tmp_path: Path) -> None:
    address = an_archive(tmp_path)
    for _ in range(30):
        drop(address, ["focal_mm", "iso"])
        opened = [Table(address, "photos") for _ in range(6)]
        start = threading.Barrier(len(opened))

        def add(table: Table, start: threading.Barrier = start) -> None:
            start.wait()
            table.add_lacking_columns()

        with ThreadPoolExecutor(len(opened)) as pool:
            list(pool.map(add, opened))
        assert {"focal_mm", "iso"} <= set(lanced(address, "photos").schema.names)


# ------------------------------------------------------------------------- newer ones


def mark(address: str, **numbers: int) -> None:
    """State which version of the tables a program must know."""
    marks = {f"imgsearch:{name}": str(number) for name, number in numbers.items()}
    lanced(address, "photos").update_schema_metadata(marks)


def test_a_new_archive_states_both_numbers(tmp_path: Path) -> None:
    marks = lanced(an_archive(tmp_path), "photos").schema.metadata
    assert (marks[b"imgsearch:reads"], marks[b"imgsearch:writes"]) == (b"1", b"1")


def test_an_archive_from_before_there_were_the_numbers_is_read_and_written(tmp_path: Path) -> None:
    address = an_archive(tmp_path, ("focal_mm",))
    for name in ("photos", "kept", "files", "texts", "facts"):
        table = lanced(address, name)
        marks = {key.decode(): text.decode() for key, text in table.schema.metadata.items()}
        del marks["imgsearch:reads"], marks["imgsearch:writes"]
        table.update_schema_metadata(marks | {"imgsearch:format": "1"}, replace=True)
    assert ArchivePhotos(address).count().photos == 29
    LanceWriter(address).put([photo(40, "/photos/40.jpg")])
    assert ArchivePhotos(address).count().photos == 30


def test_an_archive_that_a_newer_imgsearch_has_made_is_refused(tmp_path: Path) -> None:
    address = an_archive(tmp_path)
    reader, writer = ArchivePhotos(address), LanceWriter(address)
    mark(address, reads=2, writes=2)
    for opened in (ArchivePhotos, LanceWriter):
        with pytest.raises(SchemaTooNew, match=r"by a newer imgsearch \(version 2 .* Update it"):
            opened(address)
    # Those that have it open learn of it as well.
    with pytest.raises(SchemaTooNew):
        reader.count()
    with pytest.raises(SchemaTooNew):
        writer.put([photo(40, "/photos/40.jpg")])
    for arguments in (("status",), ("search", "sort:date")):
        refused = run_cli(*arguments, "--library", address, data=tmp_path / "data")
        assert refused.returncode == SchemaTooNew.exit_code == 8
        assert "was written by a newer imgsearch" in refused.stderr


def test_an_archive_that_only_a_newer_imgsearch_may_change_is_read(tmp_path: Path) -> None:
    address = an_archive(tmp_path)
    writer = LanceWriter(address)
    mark(address, writes=2)
    archive = ArchivePhotos(address)
    assert archive.count().photos == 29
    assert archive.ids("iso > 0")
    with pytest.raises(SchemaTooNew, match="can search it, but not write to it"):
        LanceWriter.open(address, ENCODER)
    versions = len(lanced(address, "photos").versions())
    for change in (
        lambda: writer.put([photo(40, "/photos/40.jpg", facts_of(40))]),
        lambda: writer.put_facts({content_of(1): facts_of(2)}),
        lambda: writer.forget(["/photos/1.jpg"]),
        writer.settle,
    ):
        with pytest.raises(SchemaTooNew):
            change()
    assert len(lanced(address, "photos").versions()) == versions
    status = run_cli("status", "--library", address, data=tmp_path / "data")
    assert status.returncode == 0, status.stderr


def test_tables_tell_which_rows_have_changed(tmp_path: Path) -> None:
    address = an_archive(tmp_path)
    table = Table(address, "photos", writable=True)
    view = table.newest()
    assert view.dataset.has_stable_row_ids and view.identity
    before, hashes = view.reached, view.read(["hash"])["hash"].to_pylist()
    LanceWriter(address).put_facts({bytes.fromhex(hashes[1]): Facts("PNG", 3, 3)})
    LanceWriter(address).settle()
    with table.changing() as dataset:
        dataset.optimize.compact_files(materialize_deletions_threshold=0.0)
    view = table.newest()
    assert len(view.reached.fragments) == len(before.fragments) == 0
    changed = [row for rows in view.changed(["hash"], before, 1) for row in rows.to_pylist()]
    assert {row["hash"] for row in changed} == {hashes[1]}
    assert list(view.changed(["hash"], view.reached, 1)) == []
