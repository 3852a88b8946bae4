"""The rows of an archive's tables: from files and photos to columns, and back."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct
from msgspec.structs import replace

from imgsearch.archive.lance.tables import (
    ALL_WORDS,
    LISTED_WORDS,
    PART_FACTS,
    READ_FACTS,
    TEXT_COLUMN,
    TEXTS,
    VECTOR_CHECKSUM,
    is_in_trigrams,
    loaded,
    plain_column,
    stored,
    words_column,
)
from imgsearch.records.arrays import Vectors
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.marks import PhotoMarks
from imgsearch.records.names import NAME_FIELDS, names_of_keyword
from imgsearch.records.photo import FACTS, Fact, Facts, Photo
from imgsearch.records.picture_text import PhotoText, searchable_texts
from imgsearch.records.status import Failure
from imgsearch.text import SCHEME, path_text, plain_text, without_spaces, words_of

# Between the names of one column of words, and around them. It has a character for private use,
# which is never one of `words_of`, so that no phrase matches across two names.
NAME_END = " \ue000 "
_END = NAME_END.strip()
# Between the texts of several files in one column: no path has it.
FILE_END = "\0"
_WORDS = [words_column(field) for field in (*NAME_FIELDS, TEXTS)]
# The facts of one text that is searched as words.
_TEXT_FACTS = tuple(
    fact.name
    for fact in FACTS
    if fact.type is str and fact.filter is not None and fact.filter.kind == "words"
)
_FACT_NAMES = frozenset(fact.name for fact in FACTS)
# The facts that programs have read which write no `READ_FACTS`. `date_precision` is of dates that
# people have corrected.
_FIRST_FACTS = (
    *(
        "format",
        "width_px",
        "height_px",
        "taken_at",
        "date_precision",
        "dated_by",
        "camera",
        "lens",
    ),
    *("lat", "lon", "near_town", "town", "region", "country", "rating", "keywords", "people"),
    *("title", "headline", "description", "creator", "duration_s", "motion", "animated"),
    *("exposure_s", "aperture", "iso", "focal_mm", "flash"),
    *("colorfulness", "lightness", "detail", "colors"),
)
_LATER_FACTS = _FACT_NAMES.difference(_FIRST_FACTS)


def id_of(content_hash: str) -> int:
    """Return the id of the photo with this content (hexadecimal): the first 63 bits of the hash.

    Two of n photos share an id with a chance of about n^2 / 2^64: 1 in 1,800 at 10^8 photos, 1 in
    18 at 10^9. The key of a row has the id, not the hash, so such a photo cannot get in beside the
    other, whoever puts it; its file is then recorded as a failure.
    """
    return int(content_hash[:16], 16) >> 1


# ------------------------------------------------------------------------- files


class KnownFile(Struct, frozen=True):
    """A file of a photo, as the table of files has it."""

    path: str
    mtime_ns: int


def file_columns(results: Sequence[IngestResult], schema: pa.Schema) -> pa.Table:
    """Return the rows of these files; of several results for one path, the last counts."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    by_path = {path_text(result.stat.path): result for result in results}
    rows = []
    for path, result in by_path.items():
        failure = result.failure
        has_content = failure is None and result.content_hash is not None
        rows.append(
            {
                "path": stored(path),
                "stem": stored(stem_of(path)),
                "hash": result.content_hash.hex() if has_content and result.content_hash else None,
                "size_bytes": result.stat.size_bytes,
                "mtime_ns": result.stat.mtime_ns,
                "inode": result.stat.inode,
                "recorded_at": now,
                **({} if failure is None else _failure_columns(failure)),
            }
        )
    return pa.Table.from_pylist(rows, schema)


def stem_of(path: str) -> str:
    """Return the path without its suffix."""
    return os.path.splitext(path)[0]  # noqa: PTH122  # an address is no path of this system


def _failure_columns(failure: Failure) -> dict[str, object]:
    return {
        "reason": failure.reason.value,
        "message": stored(failure.message),
        "extra": failure.extra,
        "read_by": failure.read_by,
    }


def refused(row: Mapping[str, Any], failure: Failure) -> IngestResult:
    """Return the result for a file whose photo the archive cannot take: a failure."""
    stat = FileStat(loaded(row["path"]), row["size_bytes"], row["mtime_ns"], row["inode"])
    return IngestResult(stat, failure=failure)


# ------------------------------------------------------------------------- photos


