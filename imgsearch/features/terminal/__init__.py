"""The terminal browser: search, and look at the photos found, in a terminal."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand

FEATURE = Feature(
    name="terminal",
    commands={
        "browse": ListedCommand(
            group="Find",
            summary="Search and look at photos in the terminal.",
            module="imgsearch.features.terminal.commands",
            before="suggest",
        )
    },
)
