"""Questions back about a long answer, such as "Was it in 2019?": each answer narrows it."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="narrowing",
    parts={"narrowing": Part("imgsearch.features.narrowing.operations:Narrowing")},
    commands={
        "narrow": ListedCommand(
            group="Find",
            summary="Ask back what narrows a long answer: when, where, with whom.",
            module="imgsearch.features.narrowing.commands",
            before="explain",
        )
    },
    afterwards="imgsearch.features.narrowing.afterwards:sentences",
    page="imgsearch.features.narrowing.page:page",
    components="imgsearch.features.narrowing",
    exports={
        "imgsearch.features.narrowing.operations": ("Narrowing",),
        "imgsearch.features.narrowing.records": ("NarrowingQuestion", "NarrowingQuestions"),
    },
)
