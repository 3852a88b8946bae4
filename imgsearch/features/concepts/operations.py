"""Concepts: what the user has taught a library by examples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from imgsearch.errors import UsageError
from imgsearch.features.concepts.records import Concept
from imgsearch.language.grammar import check_k
from imgsearch.operations.declared import ResultCount, operation
from imgsearch.records.answer import Hits
from imgsearch.records.ids import as_id
from imgsearch.records.query import ExampleSource

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary


class Concepts:
    """The concepts of a library. `concept:NAME` in a query finds the photos that show one."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("GET /concepts", tool="List concepts")
    def all(self) -> tuple[Concept, ...]:
        """List the concepts that the user has taught by examples, such as the dog Max, by name.

        In a query, concept:NAME finds a concept, also with words: concept:max on a sofa.
        """
        from imgsearch.features.concepts.store import ConceptStore

        in_use = self._opened.reads().encoders.in_use()
        return ConceptStore(self._opened.database()).all(in_use.key)

    def get(self, name: str) -> Concept:
        """Return the concept of this name. Raises QueryError, with a similar name if there is."""
        from imgsearch.features.concepts.reading import require_concept

        known = require_concept(self._opened.database(), name)
        return next(each for each in self.all() if each.name == known)

    @operation("POST /concepts/teach")
    def teach(
        self,
        name: str,
        like: Iterable[ExampleSource] = (),
        unlike: Iterable[ExampleSource] = (),
        *,
        withdraw: Iterable[ExampleSource] = (),
        words: str | None = None,
        new: bool = False,
    ) -> Concept:
        """Teach a concept by photos that show it and photos that do not; `concept:NAME` finds it.

        An example is a path, the id of a photo of the library, or the bytes of an image file. For a
        concept that was taught before, they are added to its examples; a photo that is judged again
        changes sides, and `withdraw` takes examples back. `words` describe the concept, for what
        words can name; "" removes it. With `new`, the name must not be taken.

        Nothing is embedded but pictures from elsewhere. Photos that are indexed later are judged as
        they come. Raises UsageError for an empty list of examples, for a name that is not valid or
        taken, and if no liked example is left; QueryError for an unknown photo and an image that
        cannot be read; LibraryLocked.
        """
        from imgsearch.features.concepts import indexing
        from imgsearch.features.concepts.judging import example_hash, judged_example
        from imgsearch.features.concepts.teaching import Lesson

        context = self._opened.context()
        judged = [judged_example(context, source, True) for source in _listed(like)]
        judged += [judged_example(context, source, False) for source in _listed(unlike)]
        withdrawn = frozenset(example_hash(context, source) for source in _listed(withdraw))
        lesson = Lesson(name, tuple(judged), withdrawn, words, new)
        indexing.teach(self._opened.new_or_existing(), lesson)
        return self.get(name)

    def judged(self, name: str) -> dict[int, bool]:
        """Return the photos that are examples of a concept, and whether each is liked.

        Raises QueryError for an unknown concept.
        """
        from imgsearch.features.concepts.reading import judgements

        return judgements(self._opened.database(), self.get(name).name)

    def of_photo(self, photo_id: int) -> dict[str, bool]:
        """Return the concepts that a photo is an example of, and whether it is a liked one."""
        from imgsearch.features.concepts.reading import judgements_of_photo

        return judgements_of_photo(self._opened.database(), as_id(photo_id))

    @operation("POST /concepts/judge", reads=True)
    def to_judge(self, name: str, k: ResultCount = 12) -> Hits:
        """Find photos to judge next for a concept; the first helps it most.

        Raises QueryError for an unknown concept, and for a k below 1.
        """
        from imgsearch.features.concepts.judging import photos_to_judge
        from imgsearch.search.hits import make_hits

        check_k(k, "photos")
        opened = self._opened
        ids = photos_to_judge(opened.context(), self.get(name).name, k)
        stack_raw = opened.settings.stack_raw
        return Hits(make_hits(opened.photos(), ids, stack_raw=stack_raw))

    @operation("POST /concepts/forget")
    def forget(self, name: str) -> bool:
        """Delete a concept with its examples; returns whether there was one of this name."""
        from imgsearch.features.concepts.indexing import forget_concept

        return forget_concept(self._opened.existing(), name)


def _listed(examples: Iterable[ExampleSource]) -> list[ExampleSource]:
    """Return the examples.

    Raises UsageError for one alone, whose characters would be taken for many.
    """
    if isinstance(examples, str | bytes | int):
        raise UsageError("Examples are given as a list: library.concepts.teach(name, like=[photo])")
    return list(examples)


def judged_in_photo(opened: OpenedLibrary, photo_id: int) -> dict[str, bool]:
    """Return the concepts that a photo is an example of, and whether it is a liked one."""
    return Concepts(opened).of_photo(photo_id)
