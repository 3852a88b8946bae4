"""Pictures: thumbnails and files of photos, the text in them, and example images that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Literal

from imgsearch.operations.declared import OrKept, PhotoId, Seconds, SidePx, operation
from imgsearch.records.ids import as_id, as_ids
from imgsearch.records.picture_text import PhotoText

if TYPE_CHECKING:
    from imgsearch.decode.original import OriginalFile
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.search.kept_examples import KeptExamples


class Pictures:
    """Shows and opens the photos of a library."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("GET /thumbnail/{photo_id}", tool="Look at a photo")
    def thumbnail(
        self,
        photo_id: PhotoId,
        side_px: SidePx = 320,
        at_s: Seconds = None,
        *,
        or_kept: OrKept = True,
    ) -> bytes | None:
        """Make a picture of a photo, a WebP image; None for an unknown id.

        Upright, the long side at most `side_px`; of a video, the frame at `at_s` seconds or the
        one in the middle. A side of 256 px or less is that of the picture that the library keeps of
        each photo; larger ones are made from the photo and cached. Where no file of the photo can
        be read, the kept picture takes their place, unless `or_kept` is False. Raises PhotoError
        for a photo that cannot be read and has no picture at all.
        """
        from imgsearch.decode.thumbnails import photo_thumbnail

        opened, photo_id = self._opened, as_id(photo_id)
        reads = opened.reads()
        photo = reads.photos.records([photo_id]).get(photo_id)
        if photo is None:
            return None
        content_hash = bytes.fromhex(photo.content_hash)
        with closing(opened.origin.files_of(reads, photo_id, with_video=False)) as files:
            return photo_thumbnail(
                photo,
                lambda: files,
                lambda: opened.kept_thumbnail(content_hash),
                opened.thumbnails(),
                side_px,
                at_s,
                or_kept,
            )

    def thumbnail_of(self, content: bytes, side_px: int = 320) -> bytes:
        """Make a WebP picture of the image in a file's bytes. Raises PhotoError."""
        return self._opened.thumbnails().of_bytes(content, side_px)

    def original(
        self, photo_id: int, *, moving_part: bool = False, without_location: bool = False
    ) -> OriginalFile | None:
        """Open the file of a photo as it is, for reading; None for an unknown id.

        With `moving_part`, the video of a motion photo or Live Photo. With `without_location`, a
        copy of the picture that keeps nothing of the metadata but date and camera, as a JPEG, never
        with its moving part; PhotoError for videos and animations. Raises PhotoError if there
        is none, or if no file of the photo can be read or all have changed since they were indexed:
        a file that is no longer of the same size and time must have the same content, and so must
        one behind a link that leads out of its folder.
        """
        from imgsearch.decode.original import open_moving_part, open_original
        from imgsearch.decode.without_location import open_without_location

        photo_id = as_id(photo_id)
        reads = self._opened.reads()
        photo = reads.photos.records([photo_id]).get(photo_id)
        if photo is None:
            return None
        with closing(self._opened.origin.files_of(reads, photo_id, moving_part)) as files:
            if without_location:
                max_megapixels = self._opened.settings.max_megapixels
                return open_without_location(photo, files, max_megapixels)
            return (open_moving_part if moving_part else open_original)(photo, files)

    def contact_sheet(
        self, photo_ids: Sequence[int], kind: Literal["pdf", "jpeg"] = "pdf", title: str = ""
    ) -> bytes:
        """Make a contact sheet of photos: small pictures with names, dates and places.

        A PDF has 20 photos on a page and 2,000 at most, a JPEG 200. Photos without a picture are
        left out. Raises UsageError for more photos, and where none is left.
        """
        from imgsearch.outputs.contact_sheet import contact_sheet

        photos = self._opened.photos()
        return contact_sheet(title, kind, as_ids(photo_ids), photos, self.thumbnail)[0]

    def text_of(self, photo_id: int) -> PhotoText | None:
        """Return the text in a photo; None if it was not read yet."""
        number = as_id(photo_id)
        return self._opened.photos().texts([number]).get(number)

    @operation("POST /examples", reads=True)
    def keep_example(self, image: bytes) -> str:
        """Keep the bytes of an example image for searches; returns the short id that names it.

        Requests name it as `kept_image` of an example. It is kept in the cache folder, where only
        this user can read it: up to 30 days after its last use, and up to 200 MB of images. Raises
        DiskError if the folder cannot be written.
        """
        return self._examples().keep(image)

    def kept_example(self, example_id: str) -> bytes:
        """Return the bytes of a kept example image. Raises PhotoError if it is not kept."""
        return self._examples().get(example_id)

    def _examples(self) -> KeptExamples:
        from imgsearch.search.kept_examples import KeptExamples

        return KeptExamples(self._opened.settings.cache_dir / "examples")
