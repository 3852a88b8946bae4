"""The words and names of an archive, in memory: a query is understood without asking the storage.

The vocabulary of an archive is published when it is settled. It covers the fragments of the table
of photos that there were then; those of later photos are read when they are first met, as they are
few. What it says of a word is exact unless photos have been forgotten or changed since: then a word
that is known may be in no photo any more.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from hashlib import blake2b
from typing import Any, Self, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from imgsearch.archive.lance.counts import COUNTED_COLUMNS, PhotoCounts
from imgsearch.archive.lance.rows import NAME_END
from imgsearch.archive.lance.tables import PUBLISHED, View, words_column
from imgsearch.caches import MemoryCache
from imgsearch.records.names import NAME_FIELDS, MatchedField, NameField
from imgsearch.records.picture_text import differs_by_a_letter, lengths_like

FIELDS: tuple[MatchedField, ...] = (*NAME_FIELDS, "text")  # whose words are known
# Fields whose whole names are known: an archive has few different ones of each.
NAMED: tuple[NameField, ...] = ("folder", "keywords", "people", "place", "country")
_FORM = 1  # of what is published; counts of names were added to the form before
_MOST_WORDS = 50_000  # of names, that are told from misspelt words
_MOST_TEXT_WORDS = 2_000_000
_SHORTEST_WORD = 3
_SHORT_WORD = 4  # a year, and what the index of the tables, of three letters at once, is slow with
_ROWS_AT_ONCE = 65_536
_REMADE_ROWS = 200_000  # of a table whose vocabulary is made anew whenever photos were removed
_MOST_REMOVED = 0.1  # of the rows of a larger one
_MOST_TAKEN_AWAY = 20_000  # rows of a fragment that are counted to be taken away
_DAY = len("2023-06-15")
_END = NAME_END.strip()


# By the name of a fragment, and the numbers of rows deleted in it, between which photos count.
KnownCounts: TypeAlias = MemoryCache[tuple[str | int, ...]]
# Finds the rows at some addresses on this machine; None where it has none.
RecordsAt: TypeAlias = Callable[[Any], list[dict[str, Any]] | None]


class Vocabulary(Struct, frozen=True, dict=True):
    """The words, names and days of the photos in some fragments.

    `marks` are sorted hashes of 64 bits: of each whole name, and by field of each word that
    `is_exactly_known`. Names of files have many other words, so `number_marks` have 32 bits, and
    one in 400 says so of a word that no photo has, in an archive of ten million. Words come with
    the number of photos that have them, most photos first, a line each.
    """

    marks: bytes = b""
    number_marks: bytes = b""
    name_words: str = ""
    text_words: str = ""
    days: dict[str, int] = {}

    @cached_property
    def _marks(self) -> NDArray[np.uint64]:
        return np.frombuffer(self.marks, "<u8")

    @cached_property
    def _number_marks(self) -> NDArray[np.uint32]:
        return np.frombuffer(self.number_marks, "<u4")

    @cached_property
    def _days(self) -> list[str]:
        return sorted(self.days)

    @classmethod
    def of(cls, view: View, fragments: Sequence[Any]) -> Self:
        """The vocabulary of these fragments (lance.LanceFragment) of the table of photos."""
        marks, number_marks = set[int](), set[int]()
        name_words, text_words, days = Counter[str](), Counter[str](), Counter[str]()
        columns = {field: words_column(field) for field in FIELDS}
        if fragments:
            for rows in view.batches(
                [*columns.values(), "date"], "part = 0", _ROWS_AT_ONCE, fragments=list(fragments)
            ):
                words_of_rows = []
                for field, column in columns.items():
                    texts = rows[column].combine_chunks()
                    for word in _parts(pc.unique(texts), " "):
                        if is_exactly_known(word):
                            marks.add(_mark(field, word))
                        else:
                            number_marks.add(_mark(field, word) >> 32)
                    if field in NAMED:
                        for name in _parts(pc.unique(texts), NAME_END):
                            marks.update(_marks_of_name(field, name))
                    if field == "text":
                        text_words.update(_photos_with_words([texts]))
                    else:
                        words_of_rows.append(texts)
                name_words.update(_photos_with_words(words_of_rows))
                days.update(_counts(pc.utf8_slice_codeunits(rows["date"], 0, _DAY)))
        return cls(
            np.array(sorted(marks), "<u8").tobytes(),
            np.array(sorted(number_marks), "<u4").tobytes(),
            _lines(name_words, _MOST_WORDS),
            _lines(text_words, _MOST_TEXT_WORDS),
            dict(sorted(days.items())),
        )

    def with_those_of(self, other: Vocabulary) -> Vocabulary:
        """The vocabulary of the fragments of both, which have none in common."""
        if not other.days:
            return self
        return Vocabulary(
            np.union1d(self._marks, other._marks).tobytes(),
            np.union1d(self._number_marks, other._number_marks).tobytes(),
            _lines(_counted(self.name_words) + _counted(other.name_words), _MOST_WORDS),
            _lines(_counted(self.text_words) + _counted(other.text_words), _MOST_TEXT_WORDS),
            dict(sorted((Counter(self.days) + Counter(other.days)).items())),
        )

    def has_word(self, field: MatchedField, word: str) -> bool:
        """Whether some photo has this word in a field."""
        mark = _mark(field, word)
        if is_exactly_known(word):
            return _has(self._marks, mark)
        return _has(self._number_marks, mark >> 32)

    def has_name(self, field: NameField, name: str) -> bool:
        """Whether some photo has exactly this name, words with spaces, in one of `NAMED`.

        Of people, the first or the last words of a name are enough.
        """
        return _has(self._marks, _mark(f"{field}=", name))

    def has_date_from(self, first: str, end: str) -> bool:
        """Whether some photo was taken from the day `first` until before the day `end` (ISO)."""
        at = bisect_left(self._days, first)
        return at < len(self._days) and self._days[at] < end

    def frequent_words(self) -> list[str]:
        """The words of all names, of three letters or more, without digits; most photos first."""
        return [line.partition("\t")[0] for line in self.name_words.splitlines()]

    def text_words_like(self, word: str) -> list[str]:
        """The words of text in pictures that differ by a letter, most photos first."""
        middle = len(word) // 2
        first, second = re.escape(word[:middle]), re.escape(word[middle:])
        shortest, longest = lengths_like(word)
        line = (
            rf"^({first}[^\t\n]{{{shortest - middle},{longest - middle}}}"
            rf"|[^\t\n]{{{max(0, middle - 2)},{middle + 2}}}{second})\t(\d+)$"
        )
        found = re.findall(line, self.text_words, re.MULTILINE)
        counts = {each: int(number) for each, number in found if differs_by_a_letter(word, each)}
        return [each for each, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


class Published(Struct, frozen=True):
    """A vocabulary, and the fragments that it covers, with the number of rows deleted in each.

    Fragments go by the names of their first data files, which are used once. `removed` is how many
    rows have been deleted or replaced since it was made anew: their words are still in it. `counts`
    of the same photos were right when that number was `counted_at`. Of another `form` than this
    program's, nothing is used.
    """

    vocabulary: Vocabulary = Vocabulary()
    fragments: dict[str, int] = {}
    removed: int = 0
    counts: PhotoCounts = PhotoCounts()
    counted_at: int = 0
    form: int = 0

    def uncovered(self, view: View) -> list[Any]:
        """The fragments (lance.LanceFragment) of a version of the table that are not covered."""
        fragments = view.dataset.get_fragments()
        return [each for each in fragments if name_of(each.metadata) not in self.fragments]

    def removed_fragments(self, view: View) -> list[Any] | None:
        """The covered fragments of which rows were deleted since, and which they were is known.

        None where that cannot be known: fragments were replaced, or rows were deleted while the
        archive was settled.
        """
        now = {name_of(each.metadata): each for each in view.dataset.get_fragments()}
        if self.removed != self.counted_at or not self.fragments.keys() <= now.keys():
            return None
        return [
            now[name]
            for name, number in self.fragments.items()
            if int(now[name].num_deletions) != number
        ]

    def removed_in(self, view: View) -> int:
        """The number of rows that are no longer in a version of the table as they were."""
        now = _deletions(each.metadata for each in view.dataset.get_fragments())
        if not self.fragments.keys() <= now.keys():
            return self.removed + 1  # at least: a fragment was replaced
        return self.removed + sum(now[name] - number for name, number in self.fragments.items())


class Joined(Struct, frozen=True):
    """Fragments that were replaced by others with the same rows, without those deleted in them."""

    before: dict[str, int]  # with the number of rows deleted in each
    after: list[str]

    @classmethod
    def by(cls, result: Any) -> Self:
        """What a task of compaction (lance.optimize.RewriteResult) has done."""
        names = [name_of(each) for each in result.new_fragments]
        return cls(_deletions(result.original_fragments), names)


def name_of(fragment: Any) -> str:
    """The name of a fragment (lance.FragmentMetadata): that of its first data file."""
    name: str = fragment.files[0].path
    return name


def _deletions(fragments: Iterable[Any]) -> dict[str, int]:
    return {name_of(each): int(each.num_deletions) for each in fragments}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Published).decode


def encoded(published: Published) -> bytes:
    """The vocabulary as the table has it."""
    return _encode(replace(published, form=_FORM))


def published_in(content: bytes | None) -> Published:
    """The vocabulary as the table has it; an empty one where there is none, or of another form."""
    if content is None:
        return Published()
    try:
        published = _decode(content)
    except msgspec.DecodeError:
        return Published()
    return published if published.form == _FORM else Published()


def after_joining(published: Published, joined: Sequence[Joined]) -> Published:
    """A vocabulary after fragments that it covers were joined.

    What others have put since it was made is not covered.
    """
    fragments, removed = dict(published.fragments), published.removed
    for each in joined:
        if each.before.keys() <= fragments.keys():
            removed += sum(number - fragments.pop(name) for name, number in each.before.items())
            fragments |= dict.fromkeys(each.after, 0)
    return replace(published, fragments=fragments, removed=removed)


def renewed(published: Published, view: View) -> Published:
    """The vocabulary of all photos of a version, made of an earlier one where that is cheaper."""
    removed, rows = published.removed_in(view), view.count()
    fragments = _deletions(each.metadata for each in view.dataset.get_fragments())
    is_cheap = rows <= _REMADE_ROWS
    if not published.fragments or (removed and (is_cheap or removed > rows * _MOST_REMOVED)):
        all_of_it = view.dataset.get_fragments()
        return Published(
            Vocabulary.of(view, all_of_it), fragments, counts=PhotoCounts.of(view, all_of_it)
        )
    counts = counts_of_all(published, view, MemoryCache(len(fragments)))
    if counts is None:
        counts = PhotoCounts.of(view, view.dataset.get_fragments())
    new = Vocabulary.of(view, published.uncovered(view))
    return Published(published.vocabulary.with_those_of(new), fragments, removed, counts, removed)


def counts_of_all(
    published: Published, view: View, known: KnownCounts, records_at: RecordsAt | None = None
) -> PhotoCounts | None:
    """The counts of all photos of a version: those that were published, with what has changed.

    None if too many photos were removed since then, or while the archive was settled. `known` are
    counts of parts of it that were made before, and `records_at` finds rows on this machine.
    """
    counts = published.counts
    if published.removed_in(view) != published.counted_at:
        removed = _removed_counts(published, view, known, records_at)
        if removed is None:
            return None
        counts = counts.minus(removed)
    added = PhotoCounts()
    for fragment in published.uncovered(view):
        own = known.get(
            (name_of(fragment.metadata), int(fragment.num_deletions)),
            lambda fragment=fragment: PhotoCounts.of(view, [fragment]),  # type: ignore[misc]
            lambda: None,
        )
        added = added.plus(own)
    return counts.plus(added)


def _removed_counts(
    published: Published, view: View, known: KnownCounts, records_at: RecordsAt | None
) -> PhotoCounts | None:
    """The counts of photos that were removed since the counts were published."""
    fragments, before = published.removed_fragments(view), view.tagged(PUBLISHED)
    if fragments is None or before is None:
        return None
    total = PhotoCounts()
    for fragment in fragments:
        name, now_deleted = name_of(fragment.metadata), int(fragment.num_deletions)
        then, then_deleted = _fragment_of(before, name), published.fragments[name]
        if then is None or int(then.num_deletions) != then_deleted:
            return None  # rows were deleted while the archive was settled
        if now_deleted - then_deleted > _MOST_TAKEN_AWAY:
            return None
        removed = known.get(
            (name, then_deleted, now_deleted),
            partial(_counts_between, before, view, then, fragment, records_at),
            lambda: None,
        )
        total = total.plus(removed)
    return total


def _fragment_of(view: View, name: str) -> Any:
    """The fragment (lance.LanceFragment) with this name; None without one."""
    fragments = view.dataset.get_fragments()
    return next((each for each in fragments if name_of(each.metadata) == name), None)


def _counts_between(
    before: View, now: View, then: Any, fragment: Any, records_at: RecordsAt | None
) -> PhotoCounts:
    """The counts of the photos that a fragment had then and has no more.

    `then` and `fragment` are that fragment (lance.LanceFragment) in the two versions.
    """
    removed = np.setdiff1d(before.addresses_in([then]), now.addresses_in([fragment]))
    records = None if records_at is None else records_at(removed)
    columns = ["part", *COUNTED_COLUMNS]
    if records is None:
        rows = before.rows_at(removed, columns)
    else:
        rows = pa.Table.from_pylist(records, pa.schema([before.known.field(c) for c in columns]))
    return PhotoCounts.of_rows(rows.filter(pc.equal(rows["part"], 0)))


class KnownWords(Struct, frozen=True):
    """The vocabulary of a version of an archive; exact if every word of it is in some photo."""

    vocabulary: Vocabulary
    is_exact: bool


def is_exactly_known(word: str) -> bool:
    """Whether a vocabulary that has this word is right about it."""
    return word.isalpha() or len(word) <= _SHORT_WORD


def _mark(kind: str, word: str) -> int:
    return int.from_bytes(blake2b(f"{kind}\0{word}".encode(), digest_size=8).digest())


def _has(marks: NDArray[Any], mark: int) -> bool:
    # As a number of their type: of another one, NumPy would first convert all marks, to float64.
    at = int(marks.searchsorted(marks.dtype.type(mark)))
    return at < len(marks) and int(marks[at]) == mark


def _marks_of_name(field: NameField, name: str) -> Iterator[int]:
    yield _mark(f"{field}=", name)
    if field == "people":
        words = name.split(" ")
        for at in range(1, len(words)):
            yield _mark(f"{field}=", " ".join(words[:at]))
            yield _mark(f"{field}=", " ".join(words[at:]))


def _parts(texts: pa.Array, between: str) -> list[str]:
    """The different parts of texts, without what stands between them."""
    parts = pc.unique(pc.list_flatten(pc.split_pattern(texts, between))).drop_null().to_pylist()
    return [each for part in parts if (each := part.strip()) and each != _END]


def _photos_with_words(columns: Sequence[pa.Array]) -> Counter[str]:
    """The number of rows with each word of three letters or more, in any of these columns."""
    texts = pc.binary_join_element_wise(*columns, " ", null_handling="replace", null_replacement="")
    words = pc.split_pattern(texts, " ")
    rows, words = pc.list_parent_indices(words), pc.list_flatten(words)
    encoded_words = words.dictionary_encode()
    names = encoded_words.dictionary.to_pylist()
    pairs = np.asarray(rows).astype(np.int64) * max(1, len(names)) + np.asarray(
        encoded_words.indices
    )
    counts = np.bincount(np.unique(pairs) % max(1, len(names)), minlength=len(names))
    return Counter(
        {
            word: int(count)
            for word, count in zip(names, counts.tolist(), strict=True)
            if len(word) >= _SHORTEST_WORD and not any(map(str.isdigit, word))
        }
    )


def _counts(texts: Any) -> dict[str, int]:
    return {each["values"]: each["counts"] for each in pc.value_counts(texts).to_pylist()}


def _lines(counts: Mapping[str, int], most: int) -> str:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return "\n".join(f"{word}\t{count}" for word, count in ordered[:most])


def _counted(lines: str) -> Counter[str]:
    pairs = (line.partition("\t") for line in lines.splitlines())
    return Counter({word: int(count) for word, _, count in pairs})
