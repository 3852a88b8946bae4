"""Reads what queries need of concepts, in plain SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.errors import QueryError
from imgsearch.records.directions import CalibratedDirection
from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.database import Database


def names(database: Database) -> list[str]:
    """Return the names of all concepts, sorted."""
    return [name for (name,) in database.fetch_all("SELECT name FROM concepts ORDER BY plain_name")]


def direction(database: Database, encoder: EncoderRow, name: str) -> CalibratedDirection:
    """Return the concept of this name, as an encoder has learned it.

    Raises QueryError for an unknown name and suggests a similar one. It also raises QueryError for
    a concept that this encoder has not learned, because all its liked examples have left the
    library.
    """
    found = learned(database, encoder.key, name)
    if found is None:
        require_concept(database, name)
        raise QueryError(
            f"The concept {name!r} has no examples left in the library, and {encoder.name} has not "
            f"learned it. Teach it again: imgsearch teach {name} --like PHOTO"
        )
    return found


def learned(database: Database, encoder_key: int, name: str) -> CalibratedDirection | None:
    """Return the concept of this name, in any case and accents, as this encoder has learned it.

    None for an unknown one, and for one that the encoder has not learned.
    """
    import numpy as np

    row = database.fetch_one(
        "SELECT name, direction, slope, intercept, sure_from, likely_from FROM concepts "
        "WHERE plain_name = ? AND encoder_key = ?",
        plain_text(name),
        encoder_key,
    )
    if row is None:
        return None
    name, vector, slope, intercept, *bounds = row
    sure_from, likely_from = (float("inf") if each is None else each for each in bounds)
    along = np.frombuffer(vector, "<f4")
    return CalibratedDirection(name, along, slope, intercept, sure_from, likely_from)


def require_concept(database: Database, name: str) -> str:
    """Return the name of a concept as it was taught. Raises QueryError for an unknown name."""
    known = {plain_text(each): each for each in names(database)}
    wanted = plain_text(name)
    if wanted in known:
        return known[wanted]
    if not known:
        raise QueryError(
            f"Unknown concept {name!r}: none was taught yet. Teach one: imgsearch teach "
            f"{name or 'NAME'} --like PHOTO"
        )
    import difflib

    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    hint = f"Did you mean {known[near[0]]}? " if near else ""
    raise QueryError(f"Unknown concept {name!r}. {hint}To list the concepts: imgsearch teach")


def photo_count(database: Database, name: str) -> int:
    """Count the photos in which a concept is likely or sure to be."""
    query = (
        "SELECT count(*) FROM concept_photos JOIN concepts ON id = concept_id WHERE plain_name = ?"
    )
    return int(database.fetch_one(query, plain_text(name))[0])


def judgements(database: Database, name: str) -> dict[int, bool]:
    """Return the library's photos that are examples of a concept, and whether each is liked."""
    query = (
        "SELECT photo_id, is_like FROM concept_examples JOIN concepts ON id = concept_id "
        "WHERE plain_name = ? AND photo_id IS NOT NULL ORDER BY photo_id"
    )
    rows = database.fetch_all(query, plain_text(name))
    return {photo_id: bool(is_like) for photo_id, is_like in rows}


def judgements_of_photo(database: Database, photo_id: int) -> dict[str, bool]:
    """Return the concepts that a photo is an example of, and whether it is a liked one."""
    query = (
        "SELECT name, is_like FROM concept_examples JOIN concepts ON id = concept_id "
        "WHERE photo_id = ? ORDER BY plain_name"
    )
    return {name: bool(is_like) for name, is_like in database.fetch_all(query, photo_id)}
