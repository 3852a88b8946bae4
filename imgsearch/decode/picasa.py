"""Reads the file that Picasa writes into each folder: people, keywords and captions of its photos.

It has a section for each photo, and one with the names of the people whom faces refer to:

    [IMG_2041.jpg]
    faces=rect64(3f845bcb59418507),8e62398ebda8c1a5
    [Contacts2]
    8e62398ebda8c1a5=Anna Smith;;
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from imgsearch.decode.metadata import MetadataSource, clean_text, merge_texts
from imgsearch.decode.request import open_regular_file
from imgsearch.errors import PhotoError

FILE_NAMES = (".picasa.ini", "Picasa.ini")  # the second is that of old versions
_MAX_BYTES = 4 << 20
_CONTACTS = ("Contacts", "Contacts2")
_FACE = re.compile(r"rect64\([0-9a-f]{1,16}\),([0-9a-f]{1,16})", re.IGNORECASE)
_SEPARATORS = re.compile(r"[;,]")  # of a contact: the name comes first
_Sections = dict[str, dict[str, str]]


def read_picasa_ini(path: Path, photo: str, source_name: str) -> MetadataSource | None:
    """Return the facts in the file at `path` about a photo of this name; None if it has none.

    Never raises, whatever the file is. It is parsed once for all photos of a folder.
    """
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    sections = _parsed(path, status.st_mtime_ns, status.st_size)
    values = sections.get(photo)
    if values is None:
        return None
    contacts = {
        contact.lower(): _SEPARATORS.split(name)[0]
        for section in _CONTACTS
        for contact, name in sections.get(section, {}).items()
    }
    faces = _FACE.findall(values.get("faces", ""))
    return MetadataSource(
        source_name,
        {
            "people": merge_texts([contacts.get(contact.lower(), "") for contact in faces]),
            "keywords": merge_texts(values.get("keywords", "").split(",")),
            "description": clean_text(values.get("caption")),
        },
    )


@lru_cache(maxsize=32)  # folders, of which a run reads a few at a time
def _parsed(path: Path, mtime_ns: int, size_bytes: int) -> _Sections:
    """Return the sections of a file as it is now.

    What is no section and no value is passed over.
    """
    if size_bytes > _MAX_BYTES:
        return {}
    try:
        with open_regular_file(path) as file:
            text = file.read(_MAX_BYTES).decode("utf-8", "replace")
    except (PhotoError, OSError):
        return {}
    sections: _Sections = {}
    values: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]"):
            values = sections.setdefault(line.strip()[1:-1], {})
        else:
            key, equals, value = line.partition("=")
            if equals:
                values[key.strip()] = value
    return sections
