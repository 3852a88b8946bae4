"""Concepts that are taught by examples, and what favourites have in common."""

from __future__ import annotations

from imgsearch.features.declared import (
    Detail,
    Explained,
    Feature,
    InPacks,
    ListedCommand,
    NamedDirection,
    Part,
    ValueFilter,
)

FEATURE = Feature(
    name="concepts",
    parts={"concepts": Part("imgsearch.features.concepts.operations:Concepts")},
    commands={
        "teach": ListedCommand(
            group="Organise",
            summary="Teach a concept by photos that show it.",
            module="imgsearch.features.concepts.commands",
            before="correct",
        )
    },
    filters={
        "shows": ValueFilter(
            metavar="CONCEPT",
            meaning="that show this concept, taught with imgsearch teach, surely or likely; or "
            "CONCEPT/sure",
            condition="imgsearch.features.concepts.filters:condition",
            check="imgsearch.features.concepts.filters:check",
            suggested_as="concept",
            suggested="imgsearch.features.concepts.filters:suggested",
        )
    },
    directions={
        "concept": NamedDirection(
            suggested_as="concept",
            term="imgsearch.features.concepts.records:TaughtConcept",
            module="imgsearch.features.concepts.reading",
        )
    },
    details={
        "judged": Detail(dict[str, bool], "imgsearch.features.concepts.operations:judged_in_photo")
    },
    explained={
        "concepts": Explained(
            type="imgsearch.features.concepts.records:Verdicts",
            made_by="imgsearch.features.concepts.explaining:verdicts",
            remarks="imgsearch.features.concepts.explaining:remarks",
        )
    },
    packs=InPacks(("concept", "concepts"), "imgsearch.features.concepts.packs", from_vectors=True),
    items="imgsearch.features.concepts.items:GROUPS",
    after_indexing="imgsearch.features.concepts.indexing:follow_vectors",
    taste="imgsearch.features.concepts.taste:learn_taste",
    page="imgsearch.features.concepts.page:page",
    components="imgsearch.features.concepts",
    styles={"viewer": "concepts/concepts.css"},
    exports={
        "imgsearch.features.concepts.operations": ("Concepts",),
        "imgsearch.features.concepts.records": ("TaughtConcept",),
    },
)
