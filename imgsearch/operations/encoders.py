"""Encoders: models to choose from, models with vectors in a library, and trials of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.errors import CommandLine, QueryError, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.operations.declared import operation
from imgsearch.paths import absolute
from imgsearch.records.index import bytes_of_vector
from imgsearch.records.status import DroppedEncoder, EncoderInfo, StoredEncoder
from imgsearch.records.trial import EncoderTrial, SourcedQuery

if TYPE_CHECKING:
    from imgsearch.encoders.registry import EncoderChoice
    from imgsearch.encoders.speeds import Speeds
    from imgsearch.index.check import RecallReport
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.progress import Job
    from imgsearch.records.evaluation import Evaluation

_RECENT = 50  # past queries that a trial of an encoder may use


class Encoders:
    """The encoders of a library, and other encoders that it could use."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("GET /encoders")
    def choices(self) -> tuple[EncoderInfo, ...]:
        """List the encoders to choose from, with what was measured of each on this machine."""
        from imgsearch.encoders.registry import encoder_choices
        from imgsearch.encoders.speeds import Speeds

        speeds = Speeds(self._opened.settings.cache_dir)
        return tuple(_measured(choice, speeds) for choice in encoder_choices())

    def in_use(self) -> EncoderChoice:
        """Return the encoder that a query or a first indexing run would use, and why."""
        opened = self._opened
        row = opened.reads().encoders.current() if opened.origin.exists() else None
        return opened.encoders.choose(row)

    @operation("GET /encoders/stored")
    def stored(self) -> tuple[StoredEncoder, ...]:
        """List the encoders with vectors in the library: in use, kept, or being built."""
        from imgsearch.analysis.status import stored_encoders

        return stored_encoders(self._opened.store())

    @operation("POST /encoders/use")
    def use(self, name: str) -> StoredEncoder:
        """Choose the encoder that answers queries, by name or id, among those with vectors.

        Returns what the library has of it. No photo is read. Photos without a vector of it, as
        those indexed since, are not found by what they show until `rebuild(name)` has embedded
        them. Raises UsageError for an encoder of which there are no vectors, and LibraryLocked.
        """
        from imgsearch.indexer.stored_encoders import use_encoder

        use_encoder(self._opened.existing(), name)
        return next(each for each in self.stored() if each.state == "current")

    @operation("POST /encoders/drop")
    def drop(self, name: str) -> DroppedEncoder:
        """Delete the vectors and index of an encoder, by name or id.

        The database is written anew without them if they were a tenth of it or more and the disk
        has the space for that; else their space is used for what is indexed next. Raises UsageError
        for the encoder in use, and for one of which there are no vectors; and LibraryLocked.
        """
        from imgsearch.indexer.stored_encoders import drop_encoder

        return drop_encoder(self._opened.existing(), name)

    def try_out(
        self, name: str, photos: int = 2000, queries: Sequence[str] = ()
    ) -> Job[EncoderTrial]:
        """Embed a sample of the photos with another encoder, and compare it with the one in use.

        The report says how long all photos would take, what they would take on the disk, and how
        both answer the same ten queries among the photos of the sample: `queries` first, then
        recent ones of the page and those stored under names, then captions and keywords of the
        photos, of which the right answer is known. Nothing changes for searches; the vectors are
        kept, and `rebuild(name)` goes on from there. Raises UsageError for an unknown encoder, for
        that in use, and for a sample of fewer than 20 photos; and as `Library.index` does.
        """
        from imgsearch.indexer.encoder_trial import try_encoder
        from imgsearch.progress import Job
        from imgsearch.store.past_queries import PastQueries

        if photos < 1:
            raise UsageError(f"The number of photos to try must be above 0, not {photos}.")
        if not name.strip():
            raise UsageError(
                Sentence(
                    "The name of the encoder is empty. To list them: ", CommandLine("encoders")
                )
            )
        if any(not text.strip() for text in queries):
            raise UsageError("A query is empty. Name what to look for, such as: a dog in snow")
        opened = self._opened
        typed = PastQueries.of(opened.settings)
        recent = [SourcedQuery(line, "recent") for line in typed.newest(_RECENT)]
        past = (*recent, *self._stored_queries())
        return Job(try_encoder(opened.new_or_existing(), name, photos, tuple(queries), past))

    def _stored_queries(self) -> Iterator[SourcedQuery]:
        definitions = self._opened.reads().definitions
        for field in installed.queries():
            for name in definitions.names_for(field):
                with suppress(QueryError):  # of a newer version
                    yield SourcedQuery(definitions.stored_query(field, name).line, field)

    @operation("POST /encoders/trial")
    def run_trial(self, name: str, photos: int = 2000, queries: Sequence[str] = ()) -> EncoderTrial:
        """Run a whole trial of another encoder, as `try_out` does, and return its report.

        It takes as long as embedding its photos.
        """
        return self.try_out(name, photos, queries).run()

    @operation("GET /encoders/trial")
    def last_trial(self) -> EncoderTrial | None:
        """Return the report of the last trial; None without one, or if its encoder is gone."""
        from imgsearch.indexer.trial_file import read_trial

        trial = read_trial(self._opened.settings.data_dir)
        stored = self.stored() if trial is not None else ()
        names = {each.name for each in stored if each.state != "current"}
        return trial if trial is not None and trial.encoder in names else None

    def evaluate(self, captions: str | Path) -> Evaluation:
        """Measure how well captions find their photos, from a CSV file of photo and caption.

        The encoder in use answers. Raises UsageError for a file that cannot be used.
        """
        from imgsearch.analysis.captions import evaluate_captions, read_captions

        opened = self._opened
        context, store = opened.context(), opened.store()
        parsed = read_captions(store, Path(absolute(captions)))
        index = opened.live_index(context.row)
        return evaluate_captions(store, context.photos, context.encoder(), index, parsed)

    def check_recall(self) -> RecallReport:
        """Measure how much of the exact answer the index finds, for texts and example images.

        Raises SnapshotError if the index file is not, byte for byte, what was written.
        """
        from imgsearch.index.check import check_recall

        store = self._opened.store()
        row = store.reads.encoders.in_use()
        encoder = self._opened.encoders.of(row)
        return check_recall(store, row.key, encoder.encode_texts, self._opened.index_policy)


def _measured(choice: EncoderInfo, speeds: Speeds) -> EncoderInfo:
    """Return an encoder with its speed here, in the faster precision, and its disk space."""
    from imgsearch.encoders.registry import stored_names

    choice = replace(choice, photo_bytes=bytes_of_vector(choice.dim))
    known = [speed for name in stored_names(choice.name) if (speed := speeds.get(name))]
    if not known:
        return choice
    best = max(known, key=lambda speed: speed.photos_per_s)
    return replace(choice, photos_per_s=best.photos_per_s, memory_bytes=best.memory_bytes)
