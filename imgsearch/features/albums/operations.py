"""Albums: photos that somebody has put together under a name.

They are the user's own and do not follow from the disk. They are written in short transactions
without the writer's lock, also while another process indexes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from imgsearch.errors import CommandLine, QueryError, Sentence, UsageError
from imgsearch.features.albums.records import Album, AlbumPhotos, ExportReport
from imgsearch.operations.chosen import chosen_photos
from imgsearch.operations.declared import ChosenCount, ChosenPhotos, WithWeak, operation
from imgsearch.paths import absolute
from imgsearch.records.changes import Change
from imgsearch.records.ids import as_id
from imgsearch.records.query import Query

if TYPE_CHECKING:
    from imgsearch.features.albums.store import AlbumStore
    from imgsearch.opened.library import OpenedLibrary

_NOT_COPIED = {"links": "links", "list": "a list of paths", "sheet": "a contact sheet"}


class Albums:
    """The albums of a library. `album:NAME` in a query finds the photos of one."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("GET /albums", tool="List albums")
    def all(self) -> tuple[Album, ...]:
        """List the albums by name, with how many photos each has.

        The query album:NAME finds the photos of an album.
        """
        return self._albums().all()

    @operation("GET /albums/photos")
    def photos(self, name: str) -> AlbumPhotos:
        """List the photos of an album by id, in the order in which they were added.

        Raises QueryError for an unknown album, with a similar name if there is one.
        """
        found = self._albums().photos(name)
        return self._refuse_unknown(name) if found is None else found

    def of_photo(self, photo_id: int) -> tuple[str, ...]:
        """Return the names of the albums that have a photo."""
        return albums_of_photo(self._opened, as_id(photo_id))

    @operation("POST /albums")
    def make(
        self,
        name: str,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
    ) -> Change:
        """Make an album of photos, of the answer to a query, or of both; it may be empty.

        The answer has at most `k` photos: by default 1,000 with words or an example, and else no
        limit. Weak ones are left out. Photos that the library does not have are left out, too.

        Works while another process writes. Raises UsageError for a name that is taken or cannot be
        used, QueryError as `find` does, and DiskError.
        """
        from imgsearch.language.given_names import read_name

        wanted = read_name(name, "album", without="")
        photos = chosen_photos(self._opened, photo_ids, query, k, include_weak)
        change = self._albums().make(wanted, photos)
        if change is None:
            raise UsageError(
                Sentence(
                    f"There is an album {wanted!r} already. Choose another name, or add the "
                    "photos to it: ",
                    CommandLine(f"album add {wanted!r}"),
                )
            )
        return change

    @operation("POST /albums/add")
    def add(
        self,
        name: str,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
    ) -> Change:
        """Add photos, the answer to a query, or both at the end of an album: see `make`.

        Photos that it has stay where they are. Raises QueryError for an unknown album, and as
        `make` does.
        """
        photos = chosen_photos(self._opened, photo_ids, query, k, include_weak)
        return self._albums().add(name, photos) or self._refuse_unknown(name)

    @operation("POST /albums/take-out")
    def take_out(
        self,
        name: str,
        photo_ids: ChosenPhotos = (),
        query: str | Query | None = None,
        k: ChosenCount = None,
        *,
        include_weak: WithWeak = False,
    ) -> Change:
        """Take photos, the answer to a query, or both out of an album. Raises as `add` does."""
        photos = chosen_photos(self._opened, photo_ids, query, k, include_weak)
        return self._albums().take_out(name, photos) or self._refuse_unknown(name)

    @operation("POST /albums/rename")
    def rename(self, name: str, new_name: str) -> Change:
        """Give an album another name.

        Raises QueryError for an unknown album, and UsageError for a new name that is taken or
        cannot be used.
        """
        from imgsearch.language.given_names import read_name

        wanted, known = read_name(new_name, "album", without=""), self.photos(name).name
        change = self._albums().rename(known, wanted)
        if change is None:
            raise UsageError(f"There is an album {wanted!r} already. Choose another name.")
        return change

    @operation("POST /albums/remove")
    def remove(self, name: str) -> Change:
        """Delete an album; no photo is touched. Raises QueryError for an unknown album."""
        return self._albums().remove(name) or self._refuse_unknown(name)

    def export(
        self,
        name: str,
        place: str | Path,
        kind: Literal["copies", "zip", "links", "list", "sheet"],
        *,
        without_location: bool = False,
    ) -> ExportReport:
        """Write the photos of an album to a place outside of the photo folders.

        "copies" makes a new folder of copies, "zip" one file of them, "links" keeps a folder of
        symbolic links in step, "list" an M3U file of paths, and "sheet" makes a contact sheet with
        names and dates: a PDF or a JPEG, as the name of the file says. Copies, zip file and sheet
        appear when they are complete. Photos that cannot be reached now are left out and named in
        the report. `without_location` is for copies and zip files: pictures without their location,
        as `Pictures.original` makes them; videos and animations are left out.

        Raises QueryError for an unknown album; UsageError for a place in an indexed folder, or one
        that is taken, for a kind that has no copies without location, and for an album without
        photos; PhotoError where no photo of it can be reached now, and then nothing is written;
        DiskError where it cannot be written; and ImgsearchError for a photo that changes while it
        is copied.
        """
        from imgsearch.features.albums.export import export_photos
        from imgsearch.operations.pictures import Pictures

        if without_location and kind not in ("copies", "zip"):
            raise UsageError(
                f"Location is left out of copies only, not of {_NOT_COPIED[kind]}: choose copies "
                "or a zip file."
            )
        opened, album = self._opened, self.photos(name)
        ids, pictures = (*album.photo_ids, *album.missing_ids), Pictures(opened)
        return export_photos(
            album.name,
            ids,
            Path(absolute(place)),
            kind,
            opened.photos(),
            partial(pictures.original, without_location=without_location),
            pictures.thumbnail,
            opened.origin.photo_folders(opened.reads()),
            (opened.settings.data_dir, opened.settings.cache_dir),
        )

    def _albums(self) -> AlbumStore:
        return _albums_of(self._opened)

    def _refuse_unknown(self, name: str) -> NoReturn:
        from imgsearch.features.albums.filters import names, unknown

        raise QueryError(unknown(name, names(self._opened.database())))


def albums_of_photo(opened: OpenedLibrary, photo_id: int) -> tuple[str, ...]:
    """Return the names of the albums that have a photo, sorted."""
    return _albums_of(opened).of_photo(photo_id)


def _albums_of(opened: OpenedLibrary) -> AlbumStore:
    from imgsearch.features.albums.store import AlbumStore

    return AlbumStore(opened.database())
