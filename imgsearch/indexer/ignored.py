"""Names of files and folders that are never photos."""

from __future__ import annotations

# Folders of other programs: thumbnails of NAS makers, recycle bins.
_FOREIGN_FOLDERS = frozenset({"@eadir", "#recycle", "$recycle.bin", "system volume information"})
_PICASA_FILE = ".picasa.ini"  # not imported from `decode.picasa`: a query loads this module, too
# Names that browsers and sync tools give to files, or folders of files, that are incomplete.
_INCOMPLETE_PREFIXES = ("~syncthing~", "~$", "unconfirmed ")
_INCOMPLETE_SUFFIXES = (
    *(".download", ".crdownload", ".opdownload", ".part", ".partial", ".filepart", ".tmp"),
    *(".!sync", ".bts", ".icloud", ".drivedownload", ".driveupload"),
)


def is_ignored(name: str) -> bool:
    """Return whether the name of a file or folder is hidden, incomplete, or another program's.

    Picasa's metadata file is hidden, and is not ignored.
    """
    if name.startswith("."):
        return name != _PICASA_FILE
    lower = name.lower()
    return (
        lower in _FOREIGN_FOLDERS
        or lower.endswith(_INCOMPLETE_SUFFIXES)
        or lower.startswith(_INCOMPLETE_PREFIXES)
    )
