"""Batches of photos on their way into a library: a database in memory, matched by content.

A batch is a serialized database with the tables of a library. It is attached as `batch`, in one
transaction of the library. Its table `matches` has the id that each of its photos has in the
library, and says whether the photo returns there after its files were gone, and whether its facts
take the place of those in the library, as those of a new photo do. `found` has the files of the
batch that the library is to have.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from imgsearch.records.photo import MEASURED_FACTS
from imgsearch.store import names, schema
from imgsearch.store.sql import FACT_COLUMNS, LIST_FACTS, READ_AT, now

FACT_NAMES = tuple(fact.name for fact in FACT_COLUMNS)
_ALL_FACTS = (*FACT_NAMES, *LIST_FACTS)
READING = [column.name for column in schema.text_readings.columns if column.name != "photo_id"]
LINE = [column.name for column in schema.text_lines.columns if column.name != "photo_id"]


def columns_text(names: Iterable[str], prefix: str = "") -> str:
    """Return these columns as SQL lists them."""
    return ", ".join(prefix + name for name in names)


_MATCHES = (
    "CREATE TABLE batch.matches (pack_id INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, "
    "returns INTEGER NOT NULL, has_newer_facts INTEGER NOT NULL)"
)
_FOUND = (
    "CREATE TABLE batch.found (pack_id INTEGER NOT NULL, root_id INTEGER NOT NULL, "
    "name BLOB NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, "
    "inode INTEGER NOT NULL)"
)
_MATCH_KNOWN = (
    "INSERT INTO batch.matches SELECT theirs.id, ours.id, ours.gone_at IS NOT NULL, {} "
    "FROM batch.photos AS theirs JOIN main.photos AS ours USING (content_hash)"
)
_UNMATCHED = "theirs.id NOT IN (SELECT pack_id FROM batch.matches)"
_MATCH_NEW = (
    "INSERT INTO batch.matches SELECT theirs.id, ours.id, 0, 1 "
    f"FROM batch.photos AS theirs JOIN main.photos AS ours USING (content_hash) WHERE {_UNMATCHED}"
)
# The facts that each photo of a batch lacks: those that the batches do not know, and those that it
# was not read for.
_LACKING = (
    "CREATE TABLE batch.lacking (pack_id INTEGER NOT NULL, fact TEXT NOT NULL, "
    "PRIMARY KEY (pack_id, fact)) WITHOUT ROWID"
)
_LACK_UNKNOWN = (
    "INSERT INTO batch.lacking SELECT photos.id, lacked.value "
    "FROM batch.photos, json_each(:lacked) AS lacked"
)
_LACK_UNREAD = (
    "INSERT OR IGNORE INTO batch.lacking SELECT photos.id, unread.value "
    "FROM batch.photos, json_each(mark_unread) AS unread "
    "WHERE unread.value IN (SELECT value FROM json_each(:known))"
)
# Of the facts that photos of the batch lack, those that known photos with older facts were not read
# for either. They stay unread when the rest of their facts is replaced.
_STILL_UNREAD = (
    "CREATE TABLE batch.unread AS SELECT matches.id AS photo_id, lacking.fact "
    "FROM batch.matches JOIN batch.lacking USING (pack_id) "
    "JOIN main.photos ON photos.id = matches.id "
    f"WHERE has_newer_facts AND ({READ_AT} < (SELECT added_at FROM main.later_facts "
    "WHERE later_facts.fact = lacking.fact) OR EXISTS (SELECT 1 FROM main.unread_facts AS known "
    "WHERE known.photo_id = photos.id AND known.fact = lacking.fact))"
)
_NEW_ARE_UNREAD = (
    "INSERT INTO batch.unread SELECT ours.id, lacking.fact FROM batch.photos AS theirs "
    "JOIN main.photos AS ours USING (content_hash) "
    f"JOIN batch.lacking ON lacking.pack_id = theirs.id WHERE {_UNMATCHED}"
)
# Photos have been read for all facts that they do not lack, also for those that the library learned
# after they were read elsewhere.
_NOTE_TAKEN = (
    "INSERT OR REPLACE INTO main.facts_taken SELECT photos.id, :now "
    "FROM batch.matches JOIN main.photos ON photos.id = matches.id "
    "WHERE has_newer_facts AND facts_at < (SELECT max(added_at) FROM main.later_facts)"
)
_LACKS = "EXISTS (SELECT 1 FROM batch.lacking WHERE lacking.pack_id = theirs.id AND fact = '{}')"
_NOTE_UNREAD = "INSERT INTO main.unread_facts SELECT photo_id, fact FROM batch.unread"
_WITH_FACTS = "(SELECT id FROM batch.matches WHERE has_newer_facts)"
_ADD_VECTORS = (
    "INSERT INTO main.vectors (encoder_key, photo_id, part, vector, at_s) "
    'SELECT ours."key", matches.id, part, vector, at_s FROM batch.vectors AS theirs '
    'JOIN batch.encoders AS packed ON packed."key" = encoder_key '
    "JOIN main.encoders AS ours ON ours.encoder_id = packed.encoder_id "
    "JOIN batch.matches ON pack_id = photo_id "
    "WHERE NOT EXISTS (SELECT 1 FROM main.vectors AS known "
    'WHERE known.photo_id = matches.id AND known.encoder_key = ours."key") '
    'ORDER BY matches.id, ours."key", part'
)
_NEWER_TEXTS = (
    "CREATE TABLE batch.newer_texts AS SELECT pack_id, matches.id "
    "FROM batch.text_readings AS theirs JOIN batch.matches ON pack_id = theirs.photo_id "
    "LEFT JOIN main.text_readings AS ours ON ours.photo_id = matches.id WHERE {}"
)
_SET_TEXTS = (
    "DELETE FROM main.text_lines WHERE photo_id IN (SELECT id FROM batch.newer_texts)",
    f"INSERT OR REPLACE INTO main.text_readings (photo_id, {columns_text(READING)}) "
    f"SELECT newer.id, {columns_text(READING, 'theirs.')} FROM batch.newer_texts AS newer "
    "JOIN batch.text_readings AS theirs ON photo_id = pack_id",
    f"INSERT INTO main.text_lines (photo_id, {columns_text(LINE)}) "
    f"SELECT newer.id, {columns_text(LINE, 'theirs.')} FROM batch.newer_texts AS newer "
    "JOIN batch.text_lines AS theirs ON photo_id = pack_id ORDER BY newer.id, place",
)
# A snapshot that was built while a photo had no file left it out. With a new `seq`, its vectors are
# in the tail of any snapshot.
_RENUMBER = (
    "CREATE TABLE batch.renumbered AS SELECT encoder_key, photo_id, part, vector, at_s "
    "FROM main.vectors WHERE photo_id IN (SELECT id FROM batch.matches "
    "WHERE returns AND pack_id IN (SELECT pack_id FROM batch.found))",
    "DELETE FROM main.vectors WHERE photo_id IN (SELECT photo_id FROM batch.renumbered)",
    "INSERT INTO main.vectors (encoder_key, photo_id, part, vector, at_s) "
    "SELECT * FROM batch.renumbered ORDER BY photo_id, encoder_key, part",
)
# Marks that a photo has here stay.
_ADD_MARKS = (
    "INSERT OR IGNORE INTO main.marks (kind, photo_id, value) SELECT 'favourite', matches.id, 1 "
    "FROM batch.photos JOIN batch.matches ON pack_id = photos.id WHERE mark_favourite",
    "INSERT OR IGNORE INTO main.marks (kind, photo_id, value) SELECT 'hidden', matches.id, 1 "
    "FROM batch.photos JOIN batch.matches ON pack_id = photos.id WHERE mark_hidden",
    "INSERT OR IGNORE INTO main.marks (kind, photo_id, value) SELECT 'rating', matches.id, "
    "mark_rating FROM batch.photos JOIN batch.matches ON pack_id = photos.id "
    "WHERE mark_rating IS NOT NULL",
)
_FORGET_FAILURES = (
    "DELETE FROM main.failures WHERE path_id IN (SELECT paths.id FROM batch.found "
    "JOIN main.paths USING (root_id, name) WHERE photo_id IS NOT NULL)"
)


class BatchFile(NamedTuple):
    """A file of a batch: the id of its photo in the batch, and its row in the library."""

    photo_id: int
    root_id: int
    name: bytes
    size_bytes: int
    mtime_ns: int
    inode: int


class BatchRows:
    """The steps by which the rows of a batch get into a library, on one connection.

    In the block of `attached`, `find` and `match` come first.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        fact_names: Collection[str],
        *,
        has_unread: bool = False,
    ) -> None:
        """`fact_names` are the facts that the batches know; others stay as they are.

        With `has_unread`, photos of the batches name facts that they were not read for, in a column
        `mark_unread`. These stay as they are, too.
        """
        self._connection = connection
        self._has_unread = has_unread
        self._facts = [name for name in FACT_NAMES if name in fact_names]
        self._lacked = json.dumps([name for name in _ALL_FACTS if name not in fact_names])
        self._lists = {fact: column for fact, column in LIST_FACTS.items() if fact in fact_names}

    @contextmanager
    def attached(self, library: bytes) -> Iterator[None]:
        """Attach a serialized batch in a transaction, which ends with the names in step."""
        connection = self._connection
        connection.execute("ATTACH ':memory:' AS batch")
        try:
            connection.deserialize(library, name="batch")
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(_MATCHES)
                connection.execute(_FOUND)
                yield
                names.refresh(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite has ended it itself on a full disk
                    connection.execute("ROLLBACK")
                raise
        finally:
            connection.execute("DETACH batch")

    def find(self, files: Iterable[BatchFile]) -> None:
        """Note the files of the batch that the library is to have."""
        self._connection.executemany("INSERT INTO batch.found VALUES (?, ?, ?, ?, ?, ?)", files)

    def match(self, has_newer_facts: str) -> None:
        """Match the photos that the library has.

        The condition `has_newer_facts`, in SQL, says of which of them the facts are taken; the
        rows of both are `theirs` and `ours`.
        """
        execute = self._connection.execute
        execute(_MATCH_KNOWN.format(has_newer_facts))
        execute(_LACKING)
        execute(_LACK_UNKNOWN, {"lacked": self._lacked})
        if self._has_unread:
            execute(_LACK_UNREAD, {"known": json.dumps(self._facts)})
        execute(_STILL_UNREAD)

    def update_facts(self) -> int:
        """Replace the facts of known photos by newer ones; returns of how many photos.

        Facts that were measured stay where the batch has none: see `with_measured`.
        """
        new = {name: f"theirs.{name}" for name in ("facts_at", *self._facts)}
        new |= {
            name: f"coalesce(theirs.{name}, photos.{name})"
            for name in self._facts
            if name in MEASURED_FACTS
        }
        if self._has_unread:
            lacking = self._connection.execute("SELECT DISTINCT fact FROM batch.lacking")
            for name in {fact for (fact,) in lacking}.intersection(self._facts):
                new[name] = (
                    f"CASE WHEN {_LACKS.format(name)} THEN photos.{name} ELSE {new[name]} END"
                )
        changes = ", ".join(f"{name} = {value}" for name, value in new.items())
        return self._connection.execute(
            f"UPDATE main.photos SET {changes} FROM batch.matches "
            "JOIN batch.photos AS theirs ON theirs.id = pack_id "
            "WHERE photos.id = matches.id AND has_newer_facts"
        ).rowcount

    def add_photos(self) -> int:
        """Add the photos that the library does not have. They are gone until they get a path."""
        columns = columns_text(("facts_at", *self._facts))
        new = self._connection.execute(
            f"INSERT INTO main.photos (content_hash, size_bytes, added_at, gone_at, {columns}) "
            f"SELECT content_hash, size_bytes, :now, :now, {columns} FROM batch.photos AS theirs "
            f"WHERE {_UNMATCHED} ORDER BY id",
            {"now": now()},
        ).rowcount
        self._connection.execute(_NEW_ARE_UNREAD)
        self._connection.execute(_MATCH_NEW)
        self._connection.execute(_NOTE_UNREAD)
        self._connection.execute(_NOTE_TAKEN, {"now": now()})
        return new

    def set_lists(self) -> None:
        """Give photos with newer facts exactly the keywords and people of the batch."""
        for fact, id_column in self._lists.items():
            for statement in (
                f"DELETE FROM main.photo_{fact} WHERE photo_id IN {_WITH_FACTS}",
                f"INSERT OR IGNORE INTO main.{fact} (name) SELECT name FROM batch.{fact} "
                f"WHERE id IN (SELECT {id_column} FROM batch.photo_{fact} "
                "JOIN batch.matches ON pack_id = photo_id WHERE has_newer_facts) ORDER BY id",
                f"INSERT INTO main.photo_{fact} (photo_id, place, {id_column}) "
                f"SELECT matches.id, place, ours.id FROM batch.photo_{fact} AS theirs "
                "JOIN batch.matches ON pack_id = theirs.photo_id "
                f"JOIN batch.{fact} AS packed ON packed.id = theirs.{id_column} "
                f"JOIN main.{fact} AS ours ON ours.name = packed.name "
                "WHERE has_newer_facts ORDER BY matches.id, place",
            ):
                self._connection.execute(statement)

    def add_vectors(self) -> int:
        """Add vectors of encoders of which a photo has none; returns of how many photos."""
        (last,) = self._connection.execute("SELECT max(seq) FROM main.vectors").fetchone()
        self._connection.execute(_ADD_VECTORS)
        query = "SELECT count(DISTINCT photo_id) FROM main.vectors WHERE seq > ?"
        return int(self._connection.execute(query, (last or 0,)).fetchone()[0])

    def set_texts(self, is_newer: str) -> int:
        """Replace the text of photos whose reading fulfils a condition; returns their number.

        In the condition, the readings of both are `theirs` and `ours`, which may be null.
        """
        self._connection.execute(_NEWER_TEXTS.format(is_newer))
        (texts,) = self._connection.execute("SELECT count(*) FROM batch.newer_texts").fetchone()
        for statement in _SET_TEXTS:
            self._connection.execute(statement)
        return int(texts)

    def renumber(self) -> None:
        """Give the vectors of photos that return a new `seq`."""
        for statement in _RENUMBER:
            self._connection.execute(statement)

    def forget_failures(self) -> None:
        """Delete what is known of why these files could not be read."""
        self._connection.execute(_FORGET_FAILURES)

    def add_marks(self) -> int:
        """Add the marks of photos; returns how many were added."""
        return sum(self._connection.execute(statement).rowcount for statement in _ADD_MARKS)
