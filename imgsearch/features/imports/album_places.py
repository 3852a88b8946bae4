"""The albums of photos, from the rows in which a program keeps which photo is in which album."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping


def albums_by_photo(
    rows: Iterable[tuple[Hashable, Hashable, object]],
) -> Mapping[Hashable, tuple[tuple[str, int], ...]]:
    """Return the albums of each photo by its id: their names, and its place in each, from 1.

    A row has the ids of a photo and of an album, and the name of the album; the rows of an album
    are in its order. Albums of one name are one for a photo: the first place counts.
    """
    albums: dict[Hashable, dict[str, int]] = defaultdict(dict)
    places: Counter[Hashable] = Counter()
    for photo_id, album_id, name in rows:
        places[album_id] += 1
        albums[photo_id].setdefault(str(name), places[album_id])
    return {photo_id: tuple(named.items()) for photo_id, named in albums.items()}
