"""The write side of an archive of Lance tables.

Any number of writers may put and forget at once. The table of files is the authority: a writer
changes it first, and then makes the rows of the photos concerned follow from it (`_follow`), until
it finds them as they should be. Whoever changes a photo last has looked at its files after that, so
in the end every row is right, without a lock. A change that is cut off between the two is completed
by the next `settle`, as it was noted before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self, TypeAlias
from uuid import uuid4

import numpy as np
import pyarrow as pa
from lance.optimize import Compaction
from msgspec import Struct, field

from imgsearch.addresses import as_path, normal_address
from imgsearch.archive.lance import tables
from imgsearch.archive.lance.name_words import words_of_names
from imgsearch.archive.lance.nearest import (
    CONFIG_KEY,
    INDEX_NAME,
    USUAL_POLICY,
    LancePolicy,
    PhotoVectorsView,
    SearchSettings,
    calibrated,
    first_by_content,
    sample_rows,
    settings_text,
)
from imgsearch.archive.lance.people_rows import (
    SHOWN_COLUMNS,
    people_columns,
    reading_rows,
    shown_in,
)
from imgsearch.archive.lance.rows import (
    HAS_READING,
    PHOTO_COLUMNS,
    READING_COLUMNS,
    KnownFile,
    NewPhoto,
    ReadFacts,
    facts_columns,
    facts_rows,
    file_columns,
    id_of,
    mark_columns,
    marks_of,
    photo_rows,
    place_columns,
    read_facts_of,
    reading_of,
    refused,
    text_columns,
    text_rows,
    with_columns,
)
from imgsearch.archive.lance.tables import (
    ALL_WORDS,
    CHANGED_IN,
    CLEANED,
    FACE_COUNT,
    FACE_NAMES,
    GONE_AT,
    IDS_AT_ONCE,
    LINEAGE,
    LISTED_WORDS,
    MARK_COLUMNS,
    MARKED,
    OTHER_FACES,
    PEOPLE_WORDS,
    PUBLISHED,
    READ_FACTS,
    TEXT_COLUMN,
    Table,
    TableName,
    View,
    is_one_of,
    lance_errors,
    literal,
    loaded,
)
from imgsearch.errors import EncoderMismatch, LibraryLocked, Reason, UsageError
from imgsearch.index.base import EncodeTexts
from imgsearch.index.recall import prompts
from imgsearch.progress import Progress
from imgsearch.records.answer import ScoreBaseline
from imgsearch.records.arrays import Vector, Vectors
from imgsearch.records.faces import PhotoFaces
from imgsearch.records.files import IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.marks import PhotoMarks
from imgsearch.records.photo import Facts, with_measured
from imgsearch.records.picture_text import PhotoText
from imgsearch.records.status import Failure
from imgsearch.search.baseline import SAMPLE_PHOTOS
from imgsearch.text import path_text
from imgsearch.version import VERSION

# Makes the score baseline of some photos (n, dim), the mean of all (dim,), and how many vectors
# there are; None for too few.
MakeBaseline: TypeAlias = Callable[[Vectors, Vector, int], ScoreBaseline | None]

# Indexes the vectors of a table (lance.LanceDataset) under a name, with so many bits for each of
# their numbers.
BuildIndex: TypeAlias = Callable[[Any, str, int], None]

_ROUNDS = 100  # until photos follow from files that others change at the same time
_ATTEMPTS = 20  # of a step of settling that others interrupt
_LONGEST_CHANGE = timedelta(days=1)
_REMOVED_FOR = timedelta(days=30)  # until the row of an item that somebody has removed is deleted
_BASELINE_COLUMNS = ("prompts", "nouns", "photos", "mean")
_FEW = 1 / 20  # of the rows of a table
_NONE_UNREAD: Mapping[bytes, Collection[str]] = {}
_MOST_FRAGMENTS = 32  # smaller than wanted, until they are joined
_HAS_PHOTO = " AND hash IS NOT NULL"  # of a file
_BEFORE = "before"  # the tag of the version that was published before `PUBLISHED`
# Which indexes of columns a settled archive has.
_INDEXES: dict[str, dict[str, str]] = {
    "photos": {
        "key": "BTREE",
        "id": "BTREE",
        "date": "BTREE",
        "lat": "BTREE",
        "folders": "LABEL_LIST",
        "folder_names": "LABEL_LIST",
        "keyword_names": "LABEL_LIST",
        ALL_WORDS: "NGRAM",
        LISTED_WORDS: "LABEL_LIST",
        "file_text": "NGRAM",
        "plain_camera": "NGRAM",
        "rating": "BITMAP",
        "format": "BITMAP",
        FACE_COUNT: "BTREE",
    },
    "kept": {"key": "BTREE", "id": "BTREE"},
    "files": {"path": "BTREE", "hash": "BTREE", "stem": "BTREE"},
    "texts": {"hash": "BTREE", "state": "BITMAP"},
    "facts": {"hash": "BTREE"},
    "thumbnails": {"hash": "BTREE"},
    "faces": {"hash": "BTREE", "state": "BITMAP"},
    "people": {"row": "BTREE"},
    "photo_people": {"hash": "BTREE"},
    "marks": {"hash": "BTREE"},
    "items": {"item": "BTREE"},
}
# The columns of a photo that follow from other tables, and that tell whether it is in step.
_FOLLOWING = (
    *("paths", "date", TEXT_COLUMN, FACE_NAMES, FACE_COUNT, OTHER_FACES, PEOPLE_WORDS),
    *MARK_COLUMNS,
)
# Compacting rewrites the last fragment, so fragments of pictures have a quarter of a GB.
_ROWS_PER_FRAGMENT = {"thumbnails": 1 << 15}  # by table; for the others, the policy decides


class _Steps(Struct, frozen=True):
    """The changes that bring photos in step with their files."""

    insert: dict[str, dict[str, Any]] = field(default_factory=dict)  # hash: derived columns
    update: dict[str, dict[str, Any]] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)


class LanceWriter:
    """Writes to an archive in Lance tables, in a folder or in object storage.

    Several writers may do so at once, in any number of processes. What `put` and `forget` have
    done is seen by the next call of a reader.
    """

    def __init__(
        self,
        address: str | Path,
        encode_texts: EncodeTexts | None = None,
        make_baseline: MakeBaseline | None = None,
        policy: LancePolicy = USUAL_POLICY,
        build_large_index: BuildIndex | None = None,
    ) -> None:
        """Open an archive; all but its address are needed by `settle` alone.

        `build_large_index` indexes the vectors of more than one fragment; without it, this process
        does. Raises StoreError where there is none, or a damaged or foreign one.
        """
        self.address = normal_address(address)
        self._encode_texts = encode_texts
        self._make_baseline = make_baseline
        self._policy = policy
        self._build_large_index = build_large_index
        self._unfinished: dict[str, frozenset[str]] = {}  # changes of this process that failed
        self._photos = Table(self.address, "photos", writable=True)
        self._kept = Table(self.address, "kept", writable=True)
        self._files = Table(self.address, "files", writable=True)
        self._texts = Table(self.address, "texts", writable=True)
        self._pending = Table(self.address, "pending", writable=True)
        self._baselines = Table(self.address, "baselines", writable=True)

    @classmethod
    def open(
        cls,
        address: str | Path,
        encoder: EncoderRow,
        encode_texts: EncodeTexts | None = None,
        make_baseline: MakeBaseline | None = None,
        policy: LancePolicy = USUAL_POLICY,
        build_large_index: BuildIndex | None = None,
    ) -> Self:
        """Open an archive for the vectors of an encoder; a new one is made where there is none.

        Raises EncoderMismatch for one with vectors of another encoder.
        """
        address = normal_address(address)
        if not tables.exists(address):
            tables.create(address, encoder)
        tables.make_private(address)
        writer = cls(address, encode_texts, make_baseline, policy, build_large_index)
        if writer.encoder.encoder_id != encoder.encoder_id:
            raise EncoderMismatch(
                f"The archive {address} has vectors of {writer.encoder.name}, not of "
                f"{encoder.name}. Choose that encoder, or another address."
            )
        return writer

    @property
    def encoder(self) -> EncoderRow:
        """The encoder of the vectors."""
        return self._photos.encoder

    # ------------------------------------------------------------------ changing

    def known(self, content_hashes: Sequence[bytes]) -> set[bytes]:
        """Return the contents among these that have vectors already."""
        wanted = {each.hex() for each in content_hashes}
        found: set[str] = set()
        with lance_errors(self.address):
            for table in (self._photos, self._kept):
                ids = [id_of(each) for each in wanted - found]
                rows = table.newest().read_with("id", ids, ["hash"])
                found |= wanted & set(rows["hash"].to_pylist())
        return {bytes.fromhex(each) for each in found}

    def contents_at(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the contents at those of these paths at which there is a photo."""
        with lance_errors(self.address):
            rows = self._files.newest().read_with("path", paths, ["path", "hash"], _HAS_PHOTO)
            return {loaded(row["path"]): bytes.fromhex(row["hash"]) for row in rows.to_pylist()}

    def put(self, results: Sequence[IngestResult]) -> None:
        """Record files: new photos with facts and vectors, known contents at new paths, failures.

        A commit takes a tenth of a second and more: put thousands at once.
        """
        if not results:
            return
        dim = self.encoder.dim
        fresh: dict[str, NewPhoto] = {}
        for photo in map(NewPhoto.from_result, results):
            if photo is None:
                continue
            shape = photo.vectors.shape
            if len(shape) != 2 or shape[0] == 0 or shape[1] != dim:
                raise UsageError(f"A vector of this archive has {dim} numbers; these are {shape}.")
            fresh.setdefault(photo.content_hash, photo)
        with lance_errors(self.address):
            rows = file_columns(results, self._files.schema)
            paths = [loaded(each) for each in rows["path"].to_pylist()]
            own = {each for each in rows["hash"].to_pylist() if each is not None}
            with self._change(own | self._hashes_at(self._files.newest(), paths)) as hashes:
                version = self._files.merge(rows, update=True)
                hashes |= self._hashes_at(self._files.before(version), paths)
                self._follow(hashes, fresh)

    def forget(self, paths: Sequence[str]) -> int:
        """Remove paths; returns how many existed. A photo without a path is not found any more.

        Its vectors stay: it comes back, when a path points at it again, without being embedded.
        """
        texts = [path_text(path) for path in dict.fromkeys(paths)]
        removed = 0
        with lance_errors(self.address):
            for start in range(0, len(texts), IDS_AT_ONCE):
                some = texts[start : start + IDS_AT_ONCE]
                with self._change(self._hashes_at(self._files.newest(), some)) as hashes:
                    count, version = self._files.delete(is_one_of("path", some))
                    hashes |= self._hashes_at(self._files.before(version), some)
                    self._follow(hashes, {})
                removed += count
        return removed

    def prune(self, until: datetime) -> int:
        """Delete the data of photos that had lost all their files at a time.

        Returns their number. A photo that an older imgsearch has put away counts as gone for ever.
        Of one that returns meanwhile, the text may be lost, and is read again.
        """
        then = until.astimezone(UTC).isoformat(timespec="seconds")
        pruned = 0
        with lance_errors(self.address):
            rows = self._kept.newest().read(
                ["id", "hash"], f"part = 0 AND ({GONE_AT} IS NULL OR {GONE_AT} <= {literal(then)})"
            )
            contents = dict(zip(rows["id"].to_pylist(), rows["hash"].to_pylist(), strict=True))
            ids = list(contents)
            for start in range(0, len(ids), IDS_AT_ONCE):
                some = ids[start : start + IDS_AT_ONCE]
                found = self._photos.newest().read_with("id", some, ["id"])
                gone = sorted(set(some) - set(found["id"].to_pylist()))
                hashes = is_one_of("hash", [contents[each] for each in gone])
                for table in (
                    *(self._texts, self._facts, self._thumbnails),
                    *(self._faces, self._photo_people, self._marks),
                ):
                    table.delete(hashes)
                self._kept.delete(is_one_of("id", some))  # those that have returned, too
                pruned += len(gone)
        return pruned

    def put_facts(
        self,
        facts: Mapping[bytes, Facts],
        unread: Mapping[bytes, Collection[str]] = _NONE_UNREAD,
    ) -> int:
        """Replace the facts of photos, by their content; returns the number of changed photos.

        Facts that a photo was not read for, by their names in `unread`, stay. Contents that no
        photo with files has are passed over.
        """
        if not facts:
            return 0
        own = {content_hash.hex(): each for content_hash, each in facts.items()}
        with lance_errors(self.address):
            ids = [id_of(each) for each in own]
            columns = [*PHOTO_COLUMNS, READ_FACTS]
            rows = self._photos.newest().read_with("id", ids, columns, " AND part = 0")
            known = {
                row["hash"]: read_facts_of(row) for row in rows.to_pylist() if row["hash"] in own
            }
            changed: dict[str, ReadFacts] = {}
            for key, before in known.items():
                read = with_measured(own[key], before.facts)
                now = before.then(ReadFacts.but(read, unread.get(bytes.fromhex(key), ())))
                if now != before:
                    changed[key] = now
            if changed:
                with self._change(set(changed)) as hashes:
                    self._facts.merge(facts_rows(changed, self._facts.schema), update=True)
                    self._follow(hashes, {})
        return sum(now.facts != known[key].facts for key, now in changed.items())

    def put_texts(self, readings: Mapping[bytes, PhotoText]) -> None:
        """Record the text in photos, by their content."""
        if not readings:
            return
        hashes = [each.hex() for each in readings]
        rows = text_rows(readings, self._texts.schema)
        with lance_errors(self.address), self._change(set(hashes)):
            self._texts.merge(rows, update=True)
            self._follow(set(hashes), {})

    def newer_texts(self, readings: Mapping[bytes, PhotoText]) -> dict[bytes, PhotoText]:
        """Return the readings among these that are later than those of the same photos here."""
        with lance_errors(self.address):
            hashes = [each.hex() for each in readings]
            rows = self._texts.newest().read_with("hash", hashes, READING_COLUMNS, HAS_READING)
            known = {row["hash"]: reading_of(row["reading"]) for row in rows.to_pylist()}
        return {
            content_hash: reading
            for content_hash, reading in readings.items()
            if (before := known.get(content_hash.hex())) is None or before.read_at < reading.read_at
        }

    def pass_over_texts(self, content_hashes: Sequence[bytes], reader: str) -> None:
        """Record that a reader saw no text in small copies of photos; stored text of them stays."""
        hashes = [each.hex() for each in content_hashes]
        if not hashes:
            return
        with lance_errors(self.address):
            rows = [{"hash": each, "looked_by": reader} for each in hashes]
            self._texts.merge(pa.Table.from_pylist(rows, self._texts.schema))  # the new ones
            for start in range(0, len(hashes), IDS_AT_ONCE):
                some = is_one_of("hash", hashes[start : start + IDS_AT_ONCE])
                others = f"{some} AND looked_by IS DISTINCT FROM {literal(reader)}"
                if self._texts.newest().count(others):
                    # Only this column: another process may store the text at the same time.
                    self._step(self._texts, _set("looked_by", literal(reader), others))

    def put_faces(self, readings: Mapping[bytes, PhotoFaces]) -> None:
        """Record the faces in photos, by their content, in place of those of earlier readings."""
        if readings:
            with lance_errors(self.address):
                self._faces.merge(reading_rows(readings, self._faces.schema), update=True)

    def _note_marked(self, marks: Iterable[PhotoMarks]) -> None:
        """Record which kinds of marks photos have, before they have them."""
        columns = [mark_columns(each) for each in marks]
        kinds = {name for each in columns for name, value in each.items() if value is not None}
        noted = self._photos.newest().dataset.config().get(MARKED, "")
        known = set(filter(None, noted.split(",")))
        if not kinds <= known:
            own = {MARKED: ",".join(sorted(kinds | known))}
            self._step(self._photos, lambda dataset: dataset.update_config(own))

    def put_thumbnails(self, images: Mapping[bytes, bytes]) -> None:
        """Store small pictures (WebP) of photos, by their content; stored pictures stay."""
        if not images:
            return
        with lance_errors(self.address):
            table = self._thumbnails
            columns = {"hash": [each.hex() for each in images], "image": list(images.values())}
            table.merge(pa.table(columns, schema=table.schema))

    @cached_property
    def _thumbnails(self) -> Table:
        return self._later_table("thumbnails")

    @cached_property
    def _facts(self) -> Table:
        return self._later_table("facts")

    @cached_property
    def _faces(self) -> Table:
        return self._later_table("faces")

    @cached_property
    def _people(self) -> Table:
        return self._later_table("people")

    @cached_property
    def _photo_people(self) -> Table:
        return self._later_table("photo_people")

    @cached_property
    def _marks(self) -> Table:
        return self._later_table("marks")

    @cached_property
    def _items(self) -> Table:
        return self._later_table("items")

    def _later_table(self, name: TableName) -> Table:
        """Return a table that older archives lack; it is made where it is missing."""
        if not tables.exists(self.address, name):
            tables.create(self.address, self.encoder)
        return Table(self.address, name, writable=True)

    def _hashes_at(self, files: View, paths: Sequence[str]) -> set[str]:
        """Return the contents at these paths in a version of the table of files."""
        rows = files.read_with("path", paths, ["hash"])
        return {each for each in rows["hash"].to_pylist() if each is not None}

    @contextmanager
    def _change(self, hashes: set[str]) -> Iterator[set[str]]:
        """Provide a change to these contents, noted for `settle` to complete it if it is cut off.

        Earlier changes that failed in this process are done with the one that tries them again.
        """
        change = uuid4().hex
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = {"change": change, "hashes": sorted(hashes), "begun_at": now}
        if hashes:
            self._pending.merge(pa.Table.from_pylist([row], self._pending.schema))
            self._unfinished[change] = frozenset(hashes)
        yield hashes
        done = [each for each, contents in self._unfinished.items() if contents <= hashes]
        if done:
            self._pending.delete(is_one_of("change", done))
            for each in done:
                self._unfinished.pop(each, None)

    def _complete(self) -> None:
        """Finish interrupted changes; harmless for changes in progress."""
        columns = ["change", "hashes", "begun_at"]
        rows = self._pending.newest().read(columns).to_pylist()
        self._follow({each for row in rows for each in row["hashes"]}, {})
        long_ago = (datetime.now(UTC) - _LONGEST_CHANGE).isoformat(timespec="seconds")
        done = [
            row["change"]
            for row in rows
            if row["begun_at"] < long_ago or row["change"] in self._unfinished
        ]
        if done:
            self._pending.delete(is_one_of("change", done))
        self._unfinished.clear()

    # ------------------------------------------------------------------ photos follow from files

    def _follow(self, hashes: Collection[str], fresh: Mapping[str, NewPhoto]) -> None:
        """Derive the photos with these contents anew from their files, texts and new facts."""
        for table in (self._kept, self._photos):  # they lack what an earlier version lacked
            table.add_lacking_columns()
        left = set(hashes)
        for _ in range(_ROUNDS):
            changed = set[str]()
            ordered = sorted(left)
            for start in range(0, len(ordered), IDS_AT_ONCE):
                changed |= self._follow_once(ordered[start : start + IDS_AT_ONCE], fresh)
            if not changed:
                return
            left = changed
        raise LibraryLocked(
            f"Others change the same files of the archive {self.address} all the time. Nothing "
            "is lost: run the command again."
        )

    def _follow_once(self, hashes: Sequence[str], fresh: Mapping[str, NewPhoto]) -> set[str]:
        """Complete the changes to these photos; returns the photos that were changed."""
        steps = self._steps(hashes, fresh)
        new = [(fresh[each], derived) for each, derived in steps.insert.items() if each in fresh]
        if new:
            self._photos.merge(photo_rows(new, self._photos.schema))
        back = {each: derived for each, derived in steps.insert.items() if each not in fresh}
        if back:
            rows = self._rows(self._kept, back, self._photos)
            self._photos.merge(with_columns(rows, back))
        if steps.update:
            rows = self._rows(self._photos, steps.update, self._photos)
            if rows.num_rows:  # others may have removed them meanwhile
                self._photos.merge(with_columns(rows, steps.update), update=True)
        if steps.remove:
            rows = self._rows(self._photos, steps.remove, self._kept)
            if rows.num_rows:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                rows = rows.append_column(GONE_AT, pa.array([now] * rows.num_rows))
                self._kept.merge(rows, update=True)  # it may have been gone before
            self._photos.delete(is_one_of("id", [id_of(each) for each in steps.remove]))
        if steps.refuse:
            self._refuse(steps.refuse)
        return {*steps.insert, *steps.update, *steps.remove, *steps.refuse}

    def _steps(self, hashes: Sequence[str], fresh: Mapping[str, NewPhoto]) -> _Steps:
        files = self._files_with(hashes)
        rows = self._texts.newest().read_with("hash", hashes, READING_COLUMNS, HAS_READING)
        readings = {row["hash"]: reading_of(row["reading"]) for row in rows.to_pylist()}
        rows = self._facts.newest().read_with("hash", hashes, self._facts.schema.names)
        facts = {row["hash"]: read_facts_of(row) for row in rows.to_pylist()}
        rows = self._photo_people.newest().read_with("hash", hashes, SHOWN_COLUMNS)
        people = shown_in(rows.to_pylist())
        rows = self._marks.newest().read_with("hash", hashes, ["hash", *MARK_COLUMNS])
        marks = {row["hash"]: marks_of(row) for row in rows.to_pylist()}
        columns = [*PHOTO_COLUMNS, READ_FACTS, *_FOLLOWING]
        ids = [id_of(each) for each in hashes]
        found = self._photos.newest().read_with("id", ids, columns, " AND part = 0").to_pylist()
        live = {row["id"]: row for row in found}
        absent = [each for each in ids if each not in live]
        found = self._kept.newest().read_with("id", absent, columns, " AND part = 0").to_pylist()
        kept = {row["id"]: row for row in found}
        steps = _Steps()
        arriving: dict[int, str] = {}  # two new photos may have one id, too
        for content_hash in hashes:
            photo_id, own_files = id_of(content_hash), files.get(content_hash)
            row = live.get(photo_id) or kept.get(photo_id)
            owner = arriving.get(photo_id, content_hash) if row is None else row["hash"]
            if owner != content_hash:
                if own_files:
                    steps.refuse.append(content_hash)
            elif own_files is None:
                if photo_id in live:
                    steps.remove.append(content_hash)
            elif row is not None or content_hash in fresh:  # else nobody has embedded it yet
                before = fresh[content_hash].read_facts if row is None else read_facts_of(row)
                reread = facts.get(content_hash)
                now = before if reread is None else before.then(reread)
                derived = place_columns(own_files, now.facts)
                derived |= text_columns(readings.get(content_hash))
                if now != before:
                    derived |= facts_columns(now)
                derived |= people_columns(now.facts, people.get(content_hash))
                derived |= mark_columns(marks.get(content_hash))
                if photo_id not in live:
                    arriving[photo_id] = content_hash
                    steps.insert[content_hash] = derived
                elif now != before or any(
                    live[photo_id][name] != derived[name] for name in _FOLLOWING
                ):
                    steps.update[content_hash] = derived
        return steps

    def _files_with(self, hashes: Sequence[str]) -> dict[str, list[KnownFile]]:
        columns = ["hash", "path", "mtime_ns"]
        files: dict[str, list[KnownFile]] = {}
        for row in self._files.newest().read_with("hash", hashes, columns).to_pylist():
            known = KnownFile(loaded(row["path"]), row["mtime_ns"])
            files.setdefault(row["hash"], []).append(known)
        return files

    def _rows(self, table: Table, hashes: Iterable[str], target: Table) -> Any:
        """Return the photos with these contents, with the columns that another table has as well.

        A newer imgsearch may have added one to one of the tables, and not yet to the other.
        """
        wanted = set(hashes)
        ids = [id_of(each) for each in wanted]
        view, names = table.newest(), target.newest().names
        columns = [each for each in view.dataset.schema.names if each in names]
        rows = view.read_with("id", ids, columns)
        return rows.filter(
            pa.array([each in wanted for each in rows["hash"].to_pylist()], pa.bool_())
        )

    def _refuse(self, hashes: Sequence[str]) -> None:
        """Make failures of the files of photos whose id another photo has: see `id_of`."""
        names = self._files.schema.names
        rows = self._files.newest().read_with("hash", hashes, names).to_pylist()
        message = (
            "By chance, its content has the same number as another photo of this archive. Save "
            "it again, with another title for example, and it gets another number."
        )
        results = [
            refused(row, Failure(as_path(loaded(row["path"])), Reason.UNSUPPORTED, message))
            for row in rows
        ]
        if results:
            self._files.merge(file_columns(results, self._files.schema), update=True)

    # ------------------------------------------------------------------ settling

    def settle(self) -> None:
        """Compact, index and calibrate new photos, and publish the result to readers.

        Readers go on meanwhile. The version published before stays, to `go_back` to; others are
        removed once no reader can be reading them. Raises LibraryLocked where another settles.
        """
        for _ in self.settling():
            pass

    def settling(self) -> Iterator[Progress]:
        """Settle step by step, as `settle` does. Stopped between two steps, it has lost nothing."""
        with lance_errors(self.address):
            indexed = (
                self._files,
                self._texts,
                self._facts,
                self._kept,
                self._photos,
                self._thumbnails,
                self._faces,
                self._people,
                self._photo_people,
                self._marks,
                self._items,
            )
            total = len(indexed) + 3
            steps = iter([Progress(done, total) for done in range(1, total + 1)])
            self._complete()
            self._delete_removed_items()
            yield next(steps)
            for table in indexed:
                if not self._has_few_changes(table):
                    self._step(table, partial(self._compact, table))
                    self._index_columns(table)
                yield next(steps)
            settings = self._index_vectors()
            yield next(steps)
            self._publish(settings)
            self._step(self._pending, partial(self._compact, self._pending))
            for table in (*indexed, self._pending, self._baselines):
                self._clean(table)
        tables.make_files_private(self.address)
        yield next(steps)

    def _delete_removed_items(self) -> None:
        """Delete the rows of items that were removed long ago.

        A replica that has not read so far compares all items with its own: see `items_since`.
        """
        long_ago = datetime.now(UTC) - _REMOVED_FOR
        gone = (
            f"value IS NULL AND kind IS NOT NULL AND changed_us < {int(long_ago.timestamp() * 1e6)}"
        )
        view = self._items.newest()
        if view.count(gone):
            self._items.configure(CLEANED, str(view.version))
            self._items.delete(f"{gone} AND {CHANGED_IN} <= {view.version}")

    def _step(self, table: Table, do: Callable[[Any], object]) -> None:
        """Do something to a table that others may interrupt by their commits."""
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            # One conflict is no reason to give up: the next attempt sees the commit of the others.
            with suppress(*(() if last else (LibraryLocked,))), table.changing() as dataset:
                do(dataset)
                return

    def _has_few_changes(self, table: Table) -> bool:
        """Return whether joining fragments and extending indexes costs more than it spares.

        Both read and write large parts of a table anew, however little was put since.
        """
        view = table.newest()
        rows, indexed = view.count(), None
        for index in view.dataset.describe_indices():
            if index.name == f"by_{next(iter(_INDEXES[table.name]))}":
                indexed = index.num_rows_indexed
        if indexed is None:
            return False
        fragments = view.dataset.get_fragments()
        return (
            rows - indexed <= min(self._policy.unindexed_rows, rows * _FEW)
            and len(fragments) <= _MOST_FRAGMENTS + rows // self._policy.rows_per_fragment
            and all(each.num_deletions <= _FEW * each.physical_rows for each in fragments)
        )

    def _compact(self, table: Table, dataset: Any) -> None:
        """Join the small fragments of a table."""
        rows = _ROWS_PER_FRAGMENT.get(table.name, self._policy.rows_per_fragment)
        plan = Compaction.plan(dataset, {"target_rows_per_fragment": rows})
        results = [task.execute(dataset) for task in plan.tasks]
        if results:
            Compaction.commit(dataset, results)

    def _index_columns(self, table: Table) -> None:
        """Index what is not indexed yet of the columns that filters and look-ups use."""
        view = table.newest()
        if view.count() < self._policy.scalar_index_from:
            return
        known = {index.name for index in view.dataset.describe_indices()}
        for column, kind in _INDEXES[table.name].items():
            name = f"by_{column}"
            self._step(table, _extend(name) if name in known else _index(column, kind, name))

    def _index_vectors(self) -> SearchSettings | None:
        """Index the vectors and calibrate the index; None where there are too few for one."""
        found = PhotoVectorsView.of(self._photos.newest(), self._policy)
        if found.rows < self._policy.index_from:
            if found.segments:
                self._step(self._photos, lambda dataset: dataset.drop_index(INDEX_NAME))
            return None
        if found.settings is not None and self._has_few_changes(self._photos):
            return found.settings
        if found.segments:
            self._step(self._photos, _extend(INDEX_NAME))
            settings = self._calibrated()
            enough = self._policy.recall_target - self._policy.recall_drift
            efforts = [each for each in (settings.image, settings.text) if each is not None]
            if all(each.recall >= enough for each in efforts):
                return settings
        self._step(self._photos, self._index_anew)
        return self._calibrated()

    def _index_anew(self, dataset: Any) -> None:
        # The parts that several machines index are fragments.
        is_large = len(dataset.get_fragments()) > 1
        build = (self._build_large_index if is_large else None) or _build_index
        build(dataset, INDEX_NAME, self._policy.bits)

    def _calibrated(self) -> SearchSettings:
        policy = self._policy
        found = PhotoVectorsView.of(self._photos.newest(), policy)
        ids, vectors = sample_rows(found.view, policy.queries, policy.seed)
        texts = None
        if self._encode_texts is not None:
            captions = prompts()
            texts = self._encode_texts(captions[:: max(1, len(captions) // policy.queries)])
        partitions = len(found.view.dataset.get_ivf_model(INDEX_NAME).centroids)
        return calibrated(found, partitions, (ids, vectors), texts)

    def _publish(self, settings: SearchSettings | None) -> None:
        numbers = self._baselines.newest().read(["number"])["number"].to_pylist()
        columns: dict[str, Any] = {
            "number": max(numbers, default=0) + 1,
            **self._published_columns(max(numbers, default=0)),
        }
        self._baselines.merge(pa.Table.from_pylist([columns], self._baselines.schema))
        self._baselines.delete(f"number < {columns['number'] - 1}")
        text = "" if settings is None else settings_text(settings)
        self._step(self._photos, lambda dataset: dataset.update_config({CONFIG_KEY: text}))
        for table in (self._photos, self._files):
            self._tag(table, table.newest().version)

    def _published_columns(self, published: int) -> dict[str, Any]:
        """Return the score baseline and the words of names, as the columns for them have them.

        Those with the number `published` are published again unless the archive has changed enough.
        """
        view = self._photos.newest()
        count = view.count()
        columns = [*_BASELINE_COLUMNS, "vectors", "made_by", "words"]
        for row in self._baselines.newest().read(columns, f"number = {published}").to_pylist():
            is_close = row["vectors"] and abs(count - row["vectors"]) <= _FEW * row["vectors"]
            if is_close and row["made_by"] == VERSION:
                return dict(row)
        return {"words": words_of_names(view), **self._baseline_columns(view, count)}

    def _baseline_columns(self, view: View, count: int) -> dict[str, Any]:
        """Return the score baseline of these vectors; nothing for too few."""
        if self._make_baseline is None or not count:
            return {}
        vectors = first_by_content(view, self._policy.sample)
        mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        baseline = self._make_baseline(vectors[:SAMPLE_PHOTOS], mean, count)
        if baseline is None:
            return {}
        # The numbers are those of fp16 where a library stores these, so that verdicts are the same.
        numbers = {name: np.asarray(getattr(baseline, name), "<f4") for name in _BASELINE_COLUMNS}
        numbers |= {
            name: rows.astype("<f2").astype("<f4")
            for name, rows in numbers.items()
            if name != "mean"
        }
        return {
            **{name: rows.tobytes() for name, rows in numbers.items()},
            "vectors": baseline.vectors,
            "made_by": VERSION,
        }

    def _tag(self, table: Table, version: int) -> None:
        with table.tagging() as dataset:
            known = dataset.tags.list()
            before = known[PUBLISHED]["version"] if PUBLISHED in known else None
            for tag, target in ((_BEFORE, before), (PUBLISHED, version)):
                if target is not None and tag in known:
                    dataset.tags.update(tag, target)
                elif target is not None:
                    dataset.tags.create(tag, target)

    def go_back(self) -> None:
        """Make the version that was published before the last one the newest again.

        What was put since then is put again by the next run of an index. Raises UsageError where
        nothing was published before.
        """
        with lance_errors(self.address):
            for table in (self._photos, self._files):
                with table.changing() as dataset:
                    known = dataset.tags.list()
                    if _BEFORE not in known:
                        raise UsageError(
                            f"The archive {self.address} was settled once: there is no version "
                            "to go back to."
                        )
                    dataset.checkout_version(_BEFORE).restore()
                self._tag(table, table.newest().version)
            marks = self._marks.newest().read(["hash", *MARK_COLUMNS]).to_pylist()
            self._note_marked(map(marks_of, marks))
            rows = self._photo_people.newest().read(["hash"])
            self._follow({*rows["hash"].to_pylist(), *(row["hash"] for row in marks)}, {})
            mark = {LINEAGE: uuid4().hex}
            self._step(self._photos, lambda dataset: dataset.update_config(mark))

    def lineage(self) -> str:
        """Return a value that changes with `go_back`: later photos may not be here any more."""
        with lance_errors(self.address):
            return str(self._photos.newest().dataset.config().get(LINEAGE, ""))

    def _clean(self, table: Table) -> None:
        with table.changing() as dataset:
            dataset.cleanup_old_versions(
                timedelta(minutes=self._policy.keep_minutes), error_if_tagged_old_versions=False
            )


def _index(column: str, kind: str, name: str) -> Callable[[Any], object]:
    """Return the step that indexes a column."""
    return lambda dataset: dataset.create_scalar_index(column, kind, name=name)


def _set(column: str, value: str, condition: str) -> Callable[[Any], object]:
    """Return the step that gives a column a value, in SQL, in the rows that fulfil a condition."""
    return lambda dataset: dataset.update({column: value}, where=condition)


def _build_index(dataset: Any, name: str, bits: int) -> None:
    """Index the vectors of a table in this process."""
    dataset.create_index(
        "vector", "IVF_RQ", name=name, metric="cosine", num_bits=bits, replace=True
    )


def _extend(name: str) -> Callable[[Any], object]:
    """Return the step that adds to an index what it does not have yet."""
    return lambda dataset: dataset.optimize.optimize_indices(index_names=[name])
