"""The filter `album:NAME`."""

from __future__ import annotations

from collections.abc import Sequence

from imgsearch.errors import CommandLine, Sentence
from imgsearch.language.given_names import nearest_or_all
from imgsearch.store.database import Database
from imgsearch.store.filters import ConditionContext, SqlCondition, in_list
from imgsearch.store.tray import TRAY_KEY
from imgsearch.text import plain_text


def condition(name: str) -> SqlCondition:
    """Return the condition that a photo is in the album."""
    return in_list(plain_text(name))


def in_no_album(context: ConditionContext) -> SqlCondition:
    """Return the condition that a photo is in no album; the tray is none."""
    listed = "SELECT photo_id FROM album_photos JOIN albums ON albums.id = album_id WHERE key != ?"
    return SqlCondition(f"photos.id NOT IN ({listed})", (TRAY_KEY,))


def names(database: Database) -> list[str]:
    """Return the names of all albums, sorted."""
    rows = database.fetch_all("SELECT name FROM albums WHERE key != ? ORDER BY key", TRAY_KEY)
    return [name for (name,) in rows]


def unknown(name: str, names: Sequence[str]) -> str:
    """Return the sentence about an album that does not exist; `names` are all albums."""
    if not names:
        return Sentence(
            f"There is no album {name!r}, and none at all. To make one: ",
            CommandLine("album make Book 'sunset over water'"),
        )
    meant = nearest_or_all(
        name, names, Sentence("To list the albums: ", CommandLine("album")), "Albums"
    )
    return Sentence(f"There is no album {name!r}. ", meant)
