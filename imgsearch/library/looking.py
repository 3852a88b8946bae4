"""The door to what a library holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgsearch import encoders, reconcile, search, snapshots, store
from imgsearch.jobs import Job
from imgsearch.library.opened import Opened

if TYPE_CHECKING:
    from imgsearch.encoders import Choice
    from imgsearch.jobs import Running
    from imgsearch.records import Counts, EncoderInfo, Hit, Pairs, Status


class Looking(Opened):
    """Shows the library, its photos, and which of them are alike."""

    def status(self) -> Status:
        """What the library holds, and how it is. Raises UsageError where there is none yet."""
        from imgsearch import overview

        return overview.status_of(self._reader())

    def running(self) -> Running | None:
        """What some process, perhaps this one, is changing in the library right now, and how far.

        None where nothing is: also after a process that was killed.
        """
        return store.running(self.settings.data_dir)

    def check_recall(self) -> snapshots.RecallReport:
        """How much of the exact answer the index finds, for words and for examples.

        Raises SnapshotError when its file is not, byte for byte, what was written.
        """
        reader = self._reader()
        row = reader.encoder_in_use()
        return snapshots.check_recall(reader, row.key, self._models.of(row).encode_texts)

    def encoders(self) -> tuple[EncoderInfo, ...]:
        """The models to choose from."""
        return encoders.encoder_choices()

    def encoder_in_use(self) -> Choice:
        """The encoder that a query or a first run would use, and why that one."""
        return self._models.choose(self._reader().current_encoder() if self.exists() else None)

    def photos(self, ids: Sequence[int]) -> list[Hit]:
        """These photos, in this order, with where each lies; those that are gone are left out."""
        reader = self._reader()
        online = reconcile.online_roots(reader)
        return search.hits_of(reader, online, ids, stack_raw=self.settings.stack_raw)

    def thumbnail(
        self, source: int | bytes, side_px: int = 320, at_s: float | None = None
    ) -> bytes | None:
        """A WebP of a photo of the library, by id, or of the image in a file's bytes.

        Upright, its long side at most `side_px`; of a video the frame at `at_s` seconds, or the
        one in the middle; None where no photo has that id. That of a photo is made at first sight
        and kept in the cache folder. Raises PhotoError for what cannot be read and was not made
        before.
        """
        if isinstance(source, bytes):
            return self._thumbnails.of_bytes(source, side_px)
        photo = self._reader().photos([source]).get(source)
        if photo is None:
            return None
        places = self._reader().paths([source]).get(source, [])
        return self._thumbnails.get(photo, [path for _, path in places], side_px, at_s)

    def photo_count(self) -> int:
        """How many photos the library has."""
        return self._reader().photo_count()

    def counts(self) -> Counts:
        """What the library's photos can be narrowed down by, and how many have it."""
        return self._reader().counts()

    def near_duplicates(self, min_score: float = 0.9) -> Job[Pairs]:
        """Every two photos at least that alike, best first; `groups` sorts them.

        Exact, so it takes a while: about a minute for 100,000 photos on two cores.
        """
        from imgsearch import duplicates

        row = self._reader().encoder_in_use()
        return Job(duplicates.find_pairs(self._reader(), row.key, min_score))

    def groups(self, pairs: Pairs, min_score: float) -> tuple[tuple[int, ...], ...]:
        """The ids of photos that such pairs link, those with the most alike pair first."""
        from imgsearch import duplicates

        return duplicates.groups(pairs, min_score)
