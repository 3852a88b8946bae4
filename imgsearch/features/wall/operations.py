"""`library.walls`: addresses that show the photos of a search on a frame or a television."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from imgsearch.errors import CommandLine, QueryError, Sentence, UsageError
from imgsearch.features.wall.keys import is_key, key_of, new_salt
from imgsearch.features.wall.pauses import read_pause
from imgsearch.features.wall.records import StoredWall, Wall
from imgsearch.language.grammar import resolve_query
from imgsearch.operations.declared import operation
from imgsearch.records.ids import LARGEST_INTEGER, is_row_id
from imgsearch.text import is_utf8

if TYPE_CHECKING:
    from imgsearch.features.wall.store import WallStore
    from imgsearch.opened.library import OpenedLibrary

PATH = "/wall"  # of the page; a key follows
SECONDS = 20
LEAST_SECONDS, MOST_SECONDS = 3, 24 * 60 * 60
Line = Annotated[str, Meta(description="A line of the query language: in:Holidays, type:jpeg.")]
Shown = Annotated[
    int,
    Meta(ge=LEAST_SECONDS, le=MOST_SECONDS, description="Show each photo for so many seconds."),
]
Dark = Annotated[
    str | None,
    Meta(description="Hours in which it is dark: 22:00-07:00. Default: none."),
]
Number = Annotated[int, Meta(ge=1, le=LARGEST_INTEGER, description="The number of a wall.")]


class Walls:
    """The walls of a library: addresses on its page that need no login, each for one search.

    They belong to this machine: neither backups nor archives have them.
    """

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def _store(self) -> WallStore:
        from imgsearch.features.wall.store import WallStore

        return WallStore(self._opened.database())

    @operation("GET /walls")
    def all(self) -> tuple[Wall, ...]:
        """List the walls, the oldest first, each with its address and the number of its photos."""
        return tuple(map(self._described, self._store().all()))

    @operation("POST /walls")
    def add(self, line: Line, seconds: Shown = SECONDS, pause: Dark = None) -> Wall:
        """Make an address that shows the photos of a search, and nothing else, to all who know it.

        The search is answered anew each time, so new photos come by themselves. It has all photos
        of filters, and with words the good matches, or the possible ones where there are none,
        1,000 at most. The web page serves it.
        Raises QueryError as `find` does, UsageError for an empty line and for hours or seconds that
        make no sense, and DiskError.
        """
        if not line.strip():
            raise UsageError("Say which photos a wall shows: in:Holidays, type:jpeg, a dog.")
        if not is_utf8(line):
            raise UsageError("A wall is stored as text, and this search has bytes that are none.")
        if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
            raise UsageError(
                f"A photo is shown for {LEAST_SECONDS} to {MOST_SECONDS:,} seconds, not {seconds}."
            )
        hours = None if pause is None else read_pause(pause)
        self.photos_of(line)  # raises what is wrong with it
        return self._described(self._store().add(line.strip(), seconds, hours, new_salt()))

    @operation("POST /walls/remove")
    def remove(self, number: Number) -> None:
        """Delete a wall: its address shows nothing any more. Raises UsageError for an unknown one.

        Frames that show it notice within a minute.
        """
        if not (is_row_id(number) and self._store().remove(number)):
            raise UsageError(
                Sentence(
                    f"There is no wall with the number {number}. To list them: ",
                    CommandLine("wall"),
                )
            )

    def with_key(self, typed: str) -> StoredWall | None:
        """Return the wall with this key, as somebody typed it; None if there is none."""
        walls, key = self._store().all(), self._page_key()
        return next((each for each in walls if is_key(typed, key_of(key, each.salt))), None)

    def photos_of(self, line: str) -> list[int]:
        """Return the ids of the photos that a wall with this line shows. Raises QueryError."""
        from imgsearch.search.answers import MAX_RANKED, good_ids
        from imgsearch.search.prepared import prepare

        query = resolve_query(line)
        prepared = prepare(self._opened.context(), query)
        return good_ids(prepared, MAX_RANKED if query.terms else None)

    def _page_key(self) -> bytes:
        from imgsearch.store.page_key import page_key

        return page_key(self._opened.settings.data_dir)

    def _described(self, wall: StoredWall) -> Wall:
        photos, problem = 0, None
        try:
            photos = len(self.photos_of(wall.line))
        except QueryError as error:
            problem = error.sentence
        return Wall(
            wall.number,
            wall.line,
            f"{PATH}/{key_of(self._page_key(), wall.salt)}",
            wall.seconds,
            None if wall.pause is None else str(wall.pause),
            wall.made_at,
            photos,
            problem,
        )
