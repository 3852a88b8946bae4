"""Contact sheets of photos, with names and dates. `imgsearch.decode.contact_sheet` draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal, TypeAlias

from imgsearch.decode.contact_sheet import SheetPhoto, jpeg_sheet, pdf_sheet
from imgsearch.errors import PhotoError, Sentence, UsageError
from imgsearch.records.photo import ShownPhoto
from imgsearch.search.library_photos import LibraryPhotos
from imgsearch.text import path_text

SheetKind: TypeAlias = Literal["pdf", "jpeg"]
_KINDS: Mapping[str, SheetKind] = {".pdf": "pdf", ".jpg": "jpeg", ".jpeg": "jpeg"}
MAX_PHOTOS: Mapping[SheetKind, int] = {"pdf": 2000, "jpeg": 200}
PICTURE_PX = 400  # the long side of the pictures that a sheet is made of
_GONE = "Its file is gone."


def kind_of(file: Path) -> SheetKind:
    """Return the kind of the sheet that a file of this name is. Raises UsageError."""
    kind = _KINDS.get(file.suffix.lower())
    if kind is None:
        raise UsageError(
            f"A contact sheet is a PDF or a JPEG, and {file.name} names neither. End its name with "
            ".pdf or .jpg."
        )
    return kind


def contact_sheet(
    title: str,
    kind: SheetKind,
    photo_ids: Sequence[int],
    photos: LibraryPhotos,
    picture: Callable[[int, int], bytes | None],
) -> tuple[bytes, dict[str, str]]:
    """Return a sheet of the photos in their order, and why others are not on it, by path or number.

    `picture` makes the picture of a photo with this long side in pixels: see `Pictures.thumbnail`.
    Raises UsageError without a photo and for more than a sheet of this kind has room for.
    """
    most = MAX_PHOTOS[kind]
    if len(photo_ids) > most:
        other = "Choose a PDF." if kind == "jpeg" else "Choose fewer."
        raise UsageError(
            f"A {kind.upper()} has room for {most:,} photos, and these are {len(photo_ids):,}. "
            + other
        )
    missing: dict[str, str] = {}
    shown = _with_pictures(photo_ids, photos.records(photo_ids), picture, missing)
    first = next(shown, None)
    if first is None:
        reason = next(iter(missing.values()), "No photo was chosen.")
        raise UsageError(Sentence("There is nothing to put on a contact sheet. ", reason))
    every = chain([first], shown)
    content = pdf_sheet(title, every) if kind == "pdf" else jpeg_sheet(title, tuple(every))
    return content, missing


def _with_pictures(
    photo_ids: Sequence[int],
    photos: Mapping[int, ShownPhoto],
    picture: Callable[[int, int], bytes | None],
    missing: dict[str, str],
) -> Iterator[SheetPhoto]:
    """Yield the photos with their pictures; puts those without one into `missing`."""
    for photo_id in photo_ids:
        found = photos.get(photo_id)
        if found is None or not found.files:
            missing[f"photo {photo_id}"] = _GONE
            continue
        path = found.files[0].path
        try:
            content = picture(photo_id, PICTURE_PX)
        except PhotoError as error:
            missing[path_text(path)] = error.sentence
            continue
        if content is None:  # it has left the library since
            missing[path_text(path)] = _GONE
        else:
            yield SheetPhoto(content, path.name, _about(found))


def _about(found: ShownPhoto) -> str:
    """Return when and where it was taken: "2019-06-15 14:30, Rome".

    Of its file's date, only the day.
    """
    length = len("2019-06-15") if found.dated_by == "file" else len("2019-06-15 14:30")
    date = found.date.replace("T", " ")[:length]
    return ", ".join(part for part in (date, found.photo.facts.place or "") if part)
