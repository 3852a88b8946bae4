"""Brings a database to the schema of this version, one named migration after another.

The first migration makes the tables of version 0.1.0, the first release. A database from before is
refused. A new fact of photos needs no migration: its column is added because `Facts` declares it,
and a version that does not know it goes on reading and writing the others.

Each migration runs in a transaction of its own and is recorded by name in the table `migrations`.
A released migration is never edited: a change is a new migration at the end. `application_id`
tells our files from others; `user_version` is the number of migrations, for people and for tools.
"""

from __future__ import annotations

import sqlite3

from imgsearch.errors import CommandLine, SchemaTooNew, SchemaTooOld, Sentence, StoreError
from imgsearch.installation import update_command
from imgsearch.store.names import refresh
from imgsearch.store.sql import FACT_COLUMNS, column_of

APPLICATION_ID = 0x696D6773  # "imgs"

# Folders and their files, photos with their facts, and what could not be read. `flash` is added as
# later facts are: an imgsearch that does not know one ignores its column.
_PHOTOS = """
CREATE TABLE migrations (
    name TEXT NOT NULL PRIMARY KEY,
    applied_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE roots (
    id INTEGER NOT NULL PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    added_at TEXT NOT NULL,
    volume TEXT,
    volume_path BLOB,
    lost INTEGER NOT NULL DEFAULT 0,
    lost_at FLOAT NOT NULL DEFAULT 0,
    paused_at TEXT
);
CREATE TABLE photos (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    content_hash BLOB NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    added_at TEXT NOT NULL,
    gone_at TEXT,
    facts_at TEXT NOT NULL,
    format TEXT NOT NULL,
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    taken_at TEXT,
    dated_by TEXT,
    camera TEXT,
    lens TEXT,
    lat FLOAT,
    lon FLOAT,
    town TEXT,
    region TEXT,
    country TEXT,
    near_town BOOLEAN NOT NULL DEFAULT 0,
    title TEXT,
    headline TEXT,
    description TEXT,
    creator TEXT,
    rating INTEGER,
    duration_s FLOAT,
    motion TEXT,
    animated BOOLEAN NOT NULL DEFAULT 0,
    exposure_s FLOAT,
    aperture FLOAT,
    iso INTEGER,
    focal_mm FLOAT
);
CREATE INDEX photos_gone ON photos (gone_at) WHERE gone_at IS NOT NULL;
CREATE INDEX photos_by_date ON photos (taken_at);
CREATE INDEX photos_by_camera ON photos (camera);
CREATE INDEX photos_by_lens ON photos (lens);
CREATE INDEX photos_by_creator ON photos (creator);
CREATE INDEX photos_by_place ON photos (lat, lon);
CREATE TABLE paths (
    id INTEGER NOT NULL PRIMARY KEY,
    root_id INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
    name BLOB NOT NULL,
    photo_id INTEGER REFERENCES photos (id) ON DELETE CASCADE,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    missing_since TEXT,
    UNIQUE (root_id, name)
);
CREATE INDEX paths_by_photo ON paths (photo_id);
CREATE INDEX paths_missing ON paths (root_id) WHERE missing_since IS NOT NULL;
CREATE TABLE sidecars (
    id INTEGER NOT NULL PRIMARY KEY,
    root_id INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
    name BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    UNIQUE (root_id, name)
);
CREATE TABLE failures (
    path_id INTEGER NOT NULL PRIMARY KEY REFERENCES paths (id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    failed_at TEXT NOT NULL,
    content_hash BLOB,
    extra TEXT,
    read_by TEXT
);
CREATE INDEX failures_by_content ON failures (content_hash);
CREATE TABLE folders (
    id INTEGER NOT NULL PRIMARY KEY,
    root_id INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
    name BLOB NOT NULL,
    message TEXT NOT NULL,
    UNIQUE (root_id, name)
);
"""

# When the last path of a photo was removed. Triggers see every way in which a path can be removed.
_GONE = """
CREATE TRIGGER photo_comes AFTER INSERT ON paths WHEN new.photo_id IS NOT NULL
    BEGIN UPDATE photos SET gone_at = NULL WHERE id = new.photo_id AND gone_at IS NOT NULL; END;
CREATE TRIGGER photo_replaces AFTER UPDATE OF photo_id ON paths WHEN new.photo_id IS NOT NULL
    BEGIN UPDATE photos SET gone_at = NULL WHERE id = new.photo_id AND gone_at IS NOT NULL; END;
CREATE TRIGGER photo_goes AFTER DELETE ON paths WHEN old.photo_id IS NOT NULL
    BEGIN UPDATE photos SET gone_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
        WHERE id = old.photo_id
        AND NOT EXISTS (SELECT 1 FROM paths WHERE photo_id = old.photo_id); END;
CREATE TRIGGER photo_is_replaced AFTER UPDATE OF photo_id ON paths WHEN old.photo_id IS NOT NULL
    BEGIN UPDATE photos SET gone_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
        WHERE id = old.photo_id
        AND NOT EXISTS (SELECT 1 FROM paths WHERE photo_id = old.photo_id); END;
"""

_LISTS = """
CREATE TABLE keywords (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE photo_keywords (
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    keyword_id INTEGER NOT NULL REFERENCES keywords (id) ON DELETE CASCADE,
    PRIMARY KEY (photo_id, place)
) WITHOUT ROWID;
CREATE INDEX photo_keywords_by_keyword ON photo_keywords (keyword_id);
CREATE TABLE people (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE photo_people (
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    person_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    PRIMARY KEY (photo_id, place)
) WITHOUT ROWID;
CREATE INDEX photo_people_by_person ON photo_people (person_id);
"""

