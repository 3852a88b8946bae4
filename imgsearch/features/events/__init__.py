"""Events: occasions and trips, which are found by when and where photos were taken."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="events",
    parts={"events": Part("imgsearch.features.events.operations:Events")},
    commands={
        "events": ListedCommand(
            group="Look back",
            summary="List occasions and trips.",
            module="imgsearch.features.events.commands",
            before="places",
        )
    },
    items="imgsearch.features.events.items:GROUPS",
    page="imgsearch.features.events.page:page",
    components="imgsearch.features.events",
    exports={
        "imgsearch.features.events.operations": ("Events",),
        "imgsearch.features.events.records": ("PhotoEvent", "RouteStop"),
        "imgsearch.features.events.route": ("route_of",),
    },
)
