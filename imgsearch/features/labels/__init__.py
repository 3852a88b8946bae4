"""Labels: photos sorted into classes that are named in words."""

from __future__ import annotations

from imgsearch.features.declared import (
    Detail,
    Feature,
    ListedCommand,
    NarrowingValues,
    Part,
    ValueFilter,
)

FEATURE = Feature(
    name="labels",
    parts={"labels": Part("imgsearch.features.labels.operations:Labels")},
    methods={"label": "labels"},
    commands={
        "label": ListedCommand(
            group="Organise",
            summary="Sort photos into classes that you name in words.",
            module="imgsearch.features.labels.commands",
            before="teach",
        )
    },
    filters={
        "label": ValueFilter(
            metavar="NAME",
            meaning="with this label, saved by imgsearch label --save-as; or FACET/NAME",
            condition="imgsearch.features.labels.filters:condition",
            suggested_as="label",
            suggested="imgsearch.features.labels.filters:suggested",
            choices="imgsearch.features.labels.filters:choices",
        )
    },
    narrowing={
        "label": NarrowingValues(
            values="imgsearch.features.labels.filters:labels_of",
            question="imgsearch.features.labels.filters:label_question",
        )
    },
    details={
        "labels": Detail(dict[str, str], "imgsearch.features.labels.operations:labels_of_photo")
    },
    rows="imgsearch.features.labels.operations:rows_of_photo",
    items="imgsearch.features.labels.items:GROUPS",
    after_indexing="imgsearch.features.labels.labelling:label_new_photos",
    own_words="imgsearch.features.labels.filters:class_names",
    page="imgsearch.features.labels.page:page",
    exports={
        "imgsearch.features.labels.operations": ("Labels",),
        "imgsearch.features.labels.records": ("Classes", "Label"),
    },
)
