"""Imports: what people have made in other programs for photos, merged into the library."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="imports",
    needs=("backup",),
    parts={"imports": Part("imgsearch.features.imports.operations:Imports")},
    commands={
        "import": ListedCommand(
            group="Look after",
            summary="Bring what you made in another program.",
            module="imgsearch.features.imports.import_command",
            before="settle",
        ),
    },
    exports={
        "imgsearch.features.imports.operations": ("Imports",),
        "imgsearch.features.imports.records": ("ImportReport", "SourceError"),
    },
)
