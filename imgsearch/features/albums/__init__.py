"""Albums: photos that somebody has put together under a name."""

from __future__ import annotations

from imgsearch.errors import CommandLine, Sentence
from imgsearch.features.declared import Detail, Feature, InPacks, ListedCommand, NamedFilter, Part

FEATURE = Feature(
    name="albums",
    parts={"albums": Part("imgsearch.features.albums.operations:Albums")},
    commands={
        "album": ListedCommand(
            group="Organise",
            summary="Put photos together in albums.",
            module="imgsearch.features.albums.commands",
            before="mark",
        )
    },
    filters={
        "album": NamedFilter(
            metavar="NAME",
            meaning="in this album, made with imgsearch album or on the page",
            suggested_as="album",
            module="imgsearch.features.albums.filters",
            is_by_hand=True,
        )
    },
    lacking={"album": "imgsearch.features.albums.filters:in_no_album"},
    details={
        "albums": Detail(tuple[str, ...], "imgsearch.features.albums.operations:albums_of_photo")
    },
    packs=InPacks(("album", "albums"), "imgsearch.features.albums.packs"),
    taken={
        "albums": Sentence(
            "another album has the name. Rename that one first: ",
            CommandLine("album rename NAME NEW_NAME"),
        )
    },
    items="imgsearch.features.albums.items:GROUPS",
    page="imgsearch.features.albums.page:page",
    components="imgsearch.features.albums",
    exports={
        "imgsearch.features.albums.operations": ("Albums",),
        "imgsearch.features.albums.records": ("Album", "AlbumPhotos"),
    },
)