# Encoders, vectors, index snapshots, and the scores of unrelated queries.
_VECTORS = """
CREATE TABLE encoders (
    "key" INTEGER NOT NULL PRIMARY KEY,
    encoder_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    dim INTEGER NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE vectors (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    encoder_key INTEGER NOT NULL REFERENCES encoders ("key") ON DELETE CASCADE,
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    part INTEGER NOT NULL,
    vector BLOB NOT NULL,
    at_s FLOAT,
    UNIQUE (photo_id, encoder_key, part)
);
CREATE INDEX vectors_of_parts ON vectors (encoder_key, photo_id) WHERE part > 0;
CREATE TABLE snapshots (
    id INTEGER NOT NULL PRIMARY KEY,
    encoder_key INTEGER NOT NULL UNIQUE REFERENCES encoders ("key") ON DELETE CASCADE,
    file_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    vectors INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    built_at TEXT NOT NULL,
    details JSON NOT NULL
);
CREATE TABLE nulls (
    encoder_key INTEGER NOT NULL PRIMARY KEY REFERENCES encoders ("key") ON DELETE CASCADE,
    prompts BLOB NOT NULL,
    nouns BLOB NOT NULL,
    photos BLOB NOT NULL,
    mean BLOB NOT NULL,
    prompts_sha256 TEXT NOT NULL,
    vectors INTEGER NOT NULL
);
"""

# Names of photos and the full-text indexes of them: see `imgsearch.store.names`.
_NAMES = """
CREATE TABLE stale_names (photo_id INTEGER NOT NULL);
CREATE TABLE names (
    photo_id INTEGER NOT NULL PRIMARY KEY,
    file_name TEXT NOT NULL,
    folder TEXT NOT NULL,
    title TEXT NOT NULL,
    headline TEXT NOT NULL,
    description TEXT NOT NULL,
    creator TEXT NOT NULL,
    keywords TEXT NOT NULL,
    people TEXT NOT NULL,
    place TEXT NOT NULL,
    country TEXT NOT NULL
);
CREATE VIRTUAL TABLE names_words USING fts5 (
    file_name, folder, title, headline, description, creator, keywords, people, place, country,
    content = 'names', content_rowid = 'photo_id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE names_parts USING fts5 (
    file_name, folder, title, headline, creator, keywords, people, place, country,
    content = 'names', content_rowid = 'photo_id', tokenize = 'trigram'
);
CREATE TRIGGER words_come AFTER INSERT ON names BEGIN
    INSERT INTO names_words (rowid, file_name, folder, title, headline, description, creator,
        keywords, people, place, country)
        VALUES (new.photo_id, new.file_name, new.folder, new.title, new.headline, new.description,
        new.creator, new.keywords, new.people, new.place, new.country); END;
CREATE TRIGGER words_go AFTER DELETE ON names BEGIN
    INSERT INTO names_words (names_words, rowid, file_name, folder, title, headline, description,
        creator, keywords, people, place, country)
        VALUES ('delete', old.photo_id, old.file_name, old.folder, old.title, old.headline,
        old.description, old.creator, old.keywords, old.people, old.place, old.country); END;
CREATE TRIGGER parts_come AFTER INSERT ON names BEGIN
    INSERT INTO names_parts (rowid, file_name, folder, title, headline, creator, keywords, people,
        place, country)
        VALUES (new.photo_id, new.file_name, new.folder, new.title, new.headline, new.creator,
        new.keywords, new.people, new.place, new.country); END;
CREATE TRIGGER parts_go AFTER DELETE ON names BEGIN
    INSERT INTO names_parts (names_parts, rowid, file_name, folder, title, headline, creator,
        keywords, people, place, country)
        VALUES ('delete', old.photo_id, old.file_name, old.folder, old.title, old.headline,
        old.creator, old.keywords, old.people, old.place, old.country); END;
CREATE TRIGGER path_named AFTER INSERT ON paths WHEN new.photo_id IS NOT NULL
    BEGIN INSERT INTO stale_names VALUES (new.photo_id); END;
CREATE TRIGGER path_renamed AFTER UPDATE OF root_id, name, photo_id ON paths
    BEGIN INSERT INTO stale_names
        SELECT old.photo_id WHERE old.photo_id IS NOT NULL
        UNION SELECT new.photo_id WHERE new.photo_id IS NOT NULL; END;
CREATE TRIGGER path_unnamed AFTER DELETE ON paths WHEN old.photo_id IS NOT NULL
    BEGIN INSERT INTO stale_names VALUES (old.photo_id); END;
CREATE TRIGGER root_renamed AFTER UPDATE OF path ON roots
    BEGIN INSERT INTO stale_names
        SELECT photo_id FROM paths WHERE root_id = new.id AND photo_id IS NOT NULL; END;
CREATE TRIGGER photo_renamed
    AFTER UPDATE OF title, headline, description, creator, town, region, country ON photos
    BEGIN INSERT INTO stale_names VALUES (new.id); END;
CREATE TRIGGER keyword_added AFTER INSERT ON photo_keywords
    BEGIN INSERT INTO stale_names VALUES (new.photo_id); END;
CREATE TRIGGER keyword_removed AFTER DELETE ON photo_keywords
    BEGIN INSERT INTO stale_names VALUES (old.photo_id); END;
CREATE TRIGGER person_added AFTER INSERT ON photo_people
    BEGIN INSERT INTO stale_names VALUES (new.photo_id); END;
CREATE TRIGGER person_removed AFTER DELETE ON photo_people
    BEGIN INSERT INTO stale_names VALUES (old.photo_id); END;
"""

# Each name of a folder, keyword, person or place, and how many photos have it. As a
# JSON list, the names of one field are rows: they are words, so nothing in them needs an escape.
# 57344 is U+E000.
_KNOWN_FIELDS = ("folder", "keywords", "people", "place", "country")


def _listed_names(row: str, field: str) -> str:
    text = f"replace({row}.{field}, ' ' || char(57344) || ' ', '\",\"')"
    return f"json_each('[\"' || {text} || '\"]')"


