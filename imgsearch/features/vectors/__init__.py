"""The vectors of photos and queries, as arrays and as tables, for notebooks and programs."""

from __future__ import annotations

from imgsearch.features.declared import Feature, Part

FEATURE = Feature(
    name="vectors",
    parts={"vectors": Part("imgsearch.features.vectors.reading:LibraryVectors")},
    exports={
        "imgsearch.features.vectors.reading": ("LibraryVectors",),
        "imgsearch.features.vectors.records": ("VectorBatch",),
    },
)
