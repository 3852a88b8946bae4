"""Kinds of pictures: screenshots and documents, told from photos when they are indexed."""

from __future__ import annotations

from imgsearch.features.declared import Detail, Feature, ListedCommand, Part, PictureState

FEATURE = Feature(
    name="kinds",
    parts={"kinds": Part("imgsearch.features.kinds.operations:Kinds")},
    commands={
        "kinds": ListedCommand(
            group="Organise",
            summary="Count screenshots and documents, or leave them out of answers.",
            module="imgsearch.features.kinds.kinds_command",
            before="label",
        )
    },
    states={
        "screenshot": PictureState(
            meaning="screenshot (of a phone or a computer)",
            condition="imgsearch.features.kinds.filters:is_screenshot",
            unknown="imgsearch.features.kinds.remarks:unjudged",
            words=(
                *("screenshot", "screenshots", "screen shot", "screen shots"),
                *("bildschirmfoto", "bildschirmfotos", "bildschirmaufnahmen"),
            ),
        ),
        "document": PictureState(
            meaning="document (a page, form, letter or receipt, scanned or photographed)",
            condition="imgsearch.features.kinds.filters:is_document",
            unknown="imgsearch.features.kinds.remarks:unjudged",
            words=(
                *("document", "documents", "scanned document", "scanned documents"),
                *("dokument", "dokumente", "eingescannte dokumente", "gescannte dokumente"),
            ),
        ),
    },
    left_out="imgsearch.features.kinds.left_out:left_out",
    details={
        "kind": Detail(
            "imgsearch.features.kinds.records:KindOfPhoto",
            "imgsearch.features.kinds.filters:kind_of_photo",
        )
    },
    rows="imgsearch.features.kinds.filters:rows_of_photo",
    remarks="imgsearch.features.kinds.remarks:remarks",
    after_indexing="imgsearch.features.kinds.judging:judge_new_photos",
    page="imgsearch.features.kinds.page:page",
    exports={
        "imgsearch.features.kinds.operations": ("Kinds",),
        "imgsearch.features.kinds.records": ("PictureKind", "PictureKinds"),
    },
)
