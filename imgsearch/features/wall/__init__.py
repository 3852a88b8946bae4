"""Walls: an address that shows the photos of a search for ever, for a frame or a television."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="wall",
    parts={"walls": Part("imgsearch.features.wall.operations:Walls")},
    commands={
        "wall": ListedCommand(
            group="Organise",
            summary="Show a search on a frame or a television.",
            module="imgsearch.features.wall.wall_command",
            before="label",
        )
    },
    page="imgsearch.features.wall.page:page",
    components="imgsearch.features.wall",
    exports={
        "imgsearch.features.wall.operations": ("Walls",),
        "imgsearch.features.wall.records": ("Wall",),
    },
)
