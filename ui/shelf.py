"""Collections of photos, of features and of marks: on the start page, and one by one.

A collection is a link with a cover, a name and a number of photos: see `ShelfEntry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from ui.addresses import START, address_of
from ui.answer_data import answer_of
from ui.features import ShelfEntry, shown_features
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import thumbnail_url


def rows() -> list[dict[str, object]]:
    """Return a row with the links of all features, as `Shelf` in `memories.js`; none without any.

    It is called by the collections of which there are some.
    """
    collections = [(title, entries) for title, entries in of_features() if entries]
    if not collections:
        return []
    *first, last = (title for title, _ in collections)
    title = " and ".join(filter(None, [", ".join(first), last])).capitalize()
    entries = [entry for _, of_one in collections for entry in of_one]
    return [{"title": title, "entries": shelf_json(entries)}]


def of_features(
    without: Callable[[], Sequence[ShelfEntry]] | None = None,
) -> Iterator[tuple[str, Sequence[ShelfEntry]]]:
    """Yield the collections of each feature, with their title; not what `without` returns."""
    for each in shown_features():
        if each.shelf is not None and each.shelf is not without:
            yield each.shelf_title, each.shelf()


def favourites() -> list[ShelfEntry]:
    """Return the link to the favourites, if there are any."""
    return _marked("Favourites", "favorite", "is:favourite", has_cover=True)


def hidden() -> list[ShelfEntry]:
    """Return the link to the hidden photos, if there are any. It shows none of them."""
    return _marked("Hidden", "visibility_off", "is:hidden", has_cover=False)


def _marked(name: str, icon: str, line: str, *, has_cover: bool) -> list[ShelfEntry]:
    if not session().has("marks"):
        return []
    ids = answer_of(SearchInput(line)).found.ids
    if not len(ids):
        return []
    return [
        ShelfEntry(
            kind="marks",
            icon=icon,
            name=name,
            line=line,
            address=address_of(START, {"q": line}),
            photos=len(ids),
            cover_id=int(ids[0]) if has_cover else None,
        )
    ]


def shelf_json(entries: Sequence[ShelfEntry]) -> list[dict[str, object]]:
    """Return links for the browser, with the addresses of their covers: `Entry` in `shelf.js`."""
    wanted = [each.cover_id for each in entries if each.cover_id is not None]
    covers = {hit.photo.id: thumbnail_url(hit) for hit in session().library.photos(wanted)}
    return [_on_shelf(each, covers) for each in entries]


def _on_shelf(entry: ShelfEntry, covers: Mapping[int, str]) -> dict[str, object]:
    cover = "" if entry.cover_id is None else covers.get(entry.cover_id, "")
    return {**msgspec.structs.asdict(entry), "cover": cover}