_KNOWN_NAMES = "\n".join(
    [
        """
CREATE TABLE known_names (
    field TEXT NOT NULL,
    name TEXT NOT NULL,
    photos INTEGER NOT NULL,
    PRIMARY KEY (field, name)
) WITHOUT ROWID;""",
        *(
            f"""
CREATE TRIGGER {field}_known AFTER INSERT ON names WHEN new.{field} != '' BEGIN
    INSERT INTO known_names SELECT '{field}', value, 1 FROM {_listed_names("new", field)} WHERE true
        ON CONFLICT DO UPDATE SET photos = photos + 1; END;
CREATE TRIGGER {field}_unknown AFTER DELETE ON names WHEN old.{field} != '' BEGIN
    UPDATE known_names SET photos = photos - 1 WHERE field = '{field}'
        AND name IN (SELECT value FROM {_listed_names("old", field)}); DELETE FROM known_names
        WHERE field = '{field}' AND photos <= 0
        AND name IN (SELECT value FROM {_listed_names("old", field)}); END;"""
            for field in _KNOWN_FIELDS
        ),
        "",
    ]
)

# Text read in pictures, and the full-text index of it. Photos in whose small copy a reader saw no
# text are in `text_looks`; they are read in full only on request.
_TEXT = """
CREATE TABLE text_readings (
    photo_id INTEGER NOT NULL PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    reader TEXT NOT NULL,
    read_at TEXT NOT NULL,
    message TEXT
);
CREATE TABLE text_lines (
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    line TEXT NOT NULL,
    x FLOAT NOT NULL,
    y FLOAT NOT NULL,
    width FLOAT NOT NULL,
    height FLOAT NOT NULL,
    confidence FLOAT NOT NULL,
    PRIMARY KEY (photo_id, place)
) WITHOUT ROWID;
CREATE TABLE text_looks (
    photo_id INTEGER NOT NULL PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    reader TEXT NOT NULL
);
CREATE TABLE texts (
    photo_id INTEGER NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
);
CREATE VIRTUAL TABLE text_words USING fts5 (
    text, content = 'texts', content_rowid = 'photo_id',
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER text_comes AFTER INSERT ON texts BEGIN
    INSERT INTO text_words (rowid, text) VALUES (new.photo_id, new.text); END;
CREATE TRIGGER text_goes AFTER DELETE ON texts BEGIN
    INSERT INTO text_words (text_words, rowid, text)
        VALUES ('delete', old.photo_id, old.text); END;
CREATE TRIGGER text_line_added AFTER INSERT ON text_lines
    BEGIN INSERT INTO stale_names VALUES (new.photo_id); END;
CREATE TRIGGER text_line_removed AFTER DELETE ON text_lines
    BEGIN INSERT INTO stale_names VALUES (old.photo_id); END;
"""

# Saved labels.
_LABELS = """
CREATE TABLE facets (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    classes JSON NOT NULL,
    template TEXT,
    none_of_these BOOLEAN NOT NULL,
    encoder_key INTEGER REFERENCES encoders ("key") ON DELETE SET NULL,
    last_seq INTEGER NOT NULL,
    rows BLOB
);
CREATE TABLE labels (
    facet_id INTEGER NOT NULL REFERENCES facets (id) ON DELETE CASCADE,
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    probability FLOAT NOT NULL,
    PRIMARY KEY (facet_id, photo_id)
) WITHOUT ROWID;
CREATE INDEX labels_by_label ON labels (label, photo_id);
CREATE INDEX labels_by_photo ON labels (photo_id);
"""

# Queries with a name, the examples that a query line cannot express, and which photos were seen.
_SAVED_SEARCHES = """
CREATE TABLE saved_searches (
    id INTEGER NOT NULL PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    line TEXT NOT NULL,
    k INTEGER,
    include_weak BOOLEAN NOT NULL,
    saved_at TEXT NOT NULL,
    looked_at TEXT NOT NULL,
    seen BLOB NOT NULL,
    announced BLOB NOT NULL
);
CREATE TABLE saved_examples (
    search_id INTEGER NOT NULL REFERENCES saved_searches (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    weight FLOAT NOT NULL,
    photo_id INTEGER,
    image BLOB,
    region TEXT,
    PRIMARY KEY (search_id, position),
    CHECK ((photo_id IS NULL) != (image IS NULL))
);
"""

# Concepts taught by examples, their examples, and the photos that they were found in.
_CONCEPTS = """
CREATE TABLE concepts (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    words TEXT,
    plain_name TEXT NOT NULL UNIQUE,
    taught_at TEXT NOT NULL,
    encoder_key INTEGER REFERENCES encoders ("key") ON DELETE SET NULL,
    last_seq INTEGER NOT NULL,
    vectors INTEGER NOT NULL,
    direction BLOB NOT NULL,
    slope FLOAT NOT NULL,
    intercept FLOAT NOT NULL,
    sure_from FLOAT,
    likely_from FLOAT,
    test JSON
);
CREATE TABLE concept_examples (
    concept_id INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
    content_hash BLOB NOT NULL,
    is_like BOOLEAN NOT NULL,
    photo_id INTEGER REFERENCES photos (id) ON DELETE CASCADE,
    source BLOB,
    picture BLOB,
    vector BLOB,
    PRIMARY KEY (concept_id, content_hash)
) WITHOUT ROWID;
CREATE INDEX concept_examples_by_photo ON concept_examples (photo_id);
CREATE TABLE concept_photos (
    concept_id INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    level TEXT NOT NULL,
    PRIMARY KEY (concept_id, photo_id)
) WITHOUT ROWID;
CREATE INDEX concept_photos_by_photo ON concept_photos (photo_id);
"""

# Which near-duplicates to keep, where somebody has chosen otherwise than was proposed.
_DUPLICATE_CHOICES = """
CREATE TABLE duplicate_choices (
    content_hash BLOB NOT NULL PRIMARY KEY,
    is_kept BOOLEAN NOT NULL
) WITHOUT ROWID;
"""

