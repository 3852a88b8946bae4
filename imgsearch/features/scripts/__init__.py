"""Scripts of one's own: a Python function that gets the photos that a query finds."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand

FEATURE = Feature(
    name="scripts",
    commands={
        "run": ListedCommand(
            group="Share",
            summary="Run a Python function of yours on photos.",
            module="imgsearch.features.scripts.run_command",
            before="mcp",
        )
    },
    exports={"imgsearch.features.scripts.running": ("script",)},
)
