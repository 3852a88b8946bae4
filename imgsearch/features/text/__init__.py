"""Text in pictures: read once, and found by its words from then on."""

from __future__ import annotations

from imgsearch.features.declared import Feature, FeatureJob, ListedCommand, Part, ValueFilter

FEATURE = Feature(
    name="text",
    parts={"text": Part("imgsearch.features.text.operations:PictureText")},
    commands={
        "read-text": ListedCommand(
            group="Keep up to date",
            summary="Read the text in photos, to search for it.",
            module="imgsearch.features.text.commands",
            before="forget",
        )
    },
    filters={
        "text": ValueFilter(
            metavar="TEXT",
            meaning="that show the words TEXT, as imgsearch read-text has read them in the picture",
            condition="imgsearch.features.text.filters:condition",
            other_names=("ocr",),
        )
    },
    remarks="imgsearch.features.text.remarks:remarks",
    jobs={
        "text": FeatureJob(
            title="Reading text",
            command="read-text",
            told="imgsearch.features.text.reading:told",
            backlog="imgsearch.features.text.reading:backlog",
        )
    },
    page="imgsearch.features.text.page:page",
    exports={
        "imgsearch.features.text.operations": ("PictureText",),
    },
)
