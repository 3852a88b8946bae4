"""The assistant: a server by which an AI assistant searches the photos (MCP)."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand

FEATURE = Feature(
    name="assistant",
    commands={
        "mcp": ListedCommand(
            group="Share",
            summary="Let an AI assistant search your photos (MCP).",
            module="imgsearch.features.assistant.commands",
            says_unfinished=False,
        )
    },
)