class NewPhoto(Struct, frozen=True):
    """A photo that was embedded just now."""

    content_hash: str
    size_bytes: int
    facts: Facts
    vectors: Vectors
    times_s: tuple[float, ...]
    unread_facts: tuple[str, ...] = ()

    @property
    def read_facts(self) -> ReadFacts:
        """Its facts, as far as it was read for them."""
        return ReadFacts.but(self.facts, self.unread_facts)

    @classmethod
    def from_result(cls, result: IngestResult) -> Self | None:
        """None for a result without vectors."""
        if result.content_hash is None or result.facts is None or result.vectors is None:
            return None
        return cls(
            result.content_hash.hex(),
            result.stat.size_bytes,
            result.facts,
            result.vectors,
            result.times_s,
            result.unread_facts,
        )


class ReadFacts(Struct, frozen=True):
    """The facts of a photo, and the names of those that it was read for; others are unknown.

    Of an archive that a newer version has written to, names that this one does not know are among
    them.
    """

    facts: Facts
    names: frozenset[str]

    @classmethod
    def but(cls, facts: Facts, unread: Iterable[str]) -> Self:
        """Return facts of a photo that was not read for some of those that this version knows."""
        return cls(facts, _FACT_NAMES.difference(unread))

    def then(self, later: ReadFacts) -> ReadFacts:
        """Return the facts after a later reading; those that it does not have stay."""
        stay = (self.names - later.names) & _FACT_NAMES
        known = {name: getattr(self.facts, name) for name in stay}
        return ReadFacts(replace(later.facts, **known), self.names | later.names)


def facts_rows(facts: Mapping[str, ReadFacts], schema: pa.Schema) -> pa.Table:
    """Return the rows of the table of facts, by content in hexadecimal."""
    rows = [
        {"hash": each, **_fact_columns(own.facts), READ_FACTS: _names_text(own.names & _FACT_NAMES)}
        for each, own in facts.items()
    ]
    return pa.Table.from_pylist(rows, schema)


