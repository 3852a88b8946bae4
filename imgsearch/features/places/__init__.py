"""Places: photos counted by country, region and town, and shown on a map of the world."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="places",
    parts={"places": Part("imgsearch.features.places.operations:Places")},
    commands={
        "places": ListedCommand(
            group="Look back",
            summary="Count photos by country, region and town.",
            module="imgsearch.features.places.commands",
            before="cameras",
        )
    },
    page="imgsearch.features.places.page:page",
    components="imgsearch.features.places",
    exports={
        "imgsearch.features.places.operations": ("Places",),
        "imgsearch.features.places.clusters": (
            *("cluster_photos", "ids_within", "name_of_cluster"),
        ),
        "imgsearch.features.places.records": ("PhotoCluster",),
    },
)
