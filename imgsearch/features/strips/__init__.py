"""Strips of pictures: the same thing over time, the best photo of each month or year."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="strips",
    parts={"strips": Part("imgsearch.features.strips.operations:Strips")},
    commands={
        "strip": ListedCommand(
            group="Look back",
            summary="Show the same thing over time: the best photo of each year.",
            module="imgsearch.features.strips.commands",
            before="meaning",
        )
    },
    page="imgsearch.features.strips.page:page",
    components="imgsearch.features.strips",
    exports={
        "imgsearch.features.strips.operations": ("Strips",),
        "imgsearch.features.strips.records": ("StripPeriod",),
    },
)