# Albums, of which the one without a name is the tray; what people have said of photos; and the last
# changes of both, to be undone.
_ALBUMS = """
CREATE TABLE albums (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    made_at TEXT NOT NULL
);
CREATE TABLE album_photos (
    album_id INTEGER NOT NULL REFERENCES albums (id) ON DELETE CASCADE,
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    PRIMARY KEY (album_id, photo_id)
) WITHOUT ROWID;
CREATE INDEX album_photos_by_photo ON album_photos (photo_id);
CREATE TABLE marks (
    kind TEXT NOT NULL,
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    value INTEGER NOT NULL,
    PRIMARY KEY (kind, photo_id)
) WITHOUT ROWID;
CREATE INDEX marks_by_photo ON marks (photo_id);
CREATE TABLE changes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    photos INTEGER NOT NULL,
    changed_at TEXT NOT NULL,
    undone_at TEXT,
    steps BLOB NOT NULL
);
"""

# The words of the text in pictures, each also backwards and with the number of its photos, to find
# words with one letter wrong. The texts are written anew to fill it: see `imgsearch.store.names`.
_TEXT_TERMS = """
CREATE TABLE text_terms (
    term TEXT NOT NULL PRIMARY KEY,
    backwards TEXT NOT NULL,
    photos INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX text_terms_backwards ON text_terms (backwards);
INSERT INTO stale_names SELECT photo_id FROM texts;
DELETE FROM texts;
"""

# Faces, the persons that they belong to, and the user's own decisions about them. Decisions belong
# to a content and a box, so that they outlast the faces, which another model finds anew.
_FACES = """
CREATE TABLE persons (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT,
    plain_name TEXT UNIQUE,
    is_hidden BOOLEAN NOT NULL DEFAULT 0,
    made_at TEXT NOT NULL
);
CREATE TABLE face_readings (
    photo_id INTEGER NOT NULL PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    model TEXT NOT NULL,
    read_at TEXT NOT NULL,
    people INTEGER NOT NULL,
    message TEXT
);
CREATE TABLE faces (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    at_s FLOAT,
    x FLOAT NOT NULL,
    y FLOAT NOT NULL,
    width FLOAT NOT NULL,
    height FLOAT NOT NULL,
    score FLOAT NOT NULL,
    size_px FLOAT NOT NULL,
    vector BLOB NOT NULL,
    person_id INTEGER REFERENCES persons (id) ON DELETE SET NULL
);
CREATE INDEX faces_by_photo ON faces (photo_id);
CREATE INDEX faces_by_person ON faces (person_id);
CREATE TABLE face_decisions (
    id INTEGER NOT NULL PRIMARY KEY,
    content_hash BLOB NOT NULL,
    at_s FLOAT,
    x FLOAT NOT NULL,
    y FLOAT NOT NULL,
    width FLOAT NOT NULL,
    height FLOAT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES persons (id) ON DELETE CASCADE,
    is_person BOOLEAN NOT NULL,
    face_id INTEGER REFERENCES faces (id) ON DELETE SET NULL,
    decided_at TEXT NOT NULL
);
CREATE INDEX face_decisions_by_content ON face_decisions (content_hash);
CREATE INDEX face_decisions_by_person ON face_decisions (person_id);
CREATE INDEX face_decisions_by_face ON face_decisions (face_id);
CREATE TABLE people_changes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL,
    before JSON NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE TRIGGER face_named AFTER INSERT ON faces WHEN new.person_id IS NOT NULL
    BEGIN INSERT INTO stale_names VALUES (new.photo_id); END;
CREATE TRIGGER face_renamed AFTER UPDATE OF person_id ON faces
    WHEN new.person_id IS NOT old.person_id
    BEGIN INSERT INTO stale_names VALUES (new.photo_id); END;
CREATE TRIGGER face_unnamed AFTER DELETE ON faces WHEN old.person_id IS NOT NULL
    BEGIN INSERT INTO stale_names VALUES (old.photo_id); END;
CREATE TRIGGER face_decided AFTER INSERT ON face_decisions WHEN new.is_person
    BEGIN INSERT INTO stale_names SELECT id FROM photos WHERE content_hash = new.content_hash; END;
CREATE TRIGGER face_undecided AFTER DELETE ON face_decisions WHEN old.is_person
    BEGIN INSERT INTO stale_names SELECT id FROM photos WHERE content_hash = old.content_hash; END;
CREATE TRIGGER face_decided_anew AFTER UPDATE OF person_id, is_person ON face_decisions
    BEGIN INSERT INTO stale_names SELECT id FROM photos WHERE content_hash = new.content_hash; END;
CREATE TRIGGER photo_returns AFTER INSERT ON photos
    WHEN EXISTS (SELECT 1 FROM face_decisions WHERE content_hash = new.content_hash)
    BEGIN INSERT INTO stale_names VALUES (new.id); END;
CREATE TRIGGER person_renamed AFTER UPDATE OF name, is_hidden ON persons
    BEGIN INSERT INTO stale_names
        SELECT photo_id FROM faces WHERE person_id = new.id
        UNION SELECT photos.id FROM face_decisions JOIN photos USING (content_hash)
            WHERE person_id = new.id AND is_person; END;
"""

# Dates and places that a person has corrected. `photos` has what counts, so that every query is as
# fast as before, and the columns `file_…` keep what the files state. Triggers hold the two
# together: when a correction comes, changes or goes, and when files are read again. `correcting`
# tells these apart: it has a row only while a correction is written to `photos`.
_PLACE = ("lat", "lon", "town", "region", "country", "near_town")


