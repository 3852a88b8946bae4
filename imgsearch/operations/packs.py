"""Packs: photos with all that is known of them, in a file, to carry to another library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.errors import UsageError
from imgsearch.paths import absolute

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job, MergeReport, PackReport
    from imgsearch.records.pack import PackInfo


class Packs:
    """Makes packs of a library and merges them into it."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def make(
        self,
        folder: str | Path,
        pack: str | Path | None = None,
        *,
        inside: bool = False,
        photos_only: bool = False,
        faces: bool = False,
    ) -> Job[PackReport]:
        """Write all that is known of the photos below a folder into a pack for other machines.

        `pack` is the file to write, whole or not at all; it may not be in a photo folder. With
        `inside`, the folder carries its pack in a hidden folder. What people made with the photos,
        such as favourites and stars, goes with it, unless `photos_only` is set; hidden photos stay
        hidden in any case. Faces with their vectors, which are biometric data, and the persons that
        they belong to go with it only if `faces` is set. docs/packs.md describes the file. Raises
        UsageError, FolderError for a folder without photos of the library, LibraryLocked while
        another process writes this pack, and DiskError.
        """
        from imgsearch.indexer.packs import make_pack
        from imgsearch.progress import Job

        if (pack is None) != inside:
            raise UsageError("Name the file of the pack, or use inside=True; one of the two.")
        file = None if pack is None else Path(absolute(pack))
        opened = self._opened
        if file is None:
            opened.origin.require_folders("folder that could carry its pack")
        below, roots = (
            opened.origin.absolute(folder),
            opened.origin.photo_folders(opened.reads()),
        )
        store, thumbnail = opened.store(), opened.kept_thumbnail
        return Job(make_pack(store, thumbnail, below, file, roots, photos_only, faces))

    def verify(self, pack: str | Path) -> Job[PackInfo]:
        """Read a whole pack and compare every checksum; the report is what it states about itself.

        Needs no library; where there is one, a vector must be as long as it knows. Raises
        PackError and UsageError.
        """
        from imgsearch.indexer.packs import verify_pack
        from imgsearch.progress import Job

        opened = self._opened
        dims = opened.reads().encoders.dims() if opened.origin.exists() else {}
        return Job(verify_pack(Path(absolute(pack)), dims, opened.encoders.dim_of))

    def merge(
        self,
        pack: str | Path,
        *,
        at: str | Path | None = None,
        offline: bool = False,
        beside: bool = False,
        faces: bool = False,
    ) -> Job[MergeReport]:
        """Merge a pack into the library, which is created if needed.

        Photos are recognised by their content, facts that were read later win, and what is there
        already stays: merging again, also after an interruption, adds nothing twice. What people
        made is added where its name is free, and marks where a photo has none of that kind. If the
        pack has faces, they are added where nobody has looked for faces here, and persons of one
        name are joined. `pack` may be a folder that carries its pack. `at` is the folder where its
        photos are; without it they are looked for. With `offline` they are taken to be there though
        it is not connected now. `beside` keeps vectors of an encoder that the library does not use.

        An archive keeps the facts that it has. It takes faces and persons only with `faces`, since
        everybody who can read the archive can read them; a library always does. It takes no photo
        of which no file is in the folder.

        Raises PackError, PhotosNotFound, EncoderMismatch, UsageError, LibraryLocked and DiskError.
        """
        from imgsearch.progress import Job

        place = None if at is None else self._opened.origin.absolute(at)
        return Job(
            self._opened.photo_changes.merge(Path(absolute(pack)), place, offline, beside, faces)
        )
