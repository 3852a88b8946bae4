"""People: faces in photos, and the persons that they belong to."""

from __future__ import annotations

from imgsearch.features.declared import (
    Detail,
    Feature,
    FeatureJob,
    ListedCommand,
    NarrowingValues,
    Part,
    ValueFilter,
)

FEATURE = Feature(
    name="people",
    parts={"people": Part("imgsearch.features.people.operations:People")},
    commands={
        "faces": ListedCommand(
            group="Organise",
            summary="Find faces in photos and group them by person.",
            module="imgsearch.features.people.faces_command",
            before="correct",
        ),
        "people": ListedCommand(
            group="Organise",
            summary="List persons, name them, and correct their faces.",
            module="imgsearch.features.people.commands",
            before="correct",
        ),
    },
    filters={
        "only": ValueFilter(
            metavar="NAMES",
            meaning="that show these persons, separated by commas, and nobody else, as far as "
            "faces were found",
            condition="imgsearch.features.people.filters:only_these",
        ),
        "people": ValueFilter(
            metavar="NUMBER",
            meaning="in which imgsearch faces has found this many faces: 0, 2, 3+",
            condition="imgsearch.features.people.filters:number_of_faces",
            read="imgsearch.features.people.filters:read_number",
            write="imgsearch.features.people.filters:write_number",
        ),
    },
    narrowing={
        "people": NarrowingValues(
            values="imgsearch.features.people.narrowing:numbers",
            question="imgsearch.features.people.narrowing:question",
        )
    },
    details={
        "faces": Detail(
            "imgsearch.features.people.records:FacesInPhoto",
            "imgsearch.features.people.operations:faces_of_photo",
        )
    },
    after_faces="imgsearch.features.people.finding:faces_came",
    jobs={
        "faces": FeatureJob(
            title="Finding faces",
            command="faces",
            told="imgsearch.features.people.finding:told",
            shown_by=("people",),
            backlog="imgsearch.features.people.finding:backlog",
        )
    },
    page="imgsearch.features.people.page:page",
    components="imgsearch.features.people",
    styles={"viewer": "people/photo_faces.css"},
    exports={
        "imgsearch.features.people.operations": ("People",),
        "imgsearch.features.people.records": (
            *("DatedFace", "PeopleOverview", "PersonChange", "PersonDetails", "PersonLook"),
            *("Proposal", "ShownPerson", "SimilarFace"),
        ),
    },
)
