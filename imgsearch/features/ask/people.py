"""The people on the photos of an answer: those with a name, and how many have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from imgsearch.features.ask.answering import PeopleOfPhotos
from imgsearch.records.query import Query
from imgsearch.search.context import SearchContext
from imgsearch.store.database import Database
from imgsearch.store.names import own_person
from imgsearch.store.sql import IN_IDS, ids_parameter
from imgsearch.text import plain_text, words_of


def people_on(
    context: SearchContext, database: Database, ids: Sequence[int], query: Query
) -> PeopleOfPhotos:
    """Return the people on photos, without the user and those that a question names.

    Names are those of faces, and those that other programs wrote. Faces that look like nobody else
    may show one person several times, so that of these only the largest number on one photo counts.
    """
    rows = database.fetch_all(
        "SELECT photo_id, person_id, name IS NULL, coalesce(is_hidden, 0) FROM faces "
        f"LEFT JOIN persons ON persons.id = person_id WHERE photo_id {IN_IDS}",
        ids_parameter(ids),
    )
    unnamed = [
        (photo, person) for photo, person, has_none, hidden in rows if has_none and not hidden
    ]
    groups = {person for _, person in unnamed if person is not None}
    alone = Counter(photo for photo, person in unnamed if person is None)
    asked = {
        plain_text(str(value))
        for each in query.filters
        if each.field in ("person", "only")
        for value in each.values
    }
    with database.reading() as connection:
        own = own_person(connection)
    names = Counter(
        name
        for shown in context.photos.records(ids).values()
        for name in dict.fromkeys(shown.photo.facts.people)
        if plain_text(name) not in asked and " ".join(words_of(name)) != own
    )
    read = f"SELECT 1 FROM face_readings WHERE photo_id {IN_IDS} LIMIT 1"
    return PeopleOfPhotos(
        tuple(name for name, _ in names.most_common()),
        len(groups) + max(alone.values(), default=0),
        database.fetch_one(read, ids_parameter(ids)) is not None,
    )
