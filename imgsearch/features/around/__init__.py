"""The photos before and after a photo: the others of its event, with the time between."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part, ValueFilter

FEATURE = Feature(
    name="around",
    needs=("events",),
    parts={"around": Part("imgsearch.features.around.operations:Around")},
    commands={
        "around": ListedCommand(
            group="Look back",
            summary="Show what was just before and after a photo.",
            module="imgsearch.features.around.commands",
            before="events",
        )
    },
    filters={
        "around": ValueFilter(
            metavar="ID[,TIME]",
            meaning="taken within TIME (2h, 30min, 3d; 1h by default) before or after the photo "
            "with this id, by the clock of the camera",
            condition="imgsearch.features.around.filters:condition",
            read="imgsearch.features.around.filters:read",
            check="imgsearch.features.around.filters:check",
        )
    },
    page="imgsearch.features.around.page:page",
    components="imgsearch.features.around",
    styles={"viewer": "around/strip.css"},
    exports={
        "imgsearch.features.around.operations": ("Around",),
        "imgsearch.features.around.records": ("NearbyPhoto", "PhotosBeforeAfter"),
    },
)