def _correction_triggers(of_date: tuple[str, ...]) -> str:
    """Return the four triggers, for these columns beside `taken_at` and `dated_by` of a date."""
    corrected = ("taken_at", "dated_by", *of_date, *_PLACE)
    columns, of_file = ", ".join(corrected), ", ".join(f"file_{name}" for name in corrected)
    counts = ", ".join(
        [
            "coalesce(taken_at, file_taken_at)",
            "CASE WHEN taken_at IS NULL THEN file_dated_by ELSE 'you' END",
            *(f"CASE WHEN taken_at IS NULL THEN file_{name} ELSE {name} END" for name in of_date),
            *(f"CASE WHEN lat IS NULL THEN file_{name} ELSE {name} END" for name in _PLACE[:-1]),
            "coalesce(CASE WHEN lat IS NULL THEN file_near_town ELSE near_town END, 0)",
        ]
    )
    set_counts = (
        f"UPDATE photos SET ({columns}) = (SELECT {counts} FROM corrections "
        "WHERE photo_id = new.photo_id) WHERE id = new.photo_id; DELETE FROM correcting;"
    )
    return f"""
CREATE TRIGGER correction_comes AFTER INSERT ON corrections
    BEGIN UPDATE corrections SET ({of_file}) = (SELECT {columns} FROM photos
            WHERE id = new.photo_id) WHERE photo_id = new.photo_id; INSERT INTO correcting
            VALUES (new.photo_id); {set_counts} END;
CREATE TRIGGER correction_changes
    AFTER UPDATE OF {", ".join(("taken_at", *of_date, *_PLACE))} ON corrections
    BEGIN INSERT INTO correcting VALUES (new.photo_id); {set_counts} END;
CREATE TRIGGER correction_goes AFTER DELETE ON corrections
    BEGIN INSERT INTO correcting VALUES (old.photo_id); UPDATE photos SET
            ({columns}) = (SELECT
            {", ".join(f"old.file_{name}" for name in corrected[:-1])},
            coalesce(old.file_near_town, 0)) WHERE id = old.photo_id; DELETE FROM correcting; END;
CREATE TRIGGER corrected_photo_is_read AFTER UPDATE OF {columns} ON photos
    WHEN NOT EXISTS (SELECT 1 FROM correcting)
        AND EXISTS (SELECT 1 FROM corrections WHERE photo_id = new.id)
    BEGIN UPDATE corrections SET ({of_file}) = (SELECT
            {", ".join(f"new.{name}" for name in corrected)}) WHERE photo_id = new.id; UPDATE
            photos SET ({columns}) = (SELECT {counts} FROM corrections
            WHERE photo_id = new.id) WHERE id = new.id; END;
"""


_CORRECTIONS = f"""
CREATE TABLE corrections (
    photo_id INTEGER NOT NULL PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    taken_at TEXT,
    lat FLOAT,
    lon FLOAT,
    town TEXT,
    region TEXT,
    country TEXT,
    near_town BOOLEAN,
    file_taken_at TEXT,
    file_dated_by TEXT,
    file_lat FLOAT,
    file_lon FLOAT,
    file_town TEXT,
    file_region TEXT,
    file_country TEXT,
    file_near_town BOOLEAN
);
CREATE TABLE correcting (photo_id INTEGER NOT NULL);
{_correction_triggers(of_date=())}"""

# How much of a face can be made out: null where the model does not measure it.
_FACE_QUALITY = """
ALTER TABLE faces ADD COLUMN quality FLOAT;
ALTER TABLE faces ADD COLUMN turn FLOAT;
"""

# Changes of persons are recorded with those of albums and marks, in `changes`. They name decisions
# by id, so the id of a deleted one is not given again. And which of the persons the user is.
_CHANGES_OF_PEOPLE = """
DROP TABLE people_changes;
CREATE TABLE copied_decisions AS SELECT * FROM face_decisions;
DROP TABLE face_decisions;
CREATE TABLE face_decisions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    content_hash BLOB NOT NULL,
    at_s FLOAT,
    x FLOAT NOT NULL,
    y FLOAT NOT NULL,
    width FLOAT NOT NULL,
    height FLOAT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES persons (id) ON DELETE CASCADE,
    is_person BOOLEAN NOT NULL,
    face_id INTEGER REFERENCES faces (id) ON DELETE SET NULL,
    decided_at TEXT NOT NULL
);
INSERT INTO face_decisions SELECT * FROM copied_decisions;
DROP TABLE copied_decisions;
CREATE INDEX face_decisions_by_content ON face_decisions (content_hash);
CREATE INDEX face_decisions_by_person ON face_decisions (person_id);
CREATE INDEX face_decisions_by_face ON face_decisions (face_id);
CREATE TRIGGER face_decided AFTER INSERT ON face_decisions WHEN new.is_person
    BEGIN INSERT INTO stale_names SELECT id FROM photos WHERE content_hash = new.content_hash; END;
CREATE TRIGGER face_undecided AFTER DELETE ON face_decisions WHEN old.is_person
    BEGIN INSERT INTO stale_names SELECT id FROM photos WHERE content_hash = old.content_hash; END;
CREATE TRIGGER face_decided_anew AFTER UPDATE OF person_id, is_person ON face_decisions
    BEGIN INSERT INTO stale_names SELECT id FROM photos WHERE content_hash = new.content_hash; END;
CREATE TABLE own_person (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    person_id INTEGER NOT NULL REFERENCES persons (id) ON DELETE CASCADE
);
"""

# Titles that somebody has given to the events between two moments.
_EVENT_TITLES = """
CREATE TABLE event_titles (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    start TEXT NOT NULL,
    end_at TEXT NOT NULL
);
"""

# The map of meaning of each encoder.
_MEANING = """
CREATE TABLE meaning_maps (
    encoder_key INTEGER NOT NULL PRIMARY KEY REFERENCES encoders ("key") ON DELETE CASCADE,
    made_at TEXT NOT NULL
);
CREATE TABLE meaning_clusters (
    encoder_key INTEGER NOT NULL REFERENCES meaning_maps (encoder_key) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    level INTEGER NOT NULL,
    parent INTEGER,
    name TEXT NOT NULL,
    x FLOAT NOT NULL,
    y FLOAT NOT NULL,
    PRIMARY KEY (encoder_key, number)
) WITHOUT ROWID;
CREATE TABLE meaning_positions (
    encoder_key INTEGER NOT NULL REFERENCES meaning_maps (encoder_key) ON DELETE CASCADE,
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    x FLOAT NOT NULL,
    y FLOAT NOT NULL,
    cluster INTEGER NOT NULL,
    is_placed BOOLEAN NOT NULL,
    PRIMARY KEY (encoder_key, photo_id)
) WITHOUT ROWID;
CREATE INDEX meaning_positions_by_photo ON meaning_positions (photo_id);
"""

