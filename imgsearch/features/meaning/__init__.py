"""The map of meaning: photos on a plane by what they show, in clusters with names."""

from __future__ import annotations

from imgsearch.features.declared import Feature, FeatureJob, ListedCommand, Part

FEATURE = Feature(
    name="meaning",
    parts={
        "meaning": Part("imgsearch.features.meaning.operations:Meaning"),
    },
    commands={
        "meaning": ListedCommand(
            group="Look back",
            summary="List what the photos are about: clusters with names.",
            module="imgsearch.features.meaning.commands",
        )
    },
    after_indexing="imgsearch.features.meaning.new_photos:place_new_photos",
    jobs={
        "meaning": FeatureJob(
            title="Laying out the map of meaning",
            consequence="so the map is the earlier one",
            command="meaning --lay-out",
            steps="imgsearch.features.meaning.laying_out:lay_out_photos",
            told="imgsearch.features.meaning.laying_out:told",
        )
    },
    page="imgsearch.features.meaning.page:page",
    components="imgsearch.features.meaning",
    exports={
        "imgsearch.features.meaning.operations": ("Meaning",),
        "imgsearch.features.meaning.records": ("MeaningCluster", "MeaningMap", "MeaningPoints"),
    },
)
