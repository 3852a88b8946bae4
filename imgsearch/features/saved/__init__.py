"""Saved searches: queries under a name, and the links, lists and commands that follow them."""

from __future__ import annotations

from imgsearch.features.declared import (
    Feature,
    InPacks,
    ListedCommand,
    NamedQuery,
    Part,
    WhileWatching,
)

FEATURE = Feature(
    name="saved",
    parts={"saved": Part("imgsearch.features.saved.operations:Saved")},
    commands={
        "save": ListedCommand(
            group="Organise",
            summary="Save a search under a name.",
            module="imgsearch.features.saved.save_command",
            before="label",
        ),
        "saved": ListedCommand(
            group="Organise",
            summary="List, rename or remove saved searches.",
            module="imgsearch.features.saved.saved_command",
            before="label",
        ),
    },
    examples={"search": ("imgsearch search 'saved:beach after:2024'",)},
    queries={
        "saved": NamedQuery(
            metavar="NAME",
            meaning="of the search that imgsearch save has saved under this name",
            suggested_as="saved",
            title="saved search",
            module="imgsearch.features.saved.queries",
            looked="imgsearch.features.saved.looking:looked_at",
        )
    },
    packs=InPacks(
        ("saved search", "saved searches"), "imgsearch.features.saved.packs", key="searches"
    ),
    items="imgsearch.features.saved.items:GROUPS",
    watching=WhileWatching("imgsearch.features.saved.watching"),
    page="imgsearch.features.saved.page:page",
    exports={
        "imgsearch.features.saved.operations": ("Saved",),
        "imgsearch.features.saved.queries": ("saved_name_of",),
        "imgsearch.features.saved.records": (
            *("OutputsReport", "SavedSearch", "SavedSearchOutputs", "SavedSearchSummary"),
        ),
    },
)
