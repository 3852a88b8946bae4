"""The words of all names of an archive, which version 0.1.0 tells from misspelt words."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow.compute as pc

from imgsearch.archive.lance.tables import FIRST_PARTS, View, words_column
from imgsearch.records.names import NAME_FIELDS

_MOST_WORDS = 50_000
_SHORTEST_WORD = 3
_ROWS_AT_ONCE = 65_536


def words_of_names(view: View) -> list[str]:
    """Return the words of the names of photos, of three letters or more, without digits.

    Those that most photos have come first.
    """
    counts = Counter[str]()
    for rows in view.batches([*map(words_column, NAME_FIELDS)], FIRST_PARTS, _ROWS_AT_ONCE):
        counts.update(_photos_with_words(rows))
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [word for word, _ in ordered[:_MOST_WORDS]]


def _photos_with_words(rows: Any) -> dict[str, int]:
    """Return the number of rows (a pyarrow.Table) with each word in any of their columns."""
    columns = [column.combine_chunks() for column in rows.columns]
    texts = pc.binary_join_element_wise(*columns, " ", null_handling="replace", null_replacement="")
    words = pc.split_pattern(texts, " ")
    places, words = pc.list_parent_indices(words), pc.list_flatten(words).dictionary_encode()
    names = words.dictionary.to_pylist()
    pairs = np.asarray(places).astype(np.int64) * max(1, len(names)) + np.asarray(words.indices)
    counts = np.bincount(np.unique(pairs) % max(1, len(names)), minlength=len(names))
    return {
        word: int(count)
        for word, count in zip(names, counts.tolist(), strict=True)
        if len(word) >= _SHORTEST_WORD and not any(map(str.isdigit, word))
    }
