"""Reads the metadata files beside photos: XMP, JSON of Google Takeout, and Picasa's own file.

is_sidecar_name   a name -> whether the file may be one
is_other_picture  a name -> whether the file is a picture that is not indexed, which may have one
sidecar_paths     a photo -> where its own may be
apply_sidecars    the facts of a photo -> with what the files beside it say
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from imgsearch.decode import picasa, takeout
from imgsearch.decode.metadata import MetadataSource, merge_metadata
from imgsearch.decode.request import open_regular_file
from imgsearch.decode.xmp import MAX_PACKET_BYTES, read_xmp
from imgsearch.errors import PhotoError
from imgsearch.records.photo import Facts

SOURCE = "sidecar"
# darktable's and digiKam's names, then Adobe's and Apple's
_XMP_PATTERNS = ("{name}.xmp", "{name}.XMP", "{stem}.xmp", "{stem}.XMP")
# Pictures that imgsearch does not read, and whose `IMG.xmp` other programs write: further kinds of
# RAW, and documents of editors.
_OTHER_PICTURES = frozenset(
    (
        *(".ari", ".bay", ".braw", ".cap", ".cine", ".crm", ".cs1", ".dcs", ".drf", ".eip"),
        *(".fff", ".gpr", ".insp", ".insv", ".k25", ".mdc", ".ptx", ".pxn", ".r3d", ".rwz", ".sti"),
        *(".afphoto", ".ai", ".eps", ".indd", ".kra", ".ora", ".pdf", ".psb", ".psd", ".pxd"),
        *(".dds", ".exr", ".hdr", ".svg", ".tga", ".xcf"),
    )
)


def is_other_picture(name: str) -> bool:
    """Return whether a file of this name is a picture of a kind that is not indexed."""
    return os.path.splitext(name)[1].lower() in _OTHER_PICTURES  # noqa: PTH122


def is_sidecar_name(name: str) -> bool:
    """Return whether a file of this name (no folders) may belong to a photo."""
    return name.endswith((".xmp", ".XMP", takeout.SUFFIX)) or name in picasa.FILE_NAMES


def sidecar_paths(photo: str) -> tuple[str, ...]:
    """Return the paths where the files that belong to a photo may be, in order of precedence."""
    return xmp_paths(photo) + _takeout_paths(photo) + _picasa_paths(photo)


def xmp_paths(photo: str) -> tuple[str, ...]:
    """Return the paths where the XMP file of a photo may be, in order of precedence."""
    folder, slash, name = photo.rpartition(os.sep)
    stem = name[: name.rfind(".")] if name.rfind(".") > 0 else name
    return tuple(folder + slash + pattern.format(name=name, stem=stem) for pattern in _XMP_PATTERNS)


def _takeout_paths(photo: str) -> tuple[str, ...]:
    folder, slash, name = photo.rpartition(os.sep)
    return tuple(folder + slash + each for each in takeout.json_names(name))


def _picasa_paths(photo: str) -> tuple[str, ...]:
    folder, slash, _ = photo.rpartition(os.sep)
    return tuple(folder + slash + name for name in picasa.FILE_NAMES)


def apply_sidecars(facts: Facts, photo: Path) -> Facts:
    """Return `facts` corrected by the files beside the photo; unchanged where there are none.

    `IMG.JPG.xmp` counts before `IMG.xmp`, XMP before JSON, and that before Picasa's file. A file
    that cannot be read, or has nothing to say about this photo, is passed over.
    """
    xmp = _first(xmp_paths(str(photo)), MAX_PACKET_BYTES, lambda packet: read_xmp(packet, SOURCE))
    json = _first(
        _takeout_paths(str(photo)),
        takeout.MAX_BYTES,
        lambda text: takeout.read_json(text, SOURCE, photo.name, facts.taken_at),
    )
    inis = (
        picasa.read_picasa_ini(Path(path), photo.name, SOURCE) for path in _picasa_paths(str(photo))
    )
    return merge_metadata(facts, [source for source in (xmp, json, *inis) if source is not None])


def _first(
    paths: Iterable[str], max_bytes: int, read: Callable[[bytes], MetadataSource | None]
) -> MetadataSource | None:
    """Read the first of these files that exists and that `read` accepts."""
    for path in paths:
        if not os.access(path, os.F_OK):  # cheaper than an error, and most photos have none
            continue
        try:
            with open_regular_file(Path(path)) as file:
                content = file.read(max_bytes + 1)
        except (PhotoError, OSError):
            continue
        if (source := read(content)) is not None:
            return source
    return None