# Jobs that were begun, until they come to their end: see `imgsearch.store.unfinished`.
_UNFINISHED = """
CREATE TABLE unfinished_indexing (
    root_id INTEGER NOT NULL PRIMARY KEY REFERENCES roots (id) ON DELETE CASCADE,
    files_left INTEGER,
    begun_at TEXT NOT NULL
);
CREATE TABLE unfinished_jobs (
    job TEXT NOT NULL PRIMARY KEY,
    photos_left INTEGER,
    options TEXT NOT NULL,
    begun_at TEXT NOT NULL
);
"""

# When columns of facts were added to a library that had photos: those read before lack them.
_LATER_FACTS = """
CREATE TABLE later_facts (
    fact TEXT NOT NULL PRIMARY KEY,
    added_at TEXT NOT NULL
);
"""

# Facts that single photos were never read for: those that the pack of an older version lacked. They
# are read together, so a photo whose facts were read again lacks none.
_UNREAD_FACTS = """
CREATE TABLE unread_facts (
    photo_id INTEGER NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    fact TEXT NOT NULL,
    PRIMARY KEY (photo_id, fact)
) WITHOUT ROWID;
CREATE TRIGGER facts_are_read AFTER UPDATE OF facts_at ON photos
    BEGIN DELETE FROM unread_facts WHERE photo_id = new.id; END;
"""

# When photos came with their facts from a pack or an archive, where these were read before the
# library learned a later fact: see `READ_AT` in `imgsearch.store.sql`.
_FACTS_TAKEN = """
CREATE TABLE facts_taken (
    photo_id INTEGER NOT NULL PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    taken_at TEXT NOT NULL
);
"""

# By which an archive tells the things that came from this library from those of others.
_LIBRARY_IDENTITY = """
CREATE TABLE library_identity (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    identity TEXT NOT NULL
);
INSERT INTO library_identity VALUES (1, lower(hex(randomblob(16))));
"""

# A library that is a copy of an archive: its address, and up to where the copy has it. Of each
# photo that is there, what was taken of it, and in which run: see `imgsearch.archive.replica`.
_REPLICAS = """
CREATE TABLE replica (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    address TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE replicated_photos (
    photo_id INTEGER NOT NULL PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    digest INTEGER NOT NULL,
    run INTEGER NOT NULL
);
"""

# How near photos are to texts of all kinds: see `imgsearch.search.hubness`. A block has photos with
# vectors up to `last_seq`, after those of the block before: int64 ids and float32 values.
_HUBNESS = """
CREATE TABLE hubness (
    encoder_key INTEGER NOT NULL REFERENCES encoders (key) ON DELETE CASCADE,
    last_seq INTEGER NOT NULL,
    bank_sha256 TEXT NOT NULL,
    photo_ids BLOB NOT NULL,
    vals BLOB NOT NULL,
    PRIMARY KEY (encoder_key, last_seq)
);
"""

# How exact a date is: see `imgsearch.records.photo`.
_DATE_PRECISION = f"""
ALTER TABLE corrections ADD COLUMN date_precision TEXT;
ALTER TABLE corrections ADD COLUMN file_date_precision TEXT;
DROP TRIGGER correction_comes;
DROP TRIGGER correction_changes;
DROP TRIGGER correction_goes;
DROP TRIGGER corrected_photo_is_read;
{_correction_triggers(of_date=("date_precision",))}"""

# What people make in a replica of an archive, as items that other replicas get: see
# `imgsearch.items`. `item_state` has a row in a replica only, and without it the triggers
# do nothing. `outbox` has what has changed here, and `user_items` all items, as they were sent or
# received last. A number of an album or a person is given once, and stays with its identity in
# `item_identities` when the row goes, since an undo brings the row back. `joined` is the other one
# of two persons who were made one.
#
# `outbox` has no unique column: a statement with OR REPLACE or OR IGNORE would have its triggers
# replace or ignore rows, too. SQLite knows the time to a millisecond.
_NOW_US = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
_PHOTO_OF = "(SELECT lower(hex(content_hash)) FROM photos WHERE id = {0}.photo_id)"
# Which statements are noted: a table, its columns, and the subject of a row; null: it is not noted.
# A row that goes with its photo is none that a person has removed.
_NOTED_ITEMS = (
    ("album", "albums", "key, name", "CASE WHEN {0}.key != '' THEN CAST({0}.id AS TEXT) END"),
    (
        "album photo",
        "album_photos",
        "place",
        "(SELECT {0}.album_id || '/' || lower(hex(content_hash)) FROM photos WHERE id = "
        "{0}.photo_id AND NOT EXISTS (SELECT 1 FROM albums WHERE id = {0}.album_id AND key = ''))",
    ),
    ("mark", "marks", "value", _PHOTO_OF),
    (
        "correction",
        "corrections",
        "taken_at, date_precision, lat, lon, town, region, country, near_town",
        _PHOTO_OF,
    ),
    (
        "person",
        "persons",
        "name, plain_name, is_hidden",
        "CASE WHEN {0}.name IS NOT NULL OR {0}.is_hidden OR EXISTS (SELECT 1 FROM item_identities "
        "WHERE kind = 'person' AND number = {0}.id) THEN CAST({0}.id AS TEXT) END",
    ),
    ("person", "face_decisions", "person_id, is_person", "CAST({0}.person_id AS TEXT)"),
    ("face", "face_decisions", "person_id, is_person", "lower(hex({0}.content_hash))"),
    ("own person", "own_person", "person_id", "'me'"),
    ("label", "facets", "name, classes, template, none_of_these", "{0}.name"),
    ("concept", "concepts", "name, words, plain_name, taught_at", "{0}.plain_name"),
    (
        "concept",
        "concept_examples",
        "is_like, source, picture",
        "(SELECT plain_name FROM concepts WHERE id = {0}.concept_id AND ({0}.photo_id IS NULL OR "
        "EXISTS (SELECT 1 FROM photos WHERE photos.id = {0}.photo_id)))",
    ),
    ("saved search", "saved_searches", "key, name, line, k, include_weak", "{0}.key"),
    ("event title", "event_titles", "title, start, end_at", "'all'"),
    ("duplicate choice", "duplicate_choices", "is_kept", "lower(hex({0}.content_hash))"),
)
# The keys of rows that changes by people restore: see `imgsearch.store.changes`.
_RESTORED_KEYS = {
    "albums": ("id",),
    "album_photos": ("album_id", "photo_id"),
    "marks": ("kind", "photo_id"),
    "corrections": ("photo_id",),
    "event_titles": ("id",),
    "persons": ("id",),
    "own_person": ("id",),
    "face_decisions": ("id",),
}


