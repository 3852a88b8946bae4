"""The names of photos in SQLite's full-text indexes, kept in step and searched.

The table `names` has one row for each photo with a path: its names as words without case and
accents, one column for each of `NAME_FIELDS`. Two FTS5 indexes are made of it, `names_words` of
whole words and `names_parts` of trigrams; triggers on `names` keep them in step. Further triggers
note in `stale_names` each photo of which a name may have changed, whatever changed it, and
`refresh` writes their rows anew before the transaction is committed. Triggers on `names` also keep
`known_names`, the names of folders, people and places with the number of their photos. To write all
rows anew, after a change of how names become words, a migration inserts every photo into
`stale_names`.

The text that was read in a picture is kept in step in the same way: the table `texts` has its
words, in each reading order, and `text_words` is an FTS5 index of it. It is an index of its own, so
that long texts do not change the scores of names. The table `text_terms` has each longer word of
these texts once, forwards and backwards. A word with one wrong letter has its first or its second
half in common with the right one, so a range of one of the two columns has all candidates.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import Any, TypeAlias

from imgsearch.records.names import (
    NAME_FIELDS,
    WHOLE_NAME_FIELDS,
    KnownName,
    MatchedField,
    NameField,
    names_of_keyword,
)
from imgsearch.records.picture_text import (
    TextLine,
    differs_by_a_letter,
    lengths_like,
    longest_with,
    searchable_texts,
    words_in_text,
)
from imgsearch.store.sql import IN_IDS, LIST_FACTS, ids_parameter, list_query
from imgsearch.text import words_of

_MIN_PART_CHARACTERS = 3  # of a trigram
_PHOTOS_AT_ONCE = 5000  # limits memory after a migration, when all photos are stale
# Between the names of one field, so that no phrase matches across two of them. A character for
# private use counts as part of a word in FTS5's tokenizer, and is never one of `words_of`.
_SEPARATOR = " \ue000 "
_TEXT_FACTS = ("title", "headline", "description", "creator", "country")
_COLUMNS = ", ".join(NAME_FIELDS)
_IN_FIELDS = "field IN (SELECT value FROM json_each(?))"
# The words of a text in their first reading order.
_FIRST_ORDER = f"substr(texts.text, 1, instr(texts.text || '{_SEPARATOR}', '{_SEPARATOR}') - 1)"
_MIN_TERM_LETTERS = 5  # of a word in `text_terms`

# The photos that show a named person: those where its face is, and those of which the user said so.
_SHOWN = "persons.name IS NOT NULL AND NOT persons.is_hidden"
_BY_FACE = f"SELECT photo_id, name FROM faces JOIN persons ON persons.id = person_id WHERE {_SHOWN}"
_BY_DECISION = (
    "SELECT photos.id AS photo_id, name FROM photos JOIN face_decisions USING (content_hash) "
    f"JOIN persons ON persons.id = person_id WHERE is_person AND {_SHOWN}"
)
NAMED_FACES = f"{_BY_FACE} UNION {_BY_DECISION}"
NAMED_FACES_OF = (
    f"{_BY_FACE} AND photo_id {IN_IDS} UNION {_BY_DECISION} AND photos.id {IN_IDS} ORDER BY 1, 2"
)

# ------------------------------------------------------------------------- writing


def refresh(connection: sqlite3.Connection) -> None:
    """Write the names of all stale photos anew, in the transaction that is open."""
    query = "SELECT DISTINCT photo_id FROM stale_names LIMIT ?"
    while ids := [row[0] for row in connection.execute(query, (_PHOTOS_AT_ONCE,))]:
        parameter = ids_parameter(ids)
        known = {
            photo_id: tuple(texts)
            for photo_id, *texts in connection.execute(
                f"SELECT photo_id, {_COLUMNS} FROM names WHERE photo_id {IN_IDS}", (parameter,)
            )
        }
        new = _names_of(connection, parameter)
        outdated = [photo_id for photo_id in known if new.get(photo_id) != known[photo_id]]
        connection.execute(f"DELETE FROM names WHERE photo_id {IN_IDS}", (ids_parameter(outdated),))
        connection.executemany(
            f"INSERT INTO names VALUES (?{', ?' * len(NAME_FIELDS)})",
            [(photo_id, *texts) for photo_id, texts in new.items() if texts != known.get(photo_id)],
        )
        _refresh_texts(connection, parameter, new.keys())
        connection.execute(f"DELETE FROM stale_names WHERE photo_id {IN_IDS}", (parameter,))


def _names_of(connection: sqlite3.Connection, parameter: str) -> dict[int, tuple[str, ...]]:
    """Return the rows of these photos, as `names` holds them.

    Photos without a path are left out.
    """
    return {
        photo_id: tuple(_joined(of_photo[field]) for field in NAME_FIELDS)
        for photo_id, of_photo in _spelled_names(connection, parameter).items()
    }


def _spelled_names(
    connection: sqlite3.Connection, parameter: str
) -> dict[int, dict[str, list[str]]]:
    """Return the names of these photos by field, as they are spelled.

    None of photos without a path.
    """
    names: dict[int, dict[str, list[str]]] = {}
    paths = connection.execute(
        "SELECT photo_id, roots.path, name FROM paths JOIN roots ON roots.id = root_id "
        f"WHERE photo_id {IN_IDS} ORDER BY roots.path, name",
        (parameter,),
    )
    for photo_id, root, name in paths:
        *folders, file_name = os.fsdecode(name).split("/")
        of_photo = names.setdefault(photo_id, {field: [] for field in NAME_FIELDS})
        of_photo["file_name"].append(file_name)
        of_photo["folder"] += [os.fsdecode(root).rpartition("/")[2], *folders]
    facts = connection.execute(
        f"SELECT id, town, region, {', '.join(_TEXT_FACTS)} FROM photos WHERE id {IN_IDS}",
        (parameter,),
    )
    for photo_id, town, region, *texts in facts:
        if photo_id in names:
            names[photo_id]["place"] += [town or "", region or ""]
            for field, text in zip(_TEXT_FACTS, texts, strict=True):
                names[photo_id][field].append(text or "")
    for fact in LIST_FACTS:
        for photo_id, text in connection.execute(list_query(fact), (parameter,)):
            if photo_id in names:
                names[photo_id][fact] += names_of_keyword(text) if fact == "keywords" else [text]
    for photo_id, name in names_of_faces(connection, parameter):
        if photo_id in names:
            names[photo_id]["people"].append(name)
    return names


def names_of_faces(connection: sqlite3.Connection, parameter: str) -> list[tuple[int, str]]:
    """Return the named persons whose faces are in these photos: (photo id, name), each once.

    A name that the user gave to a face stays when the face was forgotten.
    """
    rows = connection.execute(NAMED_FACES_OF, (parameter, parameter))
    return [(photo_id, name) for photo_id, name in rows]


def _refresh_texts(connection: sqlite3.Connection, parameter: str, live: Collection[int]) -> None:
    """Write the texts of these photos anew; only those in `live` have a path, and so a text."""
    known = dict(
        connection.execute(
            f"SELECT photo_id, text FROM texts WHERE photo_id {IN_IDS}", (parameter,)
        )
    )
    lines = read_lines(connection, parameter)
    new = {
        photo_id: text
        for photo_id, of_photo in lines.items()
        if photo_id in live and (text := _SEPARATOR.join(searchable_texts(of_photo)))
    }
    outdated = [photo_id for photo_id in known if new.get(photo_id) != known[photo_id]]
    connection.execute(f"DELETE FROM texts WHERE photo_id {IN_IDS}", (ids_parameter(outdated),))
    added = [(photo_id, text) for photo_id, text in new.items() if text != known.get(photo_id)]
    connection.executemany("INSERT INTO texts VALUES (?, ?)", added)
    _refresh_terms(connection, [known[each] for each in outdated], [text for _, text in added])


def _refresh_terms(
    connection: sqlite3.Connection, removed: Iterable[str], added: Iterable[str]
) -> None:
    """Count the words of these texts of photos in `text_terms`."""
    counts = Counter(term for text in added for term in _terms(text))
    counts.subtract(term for text in removed for term in _terms(text))
    connection.executemany(
        "INSERT INTO text_terms VALUES (?, ?, ?) "
        "ON CONFLICT (term) DO UPDATE SET photos = photos + excluded.photos",
        [(term, term[::-1], photos) for term, photos in counts.items() if photos],
    )
    connection.executemany(
        "DELETE FROM text_terms WHERE term = ? AND photos <= 0",
        [(term,) for term, photos in counts.items() if photos < 0],
    )


def _terms(text: str) -> set[str]:
    """Return the words of a text that are long enough to be found with a wrong letter."""
    return {word for word in text.split() if len(word) >= _MIN_TERM_LETTERS and word.isalpha()}


def read_lines(connection: sqlite3.Connection, parameter: str) -> dict[int, list[TextLine]]:
    """Return the lines of text of the photos that `IN_IDS` takes as this parameter, in order."""
    query = (
        "SELECT photo_id, line, x, y, width, height, confidence FROM text_lines "
        f"WHERE photo_id {IN_IDS} ORDER BY photo_id, place"
    )
    lines: dict[int, list[TextLine]] = {}
    for photo_id, *line in connection.execute(query, (parameter,)):
        lines.setdefault(photo_id, []).append(TextLine(*line))
    return lines


def _joined(names: Iterable[str]) -> str:
    """Return names as words, each once."""
    return _SEPARATOR.join(filter(None, dict.fromkeys(" ".join(words_of(name)) for name in names)))


def separate(joined: str) -> list[str]:
    """Return the names in a column of the table `names`, as words."""
    return joined.split(_SEPARATOR) if joined else []


# ------------------------------------------------------------------------- searching


def words_expression(phrase: str, fields: Collection[NameField]) -> str | None:
    """Return the expression of `names_words` for photos with this phrase in one of these fields.

    None if the phrase has no word.
    """
    words = " ".join(words_of(phrase))
    return f'{{{" ".join(fields)}}} : "{words}"' if words else None


def file_name_expression(part: str) -> str | None:
    """Return the expression of `names_parts` for photos with this part in the name of a file.

    None if the part has fewer than three characters.
    """
    words = " ".join(words_of(part))
    return f'{{file_name}} : "{words}"' if len(words) >= _MIN_PART_CHARACTERS else None


def is_known(connection: sqlite3.Connection, field: NameField, name: str) -> bool:
    """See `NameReads.knows_name`."""
    words = " ".join(words_of(name))
    if not words:
        return False
    query = "SELECT 1 FROM known_names WHERE field = ? AND "
    if _exists(connection, f"{query} name = ?", field, words):
        return True
    if field != "people":
        return False
    # The first words of a person's name are enough. After a space, "!" comes next.
    span = (f"{words} ", f"{words}!")
    if _exists(connection, f"{query} name > ? AND name < ?", field, *span):
        return True
    # So are the last ones. No index finds those, so first ask for the phrase, which one does.
    ending = f" {words}"
    return is_phrase(connection, words, [field]) and _exists(
        connection, f"{query} substr(name, -{len(ending)}) = ?", field, ending
    )


def is_named_person(connection: sqlite3.Connection, name: str) -> bool:
    """See `NameReads.knows_named_person`."""
    words = f" {' '.join(words_of(name))} "
    rows = connection.execute(f"SELECT name FROM persons WHERE {_SHOWN}")
    called = (f" {' '.join(words_of(each))} " for (each,) in rows)
    return any(each.startswith(words) or each.endswith(words) for each in called)


def own_person(connection: sqlite3.Connection) -> str | None:
    """Return the words of the name of the person that the user is; None if that is not known."""
    row = connection.execute(
        f"SELECT name FROM persons JOIN own_person ON person_id = persons.id WHERE {_SHOWN}"
    ).fetchone()
    return None if row is None else " ".join(words_of(row[0])) or None


def beginning(
    connection: sqlite3.Connection,
    phrases: Sequence[str],
    fields: Collection[NameField],
    limit: int,
) -> list[KnownName]:
    """See `SuggestionReads.names_beginning`."""
    return _spelled(connection, ranked_names(connection, phrases, fields, limit))


def called(
    connection: sqlite3.Connection, names: Sequence[str], fields: Collection[NameField]
) -> list[KnownName]:
    """See `SuggestionReads.names_called`."""
    return _spelled(connection, exact_names(connection, names, fields))


def exact_names(
    connection: sqlite3.Connection, names: Sequence[str], fields: Collection[NameField]
) -> list[_RankedName]:
    """Return the names of `SuggestionReads.names_called`, as `ranked_names` has them."""
    return connection.execute(
        f"SELECT field, name, photos, 0 FROM known_names WHERE {_IN_FIELDS} "
        "AND name IN (SELECT value FROM json_each(?)) ORDER BY photos DESC, name, field",
        (json.dumps(list(fields)), json.dumps(_plain(names))),
    ).fetchall()


def _spelled(connection: sqlite3.Connection, rows: Sequence[_RankedName]) -> list[KnownName]:
    """Return these names as they are spelled in a photo."""
    photos = [_photo_named(connection, field, name) for field, name, _, _ in rows]
    known = [photo_id for photo_id in photos if photo_id is not None]
    spelled = _spelled_names(connection, ids_parameter(known))
    return [
        KnownName(field, _spelling(spelled[photo_id][field], name), count, phrase)
        for (field, name, count, phrase), photo_id in zip(rows, photos, strict=True)
        if photo_id in spelled
    ]


_RankedName: TypeAlias = tuple[NameField, str, int, int]  # field, name, photos, phrase


def ranked_names(
    connection: sqlite3.Connection,
    phrases: Sequence[str],
    fields: Collection[NameField],
    limit: int,
) -> list[_RankedName]:
    """Return the names of `SuggestionReads.names_beginning`: (field, name, photos, phrase).

    The table `known_names` is all that is read.
    """
    *longer, last = phrases
    found: dict[tuple[NameField, str], tuple[int, int]] = {}
    steps: list[Callable[[], Iterable[Any]]] = [
        lambda: _with_phrases(connection, longer, fields, limit),
        lambda: _starting_with(connection, last, fields, limit),
        lambda: _with_later_words(connection, last, fields, limit),
    ]
    for step in steps if longer else steps[1:]:
        for field, name, count, phrase in step():
            found.setdefault((field, name), (count, len(longer) if phrase is None else phrase))
        if len(found) >= limit:
            break
    return [(*known, *about) for known, about in found.items()][:limit]


# Each gives field, name, photos and phrase. A scan of 50,000 names takes SQLite 3 ms where few
# match, and four times that where all do, most of it to sort them. So the names in the range of a
# prefix are looked up first: where they are enough, nothing is scanned.


def _with_phrases(
    connection: sqlite3.Connection,
    phrases: Sequence[str],
    fields: Collection[NameField],
    limit: int,
) -> list[Any]:
    """Return names with a word that begins with one of these phrases, the longest phrase first.

    Each ends with the next, so a name that has any of them has the last.
    """
    cases = " ".join(f"WHEN instr(words, ?) THEN {at}" for at in range(len(phrases)))
    last = phrases[-1]
    return connection.execute(
        f"SELECT field, name, photos, CASE {cases} END AS phrase FROM (SELECT field, name, photos, "
        f"' ' || name || ' ' AS words FROM known_names WHERE {_IN_FIELDS} AND instr(name, ?)) "
        "WHERE instr(words, ?) "
        "ORDER BY phrase, instr(words, ?) > 1, photos DESC, length(name), name, field LIMIT ?",
        (
            *(f" {each}" for each in phrases),
            json.dumps(list(fields)),
            last.rstrip(),
            f" {last}",
            f" {last}",
            limit,
        ),
    ).fetchall()


def _starting_with(
    connection: sqlite3.Connection, phrase: str, fields: Collection[NameField], limit: int
) -> list[Any]:
    """Return names whose first words begin with this phrase."""
    first = phrase.rstrip()
    return connection.execute(
        f"SELECT field, name, photos, NULL FROM known_names WHERE {_IN_FIELDS} "
        "AND name >= ? AND name < ? AND instr(name || ' ', ?) = 1 "
        "ORDER BY photos DESC, length(name), name, field LIMIT ?",
        (json.dumps(list(fields)), first, first + chr(sys.maxunicode), phrase, limit),
    ).fetchall()


def _with_later_words(
    connection: sqlite3.Connection, phrase: str, fields: Collection[NameField], limit: int
) -> list[Any]:
    """Return names with a word after the first that begins with this phrase."""
    return connection.execute(
        f"SELECT field, name, photos, NULL FROM known_names WHERE {_IN_FIELDS} "
        "AND instr(name, ?) AND instr(name || ' ', ?) "
        "ORDER BY photos DESC, length(name), name, field LIMIT ?",
        (json.dumps(list(fields)), f" {phrase.rstrip()}", f" {phrase}", limit),
    ).fetchall()


def _photo_named(connection: sqlite3.Connection, field: NameField, name: str) -> int | None:
    """Return a photo that has exactly this known name in a field."""
    separated = f"'{_SEPARATOR}' || names.{field} || '{_SEPARATOR}'"
    row = connection.execute(
        "SELECT photo_id FROM names_words(?) AS found JOIN names ON photo_id = found.rowid "
        f"WHERE instr({separated}, ?) > 0 LIMIT 1",
        (words_expression(name, [field]), f"{_SEPARATOR}{name}{_SEPARATOR}"),
    ).fetchone()
    return None if row is None else int(row[0])


def _spelling(names: Sequence[str], words: str) -> str:
    """Return the name with these words, as it is spelled."""
    return next((name for name in names if " ".join(words_of(name)) == words), words)


def is_phrase(
    connection: sqlite3.Connection, phrase: str, fields: Collection[NameField] = NAME_FIELDS
) -> bool:
    """See `NameReads.has_phrase`."""
    expression = words_expression(phrase, fields)
    return expression is not None and _exists(
        connection, "SELECT 1 FROM names_words(?)", expression
    )


def ids_with(
    connection: sqlite3.Connection,
    phrase: str,
    is_whole: bool,
    misread: Sequence[str] = (),
    limit: int = -1,
) -> list[int]:
    """See `NameReads.ids_named`."""
    ids = set(_ids_with_name(connection, phrase, is_whole, limit))
    for text in (phrase, *misread):
        ids.update(_ids_with_text(connection, text, is_whole, limit))
    return sorted(ids)


def _ids_with_text(
    connection: sqlite3.Connection, phrase: str, is_big: bool, limit: int
) -> list[int]:
    """Return the photos whose text has a phrase; with `is_big`, as a big part of it."""
    expression = text_expression(phrase)
    if expression is None:
        return []
    if is_big:
        rows = connection.execute(
            "SELECT found.rowid FROM text_words(?) AS found JOIN texts ON photo_id = found.rowid "
            f"WHERE length({_FIRST_ORDER}) <= ? LIMIT ?",
            (expression, longest_with(phrase), limit),
        )
    else:
        rows = connection.execute("SELECT rowid FROM text_words(?) LIMIT ?", (expression, limit))
    return [photo_id for (photo_id,) in rows]


def _ids_with_name(
    connection: sqlite3.Connection, phrase: str, is_whole: bool, limit: int
) -> list[int]:
    """Return the photos that have a phrase in a name, or as a whole name."""
    words = " ".join(words_of(phrase))
    expression = words_expression(words, WHOLE_NAME_FIELDS if is_whole else NAME_FIELDS)
    if expression is None:
        return []
    if not is_whole:
        rows = connection.execute("SELECT rowid FROM names_words(?) LIMIT ?", (expression, limit))
        return [photo_id for (photo_id,) in rows]
    others = [field for field in WHOLE_NAME_FIELDS if field != "file_name"]
    separated = f"instr('{_SEPARATOR}' || {{}} || '{_SEPARATOR}', ?) > 0"
    is_name = " OR ".join(separated.format(field) for field in others)
    whole = [f"{_SEPARATOR}{words}{_SEPARATOR}"] * len(others)
    rows = connection.execute(
        f"SELECT photo_id, file_name, {is_name} FROM names WHERE photo_id IN "
        f"(SELECT rowid FROM names_words(?)) AND ({is_name} OR {separated.format('file_name')}) "
        "ORDER BY photo_id",
        (*whole, expression, *whole, f"{_SEPARATOR}{words} "),
    )
    found = (
        photo_id
        for photo_id, file_names, is_other_name in rows
        if is_other_name or _is_file_name(words, file_names)
    )
    return list(islice(found, limit) if limit >= 0 else found)


def _is_file_name(words: str, file_names: str) -> bool:
    """Return whether one of these file names is these words and a suffix (one more word)."""
    return any(name.rpartition(" ")[0] == words for name in file_names.split(_SEPARATOR))


def fields_of(
    connection: sqlite3.Connection, ids: Iterable[int], phrases: Sequence[str]
) -> dict[int, tuple[MatchedField, ...]]:
    """See `NameReads.fields_with_any`."""
    in_names = [f" {phrase} " for phrase in _plain(phrases)]
    in_text = [f" {' '.join(words_in_text(phrase))} " for phrase in phrases]
    wanted: dict[MatchedField, list[str]] = {
        **dict.fromkeys(NAME_FIELDS, in_names),
        "text": in_text,
    }
    rows = connection.execute(
        f"SELECT names.photo_id, {_COLUMNS}, coalesce(text, '') FROM names "
        f"LEFT JOIN texts USING (photo_id) WHERE names.photo_id {IN_IDS}",
        (ids_parameter(ids),),
    )
    return {
        photo_id: tuple(
            field
            for (field, spellings), text in zip(wanted.items(), texts, strict=True)
            if any(each in f" {text} " for each in spellings)
        )
        for photo_id, *texts in rows
    }


def _exists(connection: sqlite3.Connection, query: str, *parameters: str) -> bool:
    return connection.execute(f"{query} LIMIT 1", parameters).fetchone() is not None


def fields_with(connection: sqlite3.Connection, phrase: str) -> tuple[NameField, ...]:
    """See `NameReads.fields_named`."""
    return tuple(field for field in NAME_FIELDS if is_phrase(connection, phrase, [field]))


def words(connection: sqlite3.Connection, limit: int) -> list[str]:
    """See `NameReads.words_of_names`."""
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_of_names "
        "USING fts5vocab (main, names_words, row)"
    )
    rows = connection.execute(
        "SELECT term FROM temp.words_of_names WHERE length(term) >= ? AND term NOT GLOB '*[0-9]*' "
        "ORDER BY doc DESC, term LIMIT ?",
        (_MIN_PART_CHARACTERS, limit),
    )
    return [term for (term,) in rows]


def terms_like(connection: sqlite3.Connection, word: str) -> list[str]:
    """See `NameReads.words_like`."""
    candidates: set[tuple[int, str]] = set()
    for column, other, letters in (
        ("term", "backwards", word),
        ("backwards", "term", word[::-1]),
    ):
        half = letters[: (len(word) + (column == "backwards")) // 2]
        rows = connection.execute(
            f"SELECT -photos, term FROM text_terms WHERE {column} >= ? AND {column} < ? "
            "AND length(term) BETWEEN ? AND ? "
            # The last letter is right as well, unless only the last two are wrong.
            f"AND (substr({other}, 1, 1) = ? OR substr({column}, 1, ?) = ?)",
            (
                *(half, half + chr(sys.maxunicode), *lengths_like(word)),
                *(letters[-1], len(word) - 2, letters[:-2]),
            ),
        )
        candidates.update(rows)
    return [term for _, term in sorted(candidates) if differs_by_a_letter(word, term)]


def text_expression(phrase: str) -> str | None:
    """Return the expression of `text_words` for photos whose text has this phrase.

    None if the phrase has no word.
    """
    words = " ".join(words_in_text(phrase))
    return f'"{words}"' if words else None


def _plain(phrases: Iterable[str]) -> list[str]:
    """Return the phrases as the index has them, those with a word."""
    return [plain for phrase in phrases if (plain := " ".join(words_of(phrase)))]
