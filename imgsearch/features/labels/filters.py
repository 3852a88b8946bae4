"""The filter `label:NAME`, its values, and the words that name classes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from imgsearch.features.labels.records import Classes
from imgsearch.features.labels.store import LabelStore
from imgsearch.records.browse import FilterChoice, KindOfChoices
from imgsearch.store.database import Database
from imgsearch.store.filters import ConditionContext, SqlCondition, joined
from imgsearch.store.sql import IN_IDS, ids_parameter
from imgsearch.text import plain_text


def condition(context: ConditionContext, value: str) -> SqlCondition:
    """Return the condition that a photo has the label NAME, or FACET/NAME."""
    facet, _, name = plain_text(value).rpartition("/")
    conditions = [context.rows_with("labels", "label", lambda text: plain_text(text) == name)]
    if facet:
        conditions.append(
            context.rows_with("facets", "name", lambda text: plain_text(text) == facet)
        )
    both = joined(" AND ", conditions)
    return both._replace(
        text="photos.id IN (SELECT photo_id FROM labels JOIN facets ON facets.id = facet_id "
        f"WHERE {both.text})"
    )


def suggested(database: Database, line: str) -> list[str]:
    """Return the labels, with their facet if there are several; all of them after a slash."""
    facets = {
        name: Classes(tuple(json.loads(classes)), none_of_these=bool(none_of_these)).labels
        for name, classes, none_of_these in database.fetch_all(
            "SELECT name, classes, none_of_these FROM facets ORDER BY name"
        )
    }
    times = Counter(label for labels in facets.values() for label in labels)
    return [label for label, number in times.items() if number == 1] + [
        f"{facet}/{label}"
        for facet, labels in facets.items()
        for label in labels
        if times[label] > 1 or "/" in line
    ]


def choices(database: Database) -> KindOfChoices:
    """Return a choice for each class of each facet of labels."""
    store = LabelStore(database)
    return KindOfChoices(
        "Labels",
        "label",
        tuple(
            FilterChoice(f"{facet.name}: {name}", "label", f"{facet.name}/{name}", photos)
            for facet in store.facets()
            for name, photos in store.counts(facet.id).items()
        ),
    )


def class_names(database: Database) -> list[str]:
    """Return the names of all classes, as their user spells them."""
    rows = database.fetch_all("SELECT classes FROM facets ORDER BY name")
    return [name for (classes,) in rows for name in json.loads(classes)]


def labels_of(database: Database, photo_ids: Sequence[int]) -> list[tuple[int, str]]:
    """Return the labels of these photos, each with its facet."""
    rows = database.fetch_all(
        "SELECT photo_id, name || '/' || label FROM labels JOIN facets ON facets.id = facet_id "
        f"WHERE photo_id {IN_IDS}",
        ids_parameter(photo_ids),
    )
    return [(photo_id, label) for photo_id, label in rows]


def label_question(value: str) -> str:
    """Return the question whether a photo has this label of a facet."""
    facet, _, label = value.partition("/")
    return f"Does it show {label} ({facet})?"