def item_subjects() -> dict[str, str]:
    """Return the statements that select what items of each group are about, by its name.

    The subjects are those that the triggers note.
    """
    selections: dict[str, list[str]] = {}
    for kind, table, _, subject in _NOTED_ITEMS:
        selections.setdefault(kind, []).append(
            f"SELECT {subject.format(table)} AS subject FROM {table}"
        )
    return {
        kind: f"SELECT DISTINCT subject FROM ({' UNION ALL '.join(each)}) WHERE subject IS NOT NULL"
        for kind, each in selections.items()
    }


def _item_trigger(name: str, table: str, event: str, is_applying: int, statement: str) -> str:
    return (
        f"CREATE TRIGGER {name} {event} ON {table} WHEN EXISTS (SELECT 1 FROM item_state WHERE "
        f"is_applying = {is_applying}) BEGIN {statement}; END;\n"
    )


def _item_triggers() -> str:
    triggers = []
    columns_of = {table: columns for _, table, columns, _ in _NOTED_ITEMS}
    for kind, table, columns, subject in _NOTED_ITEMS:
        for event, rows in (
            ("INSERT", ("new",)),
            (f"UPDATE OF {columns}", ("new", "old")),
            ("DELETE", ("old",)),
        ):
            subjects = " UNION ".join(f"SELECT {subject.format(row)} AS subject" for row in rows)
            name = f"{table}_{event.split()[0].lower()}_notes_{kind.replace(' ', '_')}"
            statement = (
                f"INSERT INTO outbox (kind, subject, changed_us) SELECT '{kind}', subject, "
                f"{_NOW_US} FROM ({subjects}) WHERE subject IS NOT NULL"
            )
            triggers.append(_item_trigger(name, table, f"AFTER {event}", 0, statement))
    for table, key in _RESTORED_KEYS.items():
        for event, row in (
            ("INSERT", "new"),
            (f"UPDATE OF {columns_of[table]}", "old"),
            ("DELETE", "old"),
        ):
            values = ", ".join(f"{row}.{column}" for column in key)
            name = f"{table}_{event.split()[0].lower()}_by_others"
            statement = (
                f"INSERT INTO rows_of_others (of_table, row_key, after_change) SELECT '{table}', "
                f"json_array({values}), id FROM changes ORDER BY id DESC LIMIT 1"
            )
            triggers.append(_item_trigger(name, table, f"AFTER {event}", 1, statement))
    return "".join(triggers)


_USER_ITEMS = f"""
CREATE TABLE item_state (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    writer TEXT NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    last_photo INTEGER NOT NULL DEFAULT 0,
    is_applying BOOLEAN NOT NULL DEFAULT 0
);
CREATE TABLE outbox (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    changed_us INTEGER NOT NULL
);
CREATE TABLE user_items (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    subject TEXT NOT NULL,
    content BLOB,
    value TEXT,
    changed_us INTEGER NOT NULL,
    writer TEXT NOT NULL,
    is_sent BOOLEAN NOT NULL,
    is_waiting BOOLEAN NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX user_items_by_subject ON user_items (subject, kind);
CREATE INDEX user_items_by_content ON user_items (content) WHERE content IS NOT NULL;
CREATE INDEX user_items_unsent ON user_items (kind, key) WHERE NOT is_sent;
CREATE INDEX user_items_waiting ON user_items (kind, key) WHERE is_waiting;
CREATE TABLE item_identities (
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    identity TEXT NOT NULL UNIQUE,
    joined INTEGER,
    PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE TABLE rows_of_others (
    of_table TEXT NOT NULL,
    row_key TEXT NOT NULL,
    after_change INTEGER NOT NULL
);
CREATE INDEX rows_of_others_by_change ON rows_of_others (after_change);
CREATE TRIGGER items_wait_for_photo AFTER DELETE ON photos
    WHEN EXISTS (SELECT 1 FROM item_state)
    BEGIN UPDATE user_items SET is_waiting = 1
        WHERE content = old.content_hash AND value IS NOT NULL; UPDATE user_items SET is_waiting = 1
        WHERE kind = 'concept example' AND key > lower(hex(old.content_hash)) || '/'
        AND key < lower(hex(old.content_hash)) || '0' AND CASE WHEN json_valid(value)
        THEN json_extract(value, '$.picture') IS NULL ELSE value IS NOT NULL END; UPDATE user_items
        SET is_waiting = 1 WHERE kind = 'saved search' AND value IS NOT NULL AND key IN (SELECT key
        FROM saved_searches JOIN saved_examples ON search_id = saved_searches.id
        WHERE photo_id = old.id); END;
{_item_triggers()}"""

# 0.1 had baselines without these captions: they are made anew when photos are indexed.
_USUAL_CAPTIONS = """
ALTER TABLE nulls ADD COLUMN usual BLOB;
"""

# Photos by the day of the week and the time of day, with all that filters on them read: see
# `imgsearch.features.when.filters`, which has the same expressions.
_TIMES_OF_DAY = """\
CREATE INDEX photos_by_time_of_day ON photos (strftime('%w', substr(taken_at, 1, 10)),
    substr(taken_at, 12, 8), taken_at, date_precision, lat);
"""