def photo_rows(photos: Sequence[tuple[NewPhoto, dict[str, Any]]], schema: pa.Schema) -> pa.Table:
    """Return the rows of new photos; with each, the columns of its files and of its text."""
    rows: list[dict[str, object]] = []
    for photo, derived in photos:
        own = _content_columns(photo) | derived
        own[ALL_WORDS] = "".join(own[column] for column in _WORDS)
        own[LISTED_WORDS] = _listed_words(own[ALL_WORDS])
        checksums = checksums_of(photo.vectors.astype("<f2").astype("<f4"))
        rows += [
            own
            | {
                "key": f"{own['id']:016x}/{part}",
                "part": part,
                "at_s": photo.times_s[part] if part < len(photo.times_s) else None,
                VECTOR_CHECKSUM: checksums[part],
            }
            for part in range(len(photo.vectors))
        ]
    vectors = np.concatenate([photo.vectors for photo, _ in photos])
    # Rounded to fp16, as in every library, so that scores are the same in all of them.
    numbers = vectors.astype("<f2").astype(np.float32)
    columns = [
        pa.FixedSizeListArray.from_arrays(pa.array(numbers.reshape(-1)), numbers.shape[1])
        if field.name == "vector"
        else pa.array([row.get(field.name) for row in rows], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def checksums_of(stored_vectors: Vectors) -> list[int]:
    """Return the checksum of each vector (n, dim), as it is stored."""
    return [zlib.crc32(row.tobytes()) for row in stored_vectors]


def with_columns(rows: pa.Table, derived: Mapping[str, Mapping[str, object]]) -> pa.Table:
    """Return rows of photos with these columns in place of theirs, by hash."""
    schema = rows.schema
    hashes = rows["hash"].to_pylist()
    for name in dict.fromkeys(name for columns in derived.values() for name in columns):
        at = schema.get_field_index(name)
        own = rows[name].to_pylist()
        new = [derived[each].get(name, value) for each, value in zip(hashes, own, strict=True)]
        values = pa.array(new, schema.field(name).type)
        rows = rows.set_column(at, schema.field(name), values)
    words = [[text or "" for text in rows[column].to_pylist()] for column in _WORDS]
    joined = list(map("".join, zip(*words, strict=True)))
    columns: dict[str, list[Any]] = {
        ALL_WORDS: joined,
        LISTED_WORDS: list(map(_listed_words, joined)),
    }
    for name, values in columns.items():
        field = schema.field(name)
        column = pa.array(values, field.type)
        rows = rows.set_column(schema.get_field_index(name), field, column)
    return rows


def _listed_words(all_words: str) -> list[str]:
    """Return the words of a row that the index of trigrams cannot find, each once."""
    return sorted({each for each in all_words.split() if each != _END and not is_in_trigrams(each)})


def _content_columns(photo: NewPhoto) -> dict[str, Any]:
    return {
        "id": id_of(photo.content_hash),
        "hash": photo.content_hash,
        "size_bytes": photo.size_bytes,
        **facts_columns(photo.read_facts),
    }


def facts_columns(read: ReadFacts) -> dict[str, Any]:
    """Return the facts of a photo, and what filters and names ask of them."""
    facts = read.facts
    names: dict[str, Iterable[str]] = {
        **{field: [getattr(facts, field) or ""] for field in _TEXT_FACTS},
        "keywords": [name for each in facts.keywords for name in names_of_keyword(each)],
        "people": facts.people,
        "place": [facts.town or "", facts.region or ""],
    }
    return {
        **_fact_columns(facts),
        READ_FACTS: _names_text(read.names),
        **{
            plain_column(fact): None if text is None else stored(without_spaces(text))
            for fact in PART_FACTS
            for text in [getattr(facts, fact)]
        },
        "keyword_names": sorted(
            {
                stored(name)
                for keyword in facts.keywords
                for folded in [plain_text(keyword)]
                for name in names_of_keyword(folded)
            }
        ),
        **{words_column(field): words_text(texts) for field, texts in names.items()},
    }


def _fact_columns(facts: Facts) -> dict[str, object]:
    return {fact.name: _to_column(getattr(facts, fact.name)) for fact in FACTS}


def _to_column(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return stored(value)
    return [stored(each) for each in value] if isinstance(value, tuple) else value


# The columns that `photo_of` reads.
PHOTO_COLUMNS = ("id", "hash", "size_bytes", *(fact.name for fact in FACTS))


def photo_of(row: Mapping[str, Any]) -> Photo:
    """Return the photo of a row."""
    return Photo(row["id"], row["hash"], row["size_bytes"], facts_of(row))


def facts_of(row: Mapping[str, Any]) -> Facts:
    """Return the facts in a row of photos or facts."""
    facts: dict[str, Any] = {}
    for name, load, unknown in _LOADERS:
        value = row[name]
        if value is None:
            value = unknown
        elif load is not None:
            value = load(value)
        facts[name] = value
    return Facts(**facts)


def read_facts_of(row: Mapping[str, Any]) -> ReadFacts:
    """Return the facts in a row of photos or facts, with the names of those that were read."""
    return ReadFacts(facts_of(row), read_names(row))


def read_names(row: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the facts that a row of photos or facts was read for."""
    text = row[READ_FACTS]
    if text is not None:
        return _names_in(text)
    return _FACT_NAMES - {name for name in _LATER_FACTS if row[name] is None}


@lru_cache(maxsize=1_000)
def unread_names(names: frozenset[str]) -> tuple[str, ...]:
    """Return the names of the facts, in order, that a photo was not read for: see `ReadFacts`."""
    return tuple(sorted(_FACT_NAMES - names))


@lru_cache(maxsize=1_000)
def _names_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


@lru_cache(maxsize=1_000)
def _names_text(names: frozenset[str]) -> str:
    return " ".join(sorted(names))


def _loader_of(fact: Fact) -> Callable[[Any], Any] | None:
    """Return the function from a column's value to the fact; None where they are equal."""
    if fact.type is tuple:
        return lambda texts: tuple(map(loaded, texts))
    if fact.type is str:
        return loaded
    return None if fact.is_stored_as_is else fact.load


# Of each fact its name, `_loader_of` it, and its value where the column has none.
_LOADERS = tuple((fact.name, _loader_of(fact), fact.unknown) for fact in FACTS)


def vectors_in(rows: pa.Table) -> Vectors:
    """Return the vectors of rows, float32 of length 1."""
    vectors = stored_in(rows).astype(np.float32)
    # Rounding to fp16 changes a length by up to 2^-11, enough to reorder near ties.
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors, np.float32)


def stored_in(rows: pa.Table) -> Vectors:
    """Return the vectors of rows as they are stored."""
    column = rows["vector"].combine_chunks()
    vectors: Vectors = column.flatten().to_numpy(zero_copy_only=False)
    return vectors.reshape(len(column), -1)


def images_by_hash(rows: pa.Table) -> dict[str, bytes]:
    """Return the small pictures (WebP) in rows of `thumbnails`, by content in hexadecimal."""
    return dict(zip(rows["hash"].to_pylist(), rows["image"].to_pylist(), strict=True))


# ------------------------------------------------------------------------- derived columns


def place_columns(files: Iterable[KnownFile], facts: Facts) -> dict[str, Any]:
    """Return columns that are derived from the files of a photo, at least one."""
    files = sorted(files, key=lambda file: os.fsencode(file.path))
    paths = [file.path for file in files]
    parts = [_folders_and_name(path) for path in paths]
    folders = [folded for _, folded, _ in parts]
    oldest_s = min(file.mtime_ns for file in files) // 10**9
    return {
        "date": (facts.taken_at or datetime.fromtimestamp(oldest_s)).isoformat(),
        "date_source": "file" if facts.taken_at is None else facts.dated_by,
        "paths": [stored(path) for path in paths],
        "first_path": stored(paths[0]),
        "folders": sorted({stored(each) for path in paths for each in _ancestors(path)}),
        "folder_names": sorted(
            {stored(name) for folder in folders for name in folder.split("/") if name}
        ),
        "folder_text": stored(FILE_END.join(sorted(set(folders)))),
        "file_text": stored(FILE_END.join(plain_text(name) for _, _, name in parts)),
        words_column("file_name"): words_text(name for _, _, name in parts),
        words_column("folder"): words_text(name for names, _, _ in parts for name in names),
    }


def folder_names(path: str) -> list[str]:
    """Return the names of the folders of a file, from the outermost on."""
    return _folders_and_name(path)[0]


def _folders_and_name(path: str) -> tuple[list[str], str, str]:
    """Return the names of the folders of a file, their folded path, and the name of the file."""
    scheme = SCHEME.match(path)
    *names, file_name = path[scheme.end() if scheme else 0 :].split("/")
    names = [name for name in names if name]
    return names, plain_text("/".join(["", *names, ""])), file_name


def _ancestors(path: str) -> list[str]:
    """Return the paths of all folders of a file: "/", "/a", "/a/b"."""
    scheme = SCHEME.match(path)
    start = scheme[0] if scheme else "/"
    *names, _ = path[len(start) :].split("/")
    above = [] if scheme else ["/"]
    return above + [start + "/".join(names[:number]) for number in range(1, len(names) + 1)]


def text_columns(reading: PhotoText | None) -> dict[str, Any]:
    """Return columns that are derived from the text in a photo."""
    texts = [] if reading is None else searchable_texts(reading.lines)
    return {TEXT_COLUMN: _between_ends(texts)}


def words_text(names: Iterable[str]) -> str:
    """Return names as words, each name once, with `NAME_END` around each.

    Empty without any word.
    """
    return _between_ends(dict.fromkeys(" ".join(words_of(name)) for name in names))


def _between_ends(names: Iterable[str]) -> str:
    known = [name for name in names if name]
    return f"{NAME_END}{NAME_END.join(known)}{NAME_END}" if known else ""


# ------------------------------------------------------------------------- marks


def mark_columns(marks: PhotoMarks | None) -> dict[str, Any]:
    """Return the columns of a photo with its marks; null where it has none."""
    if marks is None:
        marks = PhotoMarks()
    return {
        "favourite": marks.favourite or None,
        "own_rating": marks.rating,
        "hidden": marks.hidden or None,
    }


def marks_of(row: Mapping[str, Any]) -> PhotoMarks:
    """Return the marks in a row of photos or marks."""
    return PhotoMarks(bool(row["favourite"]), row["own_rating"], bool(row["hidden"]))


# ------------------------------------------------------------------------- texts

READING_COLUMNS = ("hash", "reading")
HAS_READING = " AND reading IS NOT NULL"  # the others were only looked at
_to_json = msgspec.json.Encoder().encode
_read_text = msgspec.json.Decoder(PhotoText).decode


def text_rows(readings: Mapping[bytes, PhotoText], schema: pa.Schema) -> pa.Table:
    """Return the rows of the table of texts, by content."""
    rows = [
        {
            "hash": content_hash.hex(),
            "reading": _to_json(reading).decode(),
            "state": reading.state,
            "reader": reading.reader,
        }
        for content_hash, reading in readings.items()
    ]
    return pa.Table.from_pylist(rows, schema)


def reading_of(text: str) -> PhotoText:
    """Parse a reading from the table of texts."""
    return _read_text(text)
