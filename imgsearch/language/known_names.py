"""The interface to the names and dates of a library, from which queries are understood."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from imgsearch.records.names import MatchedField, NameField
from imgsearch.records.query import Filter


class KnownNames(Protocol):
    """The names and dates of the photos in a catalogue, for understanding queries.

    Case, accents and punctuation of names do not matter.
    """

    def knows_name(self, field: NameField, name: str) -> bool:
        """Return whether some photo has exactly this name in a field.

        The field is `folder`, `keywords`, `people`, `place` or `country`. The first words of a
        person's name are enough, and so are the last: "Anna" or "Smith" for Anna Smith.
        """

    def knows_own_person(self) -> bool:
        """Return whether it is known which person the user is: `person:me` finds that one."""

    def knows_named_person(self, name: str) -> bool:
        """Return whether the user has named a person so: by the whole name, first or last words."""

    def has_phrase(self, phrase: str, fields: Collection[NameField] = ...) -> bool:
        """Return whether some photo has the words of this phrase, in order, in one field."""

    def has_named(self, phrase: str, is_whole: bool = False) -> bool:
        """Return whether some photo has this phrase in a name or in its text.

        With `is_whole`, as a whole name or as a big part of the text: see `NamedPhrase`.
        """

    def words_like(self, word: str) -> list[str]:
        """Return the words in pictures that differ from this one by a letter, most photos first.

        See `imgsearch.records.picture_text.differs_by_a_letter`.
        """

    def fields_named(self, phrase: str) -> tuple[NameField, ...]:
        """Return the fields in which some photo has this phrase."""

    def fields_with_any(
        self, ids: Iterable[int], phrases: Sequence[str]
    ) -> dict[int, tuple[MatchedField, ...]]:
        """Return the fields in which each of these photos has any of these phrases, or its text."""

    def has_date_from(self, first: str, end: str) -> bool:
        """Return whether some photo was taken from the day `first` until before `end` (ISO)."""

    def has_any(self, conditions: Sequence[Filter]) -> bool:
        """Return whether some photo passes all these filters; none names a town or root."""

    def words_of_names(self, limit: int) -> list[str]:
        """Return the words of all names, without digits, of three letters or more.

        Most photos first.
        """

    def photos_around(self, lat: float, lon: float) -> int:
        """Return the approximate number of photos around a point, to choose between two towns."""
