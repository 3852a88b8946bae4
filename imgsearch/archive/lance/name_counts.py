"""Counts the names that are suggested while somebody types, in rows of the table of photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imgsearch.archive.lance.rows import folder_names
from imgsearch.archive.lance.tables import FACE_NAMES, loaded
from imgsearch.records.names import NameField, names_of_keyword
from imgsearch.text import words_of

# By field and by the words of a name: the number of photos with it, and how it is spelled in one.
NameCounts: TypeAlias = dict[NameField, dict[str, tuple[int, str]]]

# The columns that have the names of a field, and the names in one text of them.
_NAMES: dict[NameField, tuple[tuple[str, ...], Callable[[str], Iterable[str]]]] = {
    "people": (("people", FACE_NAMES), lambda text: [text]),
    "keywords": (("keywords",), names_of_keyword),
    "folder": (("paths",), folder_names),
    "place": (("town", "region"), lambda text: [text]),
    "country": (("country",), lambda text: [text]),
}
NAME_COLUMNS = tuple(column for columns, _ in _NAMES.values() for column in columns)
_FILE_NAME = "[^/]*$"
_Texts: TypeAlias = tuple[Any, Any]  # the number of the photo of each text, and the texts


def count_names(photos: Any) -> NameCounts:
    """Count the names in `NAME_COLUMNS` of photos (a pyarrow.Table), each photo in one row."""
    counts: NameCounts = {}
    for field, (columns, names_in) in _NAMES.items():
        texts = [_texts_of(photos[column]) for column in columns]
        if field == "folder":
            texts = [
                (numbers, pc.replace_substring_regex(paths, _FILE_NAME, ""))
                for numbers, paths in texts
            ]
        counts[field] = {name: (n, text) for name, n, text in _counted(texts, names_in)}
    return counts


def _texts_of(column: Any) -> _Texts:
    """The texts of a column, each with the number of its photo."""
    column = column.combine_chunks()
    numbers = pa.array(np.arange(len(column)))
    if pa.types.is_list(column.type):
        numbers, column = pc.list_parent_indices(column), pc.list_flatten(column)
    is_there = pc.is_valid(column)
    return np.asarray(pc.filter(numbers, is_there)), pc.filter(column, is_there)


def _counted(
    columns: Iterable[_Texts], names_in: Callable[[str], Iterable[str]]
) -> Iterator[tuple[str, int, str]]:
    """Each name as words, with its number of photos and its spelling."""
    number_of: dict[str, int] = {}
    spellings: list[str] = []

    def number(name: str) -> int | None:
        """The number of a name; None for one without words."""
        words = " ".join(words_of(name))
        if words and words not in number_of:
            number_of[words] = len(spellings)
            spellings.append(name)
        return number_of.get(words)

    pairs = []  # number of a photo, number of a name
    for photos, texts in columns:
        encoded = texts.dictionary_encode()
        # There are far fewer different texts than photos: only they are taken apart.
        numbers = [
            sorted({each for name in names_in(loaded(text)) if (each := number(name)) is not None})
            for text in encoded.dictionary.to_pylist()
        ]
        for place in range(max(map(len, numbers), default=0)):
            # The name at this place of each text, -1 where it has fewer.
            names = np.array([each[place] if place < len(each) else -1 for each in numbers])
            of_photos = names[np.asarray(encoded.indices)]
            pairs.append(np.stack([photos, of_photos], axis=1)[of_photos >= 0])
    if spellings:
        of_all = np.concatenate(pairs)
        unique = np.unique(of_all[:, 0] * len(spellings) + of_all[:, 1])
        counts = np.bincount(unique % len(spellings), minlength=len(spellings))
        yield from zip(number_of, counts.tolist(), spellings, strict=True)
