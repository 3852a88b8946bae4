"""One thing and then another: pairs of photos of one occasion, in the order of time."""

from __future__ import annotations

from imgsearch.features.declared import Feature, LineForm, Part

FEATURE = Feature(
    name="sequences",
    needs=("events", "around"),
    parts={"sequences": Part("imgsearch.features.sequences.operations:Sequences")},
    forms={
        "~>": LineForm(
            cure="A line with ~> asks for one thing and then another, and finds pairs of photos. "
            "library.sequences.find answers it: write one of its parts here.",
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
