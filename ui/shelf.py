"""The shelf of the start page: links that features put there, with covers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ui.component_files import component
from ui.features import ShelfEntry, shown_features
from ui.session import session
from ui.tiles import thumbnail_url

_shelf = component("shelf")


def shelf() -> None:
    """Show the links of all features, if there are any."""
    here = session()
    features = [each for each in shown_features() if each.shelf is not None]
    entries = [entry for each in features if each.shelf is not None for entry in each.shelf()]
    if not entries:
        return
    shown = here.library.photos([each.cover_id for each in entries if each.cover_id is not None])
    covers = {hit.photo.id: thumbnail_url(hit) for hit in shown}
    titles = [each.shelf_title for each in features]
    title = " and ".join(filter(None, [", ".join(titles[:-1]), titles[-1]])).capitalize()
    on_shelf = [_on_shelf(each, covers) for each in entries]
    _shelf(key="shelf", data={"entries": on_shelf, "title": title})


def _on_shelf(entry: ShelfEntry, covers: Mapping[int, str]) -> dict[str, object]:
    cover = "" if entry.cover_id is None else covers.get(entry.cover_id, "")
    return {**msgspec.structs.asdict(entry), "cover": cover}
