"""The report of reading text in pictures."""

from __future__ import annotations

from msgspec import Struct


class TextReport(Struct, frozen=True):
    """The report of reading the text in pictures, in photos."""

    read: int  # have text
    none: int  # have no legible text
    failed: int  # could not be decoded
    unreached: int  # offline, or changed since they were indexed; the next run tries again
    below_gate: int = 0  # do not look as if they had text, and were not read, also by earlier runs
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        """The number of photos whose state has changed."""
        return self.read + self.none + self.failed

    def plus(self, other: TextReport) -> TextReport:
        """Return the report of two runs that read different photos."""
        return TextReport(
            self.read + other.read,
            self.none + other.none,
            self.failed + other.failed,
            self.unreached + other.unreached,
            self.below_gate + other.below_gate,
            self.seconds + other.seconds,
        )