# Addresses that show the photos of a search without a login. A number is never given twice.
_WALLS = """
CREATE TABLE walls (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    line TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    pause TEXT,
    made_at TEXT NOT NULL,
    salt BLOB NOT NULL
);
"""

# Which pictures are no photos, up to which vector that was judged and by which numbers, and what
# kinds answers leave out.
_KINDS = """
CREATE TABLE picture_kinds (
    photo_id INTEGER NOT NULL PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    probability FLOAT NOT NULL
);
CREATE INDEX picture_kinds_by_kind ON picture_kinds (kind);
CREATE TABLE kinds_judged (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    encoder_key INTEGER NOT NULL REFERENCES encoders (key) ON DELETE CASCADE,
    version TEXT NOT NULL,
    last_seq INTEGER NOT NULL
);
CREATE TABLE kinds_left_out (kind TEXT NOT NULL PRIMARY KEY);
"""

# Facts whose columns the statements of a migration name. Photos of a pack may have them already.
_NEEDED_FACTS = {
    "date precision": ("date_precision",),
    "times of day": ("date_precision",),
}

_FIRST = "tables"
MIGRATIONS: dict[str, str] = {
    _FIRST: "".join(
        (
            *(_PHOTOS, _GONE, _LISTS, _VECTORS, _NAMES, _KNOWN_NAMES, _TEXT, _LABELS),
            *(_SAVED_SEARCHES, _CONCEPTS, _DUPLICATE_CHOICES),
        )
    ),
    "albums": _ALBUMS,
    "terms of text": _TEXT_TERMS,
    "faces": _FACES,
    "corrections": _CORRECTIONS,
    "quality of faces": _FACE_QUALITY,
    "changes of people": _CHANGES_OF_PEOPLE,
    "event titles": _EVENT_TITLES,
    "maps of meaning": _MEANING,
    "unfinished jobs": _UNFINISHED,
    "later facts": _LATER_FACTS,
    "date precision": _DATE_PRECISION,
    "items of people": _USER_ITEMS,
    "replicas": _REPLICAS,
    "unread facts": _UNREAD_FACTS,
    "hubness": _HUBNESS,
    "usual captions": _USUAL_CAPTIONS,
    "facts taken": _FACTS_TAKEN,
    "identity of the library": _LIBRARY_IDENTITY,
    "times of day": _TIMES_OF_DAY,
    "walls": _WALLS,
    "kinds of pictures": _KINDS,
}


def pending(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the migrations that this database lacks, in order.

    Raises StoreError for a database that is not ours, SchemaTooOld for one from before the first
    release, and SchemaTooNew for one that a newer imgsearch has migrated.
    """
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not tables:
        return tuple(MIGRATIONS)
    if application != APPLICATION_ID:
        raise StoreError(
            "The database in the data folder was not made by imgsearch. Choose another folder "
            "with --data, or move that file away."
        )
    applied = set()
    if "migrations" in tables:
        applied = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    if _FIRST not in applied:
        raise SchemaTooOld(
            Sentence(
                "This library was made by an imgsearch from before the first release, and is "
                "not read any more. Its photos are as they were. Move the data folder away, "
                "or choose a new one with --data, and index the photos again: ",
                CommandLine("index FOLDER"),
            )
        )
    if not applied <= MIGRATIONS.keys():
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        raise SchemaTooNew(
            f"This library was written by a newer imgsearch (schema {version}, this one knows "
            f"{len(MIGRATIONS)}). Update imgsearch: {update_command()}"
        )
    return tuple(name for name in MIGRATIONS if name not in applied)


def is_current(connection: sqlite3.Connection) -> bool:
    """Return whether a database has the schema of this version. Raises as `pending` does."""
    return not pending(connection) and not _lacking_columns(connection)


def _lacking_columns(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the columns of facts that `photos` lacks, by fact, as SQL declares them."""
    known = {name for _, name, *_ in connection.execute("PRAGMA table_info(photos)")}
    return {fact.name: column_of(fact) for fact in FACT_COLUMNS if fact.name not in known}


def add_facts(connection: sqlite3.Connection) -> None:
    """Add the columns of facts that `photos` lacks."""
    for column in _lacking_columns(connection).values():
        connection.execute(f"ALTER TABLE photos ADD COLUMN {column}")


def _note_later_facts(connection: sqlite3.Connection) -> None:
    """Note the facts that are added now, if there are photos that were read without them."""
    if connection.execute("SELECT 1 FROM photos LIMIT 1").fetchone():
        connection.executemany(
            "REPLACE INTO later_facts VALUES (?, strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now'))",
            [(fact,) for fact in _lacking_columns(connection)],
        )


def apply_first(connection: sqlite3.Connection, count: int) -> None:
    """Apply the first `count` migrations to an empty database: the schema of an older version."""
    for name in list(MIGRATIONS)[:count]:
        _apply(connection, name)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the pending migrations, each all or nothing. Safe to run from several processes.

    `connection` is writable and in autocommit mode.
    """
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            names = pending(connection)  # again: another process may have been faster
            if names:
                _apply(connection, names[0])
            if len(names) <= 1:  # with the newest schema only, which `refresh` knows
                _note_later_facts(connection)
                add_facts(connection)
                refresh(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite has ended it itself on a full disk
                connection.execute("ROLLBACK")
            raise
        if len(names) <= 1:
            return


def _apply(connection: sqlite3.Connection, name: str) -> None:
    lacking = _lacking_columns(connection) if name in _NEEDED_FACTS else {}
    for fact in _NEEDED_FACTS.get(name, ()):
        if fact in lacking:
            connection.execute(f"ALTER TABLE photos ADD COLUMN {lacking[fact]}")
    for statement in MIGRATIONS[name].split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {list(MIGRATIONS).index(name) + 1}")
    connection.execute(
        "INSERT INTO migrations VALUES (?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))", (name,)
    )
