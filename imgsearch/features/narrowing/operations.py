"""`library.narrowing`: questions for yes or no that split a long answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.features.narrowing.records import NarrowingQuestion, NarrowingQuestions
from imgsearch.operations.declared import operation
from imgsearch.records.query import Filter, Query, Sort

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.features.narrowing.splitting import ValueSplit
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.records.answer import FoundPhotos
    from imgsearch.search.context import SearchContext

FEW = 40  # photos are looked through, and nothing is asked about them
MOST_QUESTIONS = 3
_MOST_ASKED_ABOUT = 1000  # of a longer answer, so many photos stand for all, evenly spread


class Narrowing:
    """Asks back about answers that are too long to look through."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    @operation("POST /narrow", tool="Ask back what narrows a search", reads=True)
    def questions(self, query: str | Query) -> NarrowingQuestions:
        """Ask up to three questions for yes or no that split the answer to a query best.

        They are about what the photos state or faces, labels and colours tell: when, where, with
        whom, by which camera. A question is the better the nearer it splits the answer into halves,
        where a sure photo counts more than a likely one, and no two are about the same filter. An
        answer of 40 photos or fewer has none. Raises as `Library.search` does.
        """
        from imgsearch.language.grammar import resolve_query
        from imgsearch.search.answers import MAX_RANKED
        from imgsearch.search.kept_answers import kept_for_found

        opened = self._opened
        # The same photos in any order; an order alone is a query of all photos.
        resolved = resolve_query(query)
        order: Sort = "date" if replace(resolved, sort="relevance") == Query() else "relevance"
        wanted = resolved if resolved == Query() else replace(resolved, sort=order)
        with opened.reads().recent.one_version():
            context = opened.context()
            return kept_for_found(
                context,
                "narrowing questions",
                wanted,
                MAX_RANKED,
                lambda found: self._questions(context, found.without_weak()),
            )

    def _questions(self, context: SearchContext, found: FoundPhotos) -> NarrowingQuestions:
        import numpy as np

        from imgsearch.features.narrowing.splitting import WEIGHTS, splits
        from imgsearch.features.narrowing.values import values_of

        if len(found.ids) <= FEW:
            return NarrowingQuestions(len(found.ids))
        weights = np.array([WEIGHTS[level] for level in found.levels()], np.float64)
        step = -(-len(found.ids) // _MOST_ASKED_ABOUT)
        some = found.ids[::step].tolist()
        values = values_of(self._opened.database(), context.photos.records(some))
        best = splits(values, dict(zip(some, weights[::step].tolist(), strict=True)))
        asked: list[NarrowingQuestion] = []
        for question in self._asked(context, found, weights, best):
            asked.append(question)
            if len(asked) == MOST_QUESTIONS:
                break
        return NarrowingQuestions(len(found.ids), tuple(asked))

    def _asked(
        self,
        context: SearchContext,
        found: FoundPhotos,
        weights: NDArray[np.float64],
        best: Sequence[ValueSplit],
    ) -> Iterator[NarrowingQuestion]:
        """Yield the questions of splits, with the photos that the filters themselves find."""
        import numpy as np

        from imgsearch.features.narrowing.splitting import LEAST_SHARE
        from imgsearch.features.narrowing.values import question_about
        from imgsearch.language.fields import FIELDS
        from imgsearch.language.grammar import to_text

        among = found.ids if len(found.ids) <= _MOST_ASKED_ABOUT else None
        for split in best:
            condition = Filter(split.field, (FIELDS[split.field].read(split.value),))
            # A filter may find more than the very value: "Paris" is in two countries. Photos of
            # which it is not known pass neither a filter on the time of day nor the negated one.
            yes, no = (
                np.isin(found.ids, context.photos.ids(context.selection((each,), among)))
                for each in (condition, replace(condition, negated=True))
            )
            if min(weights[yes].sum(), weights[no].sum()) < LEAST_SHARE * weights.sum():
                continue
            yield NarrowingQuestion(
                question_about(split.field, split.value),
                to_text(Query(filters=(condition,))),
                to_text(Query(filters=(replace(condition, negated=True),))),
                int(yes.sum()),
                int(no.sum()),
            )
