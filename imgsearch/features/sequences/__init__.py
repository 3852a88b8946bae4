"""One thing and then another: pairs of photos of one occasion, in the order of time."""

from __future__ import annotations

from imgsearch.features.declared import Feature, LineForm, Part

FEATURE = Feature(
    name="sequences",
    needs=("events", "around"),
    parts={"sequences": Part("imgsearch.features.sequences.operations:Sequences")},
    examples={"search": ('imgsearch search "a church ~> ice cream"',)},
    forms={
        "~>": LineForm(
            cure="A line with ~> asks for one thing and then another, and finds pairs of photos. "
            "Only imgsearch search and library.sequences.find answer it: write one of its parts "
            "here.",
            reads="imgsearch.features.sequences.reading:with_sign",
            search="imgsearch.features.sequences.commands:search",
        )
    },
    exports={
        "imgsearch.features.sequences.operations": ("Sequences",),
        "imgsearch.features.sequences.records": (
            "PhotoSequence",
            "SequenceAnswer",
            "SequencePart",
        ),
    },
)
