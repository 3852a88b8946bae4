"""Records for walls."""

from __future__ import annotations

from datetime import datetime, time

from msgspec import Struct


class Pause(Struct, frozen=True):
    """The hours of each day, in this machine's time, in which a wall is dark: over midnight, too.

    `end` is the first moment at which it shows photos again.
    """

    start: time
    end: time

    def __contains__(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


class StoredWall(Struct, frozen=True):
    """A wall as it is stored. Its key follows from `salt` and the key of the page."""

    number: int
    line: str  # of the query language
    seconds: int  # for which each photo is shown
    pause: Pause | None
    made_at: datetime
    salt: bytes


class Wall(Struct, frozen=True):
    """An address that shows the photos of a search, one after the other.

    `path` is that address on the page of the library; whoever knows it sees these photos, and
    nothing else. `pause` has the hours in which it is dark, "22:00-07:00". `photos` are the photos
    that it shows now, and `problem` is the reason if its search cannot be answered.
    """

    number: int
    line: str
    path: str
    seconds: int
    pause: str | None
    made_at: datetime
    photos: int = 0
    problem: str | None = None
