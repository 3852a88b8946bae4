"""Backups: what people have made, in a small file that fits any library with the same photos."""

from __future__ import annotations

from imgsearch.features.declared import Feature, ListedCommand, Part

FEATURE = Feature(
    name="backup",
    parts={"backups": Part("imgsearch.features.backup.operations:Backups")},
    commands={
        "backup": ListedCommand(
            group="Look after",
            summary="Write what you made into a small file.",
            module="imgsearch.features.backup.backup_command",
            before="settle",
        ),
        "restore": ListedCommand(
            group="Look after",
            summary="Merge a backup into the library.",
            module="imgsearch.features.backup.restore_command",
            before="settle",
        ),
    },
    daily="imgsearch.features.backup.daily:keep_daily",
    names_forgotten="imgsearch.features.backup.daily:forget_people",
    findings="imgsearch.features.backup.daily:findings",
    exports={
        "imgsearch.features.backup.operations": ("Backups",),
        "imgsearch.features.backup.records": (
            *("Backup", "BackupError", "KeptItem", "RestoreReport"),
        ),
    },
)
