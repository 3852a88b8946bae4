"""The report of finding faces."""

from __future__ import annotations

from msgspec import Struct


class FaceReport(Struct, frozen=True):
    """The report of finding faces, in photos, and the number of `faces`.

    `looked_closely` photos show people, but had no certain face at first. In `found_closely` of
    them only the second look found faces.
    """

    found: int  # have faces
    none: int
    failed: int  # could not be decoded
    unreached: int  # offline, or changed since they were indexed; the next run tries again
    faces: int = 0
    looked_closely: int = 0
    found_closely: int = 0
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        """The number of photos whose state has changed."""
        return self.found + self.none + self.failed

    def plus(self, other: FaceReport) -> FaceReport:
        """Return the report of two runs that looked at different photos."""
        return FaceReport(
            self.found + other.found,
            self.none + other.none,
            self.failed + other.failed,
            self.unreached + other.unreached,
            self.faces + other.faces,
            self.looked_closely + other.looked_closely,
            self.found_closely + other.found_closely,
            self.seconds + other.seconds,
        )
