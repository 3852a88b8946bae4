"""Corrections: dates and places of photos that their files do not state, or state wrongly."""

from __future__ import annotations

from imgsearch.features.declared import Detail, Feature, ListedCommand, Part

FEATURE = Feature(
    name="corrections",
    parts={"corrections": Part("imgsearch.features.corrections.operations:Corrections")},
    commands={
        "correct": ListedCommand(
            group="Organise",
            summary="Correct dates and places.",
            module="imgsearch.features.corrections.commands",
            before="undo",
        )
    },
    details={
        "stated_facts": Detail(
            "imgsearch.features.corrections.records:StatedInPhoto",
            "imgsearch.features.corrections.operations:stated_in_photo",
        )
    },
    page="imgsearch.features.corrections.page:page",
    components="imgsearch.features.corrections",
    styles={"viewer": "corrections/corrected.css", "shell": "corrections/correct.css"},
    exports={"imgsearch.features.corrections.operations": ("Corrections",)},
)
