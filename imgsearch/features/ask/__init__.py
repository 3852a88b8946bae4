"""Questions about one's photos, such as when and how often, which one sentence answers."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="ask",
    needs=("events",),
    parts={"questions": Part("imgsearch.features.ask.operations:Questions")},
    methods={"ask": "questions"},
    commands={
        "ask": ListedCommand(
            group="Look back",
            summary="Answer a question: when, where, how often, how long, who.",
            module="imgsearch.features.ask.commands",
            before="around",
        )
    },
    page="imgsearch.features.ask.page:page",
    exports={
        "imgsearch.features.ask.operations": ("Questions",),
        "imgsearch.features.ask.records": ("AnsweredOccasion", "QuestionAnswer"),
    },
)
