"""Near-duplicates: photos that resemble each other, and which of them to keep."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="duplicates",
    parts={"duplicates": Part("imgsearch.features.duplicates.operations:Duplicates")},
    commands={
        "duplicates": ListedCommand(
            group="Organise",
            summary="Find near-duplicates, and propose photos to keep.",
            module="imgsearch.features.duplicates.commands",
            before="undo",
        )
    },
    items="imgsearch.features.duplicates.items:GROUPS",
    page="imgsearch.features.duplicates.page:page",
    components="imgsearch.features.duplicates",
    exports={
        "imgsearch.features.duplicates.operations": ("Duplicates",),
        "imgsearch.features.duplicates.proposal": ("with_kept",),
        "imgsearch.features.duplicates.records": (
            *("Comparison", "DuplicateGroup", "GroupedPhoto", "Pairs"),
        ),
        "imgsearch.features.duplicates.removal_script": (
            *("has_objects", "removal_paths", "removal_script"),
        ),
    },
)
