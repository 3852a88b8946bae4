"""Rows of features, which stay in libraries and packs where an installation lacks the feature.

The schema of a library is the same for all installations of one version: its version is the number
of its migrations. So the tables of our own features are made by `imgsearch.store.migrations`, also
where a feature is missing, and the format of packs has those of them that packs may carry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from imgsearch.features.installed import absent
from imgsearch.store.tray import TRAY_KEY


class FeatureRows(NamedTuple):
    """The rows of one feature.

    `things`, a table with a condition, has one row for each thing that somebody made; people know
    them as `called`, or else by the name of the feature. `in_packs`
    are the tables that a pack may carry, by the order of its checksum, and `packed_since` the
    migration that changed them last. Packs of the first format have the tables of some features in
    any case, which are in `pack_format`.
    """

    things: str
    called: str = ""
    values: tuple[str, ...] = ()
    in_packs: tuple[str, ...] = ()
    packed_since: str = ""
    in_all_packs: bool = False


FEATURE_ROWS: Mapping[str, FeatureRows] = {  # by the name of the feature
    "albums": FeatureRows(
        "albums WHERE key != ?",
        values=(TRAY_KEY,),
        in_packs=("albums", "album_photos"),
        packed_since="albums",
    ),
    "concepts": FeatureRows("concepts", in_all_packs=True),
    "corrections": FeatureRows("corrections"),
    "duplicates": FeatureRows("duplicate_choices"),
    "events": FeatureRows("event_titles", "titles of events"),
    "kinds": FeatureRows("picture_kinds", "screenshots and documents"),
    "labels": FeatureRows("facets"),
    "meaning": FeatureRows("meaning_maps"),
    "people": FeatureRows("persons", "persons"),
    "saved": FeatureRows("saved_searches", "saved searches", in_all_packs=True),
    "text": FeatureRows("text_readings", "text in pictures"),
    "wall": FeatureRows("walls"),
}


def things_of_absent(connection: sqlite3.Connection, in_pack: bool = False) -> dict[str, int]:
    """Count what a library or a pack has of each feature that this installation lacks, if any.

    Of a pack, only what the feature itself would merge counts: other rows, such as texts, are
    merged without it.
    """
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = {name for (name,) in connection.execute(query)}
    counts = {}
    for name in absent():
        rows = FEATURE_ROWS.get(name)
        if rows is None or (in_pack and not (rows.in_packs or rows.in_all_packs)):
            continue
        if rows.things.partition(" ")[0] in tables:
            query = f"SELECT count(*) FROM {rows.things}"
            (counts[rows.called or name],) = connection.execute(query, rows.values).fetchone()
    return {name: count for name, count in counts.items() if count}
