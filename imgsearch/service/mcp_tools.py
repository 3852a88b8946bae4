"""The tools that `imgsearch mcp` offers to an assistant, with their schemas and limits.

All of them only read. They find photos of the library and tell what it knows of them; no file is
read that is not a photo of the library. Texts are escaped as those that a terminal shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from imgsearch.errors import PhotoError, QueryError, UsageError
from imgsearch.query.fields import FIELDS
from imgsearch.query.grammar import is_expressible, resolve_query, to_text
from imgsearch.records.query import Example, Query, Term
from imgsearch.service.api import ask
from imgsearch.service.client import names_files
from imgsearch.service.codec import JsonObject, without_nulls
from imgsearch.service.schema import Body, invalid_in_words
from imgsearch.text import printable

if TYPE_CHECKING:
    from imgsearch.library import Library
    from imgsearch.records.answer import Answer, Hit
    from imgsearch.records.browse import PhotoEvent, PlaceCounts, Timeline
    from imgsearch.records.saved import SavedSearchSummary
    from imgsearch.service.api import LibraryAPI

MAX_PHOTOS = 50  # in one answer
MAX_SIDE_PX = 1024  # of a picture; assistants scale larger ones down to about 1,500 px
USUAL_SIDE_PX = 512
COUNTED_PHOTOS = 1000  # of a query with terms, as the commands count
MAX_ROWS = 200  # of counts; the smallest are left out
MIN_EVENT_PHOTOS = 5
MAX_TEXT_LINES = 100
PHOTO_URI = "imgsearch://photo/"
_MAX_PHOTO_ID = (1 << 63) - 1
_SHOWN_PLACES = 5  # towns and countries of an event

PhotoId = Annotated[
    int, Meta(ge=1, le=_MAX_PHOTO_ID, description="Id of a photo, as in the results of a search.")
]
ResultCount = Annotated[
    int, Meta(ge=1, le=MAX_PHOTOS, description="How many photos to return at most.")
]
Cursor = Annotated[
    str | None, Meta(description="The cursor of the page before, for the next page.")
]
CountedQuery = Annotated[
    str | None,
    Meta(description="Count only photos that match this query, as for search. Default: all."),
]

# ------------------------------------------------------------------------- arguments


class SearchArguments(Body):
    """What to search for."""

    query: Annotated[str, Meta(description="The query, in plain words and filters.")]
    k: ResultCount = 10
    cursor: Cursor = None


class SimilarArguments(Body):
    """The photo that others are compared with."""

    photo_id: PhotoId
    k: ResultCount = 10
    cursor: Cursor = None


class PhotoArguments(Body):
    """Which photo to describe, and whether to send its picture."""

    photo_id: PhotoId
    picture: Annotated[bool, Meta(description="Whether to send the picture as well.")] = False
    side_px: Annotated[
        int, Meta(ge=64, le=MAX_SIDE_PX, description="Long side of the picture in pixels.")
    ] = USUAL_SIDE_PX


class ExplainArguments(Body):
    """The photo and the query."""

    photo_id: PhotoId
    query: Annotated[str, Meta(description="The query, as for search.")]


class LabelsArguments(Body):
    """Nothing."""


class ConceptsArguments(Body):
    """Nothing."""


class SavedArguments(Body):
    """Nothing."""


class PlacesArguments(Body):
    """Which photos to count."""

    query: CountedQuery = None


class TimelineArguments(Body):
    """Which photos to count, and by what."""

    query: CountedQuery = None
    by: Annotated[
        Literal["year", "month", "event"],
        Meta(description="Count by year or month, or list events: occasions and trips."),
    ] = "year"


# ------------------------------------------------------------------------- results


class PhotoSummary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One photo of an answer; what is unknown of it is left out. Scores are cosines."""

    photo_id: int
    uri: Annotated[str, Meta(description="Of the resource with all facts; /picture is its image.")]
    path: str
    date: Annotated[str | None, Meta(description="When it was taken, ISO 8601.")] = None
    date_is_of_file: Annotated[
        bool, Meta(description="The metadata has no date; this is when the file was changed.")
    ] = False
    score: Annotated[float | None, Meta(description="Higher is better.")] = None
    level: Annotated[str | None, Meta(description="sure, likely or possible.")] = None
    matched_by: Annotated[list[str], Meta(description="Names that the query matches.")] = []
    at_s: Annotated[
        float | None, Meta(description="The matching moment of a video, in seconds.")
    ] = None
    title: str | None = None
    people: list[str] = []
    place: str | None = None
    offline: Annotated[bool, Meta(description="Its drive is not connected now.")] = False


class PhotoPage(msgspec.Struct, kw_only=True):
    """One page of photos, best first."""

    photos: list[PhotoSummary]
    verdict: Annotated[str | None, Meta(description="How far the answer can be trusted, in words.")]
    understood: Annotated[
        list[str], Meta(description="Words of the query that were taken for filters.")
    ]
    suggestion: Annotated[str | None, Meta(description="The query with its spelling corrected.")]
    remarks: list[str]
    cursor: Annotated[str | None, Meta(description="Pass it on for the next page; null: no more.")]


class PhotoDetails(msgspec.Struct, kw_only=True):
    """All that the library knows of a photo."""

    photo: PhotoSummary
    paths: Annotated[list[str], Meta(description="All files with this content.")]
    facts: Annotated[dict[str, str], Meta(description="What its metadata states.")]
    width_px: int
    height_px: int
    size_bytes: int
    lat: float | None
    lon: float | None
    labels: Annotated[dict[str, str], Meta(description="Its saved labels.")]
    text: Annotated[list[str], Meta(description="Lines of text that were read in the picture.")]
    picture: Annotated[str, Meta(description="Whether a picture follows, and if not, why.")]


class TermShare(msgspec.Struct, kw_only=True):
    """What one term of the query adds to the score."""

    term: str
    cosine: float
    share: float


class FilterResult(msgspec.Struct, kw_only=True):
    """Whether the photo passes one filter of the query."""

    filter: str
    passes: bool


class PhotoExplanation(msgspec.Struct, kw_only=True):
    """Why a photo has its rank in an answer, or why it is not in it."""

    photo_id: int
    reason: Annotated[str | None, Meta(description="Why it is not in the answer.")]
    rank: int | None
    score: float | None
    terms: list[TermShare]
    filters: list[FilterResult]
    matched_by: list[str]


class LabelCount(msgspec.Struct, kw_only=True):
    """How many photos have a label."""

    label: str
    photos: int


class SavedLabels(msgspec.Struct, kw_only=True):
    """Labels saved under one name, the most frequent first. label:NAME finds them."""

    name: str
    counts: list[LabelCount]


class LabelList(msgspec.Struct, kw_only=True):
    """The saved labels; `left_out` counts those beyond the limit."""

    saved: list[SavedLabels]
    left_out: int


class ListedConcept(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that the user has taught by examples. concept:NAME in a query finds it."""

    name: str
    sure: Annotated[int, Meta(description="Photos that surely show it.")]
    likely: Annotated[int, Meta(description="Photos that likely show it.")]
    known: Annotated[str, Meta(description="How well it is told from other things.")]
    words: Annotated[str | None, Meta(description="That describe it.")] = None


class ListedConcepts(msgspec.Struct, kw_only=True):
    """The concepts; `left_out` counts those beyond the limit."""

    concepts: list[ListedConcept]
    left_out: int


class SavedQuery(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A search that the user has saved. saved:NAME in a query stands for it."""

    name: str
    query: str
    photos: Annotated[int, Meta(description="How many photos it finds now.")]
    new: Annotated[
        int, Meta(description="Of these, how many it did not find when the user last looked.")
    ]
    problem: Annotated[str | None, Meta(description="Why it cannot be answered now.")] = None


class SavedQueryList(msgspec.Struct, kw_only=True):
    """The saved searches; `left_out` counts those beyond the limit."""

    saved: list[SavedQuery]
    left_out: int


class PlaceCount(msgspec.Struct, kw_only=True):
    """How many photos a town has; without a town or region, those that have none."""

    country: str | None
    region: str | None
    town: str | None
    photos: int


class PlaceList(msgspec.Struct, kw_only=True):
    """Towns, most photos first; `left_out` counts those beyond the limit."""

    towns: list[PlaceCount]
    left_out: int
    unnamed: Annotated[int, Meta(description="Photos far from any town.")]
    unknown: Annotated[int, Meta(description="Photos without a place.")]


class PeriodCount(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The photos of a year, a month or an event."""

    period: Annotated[str, Meta(description="2023, 2023-06, or the days of an event.")]
    photos: int
    dated_by_file: Annotated[
        int, Meta(description="Of these, photos whose metadata has no date.")
    ] = 0
    is_trip: bool = False
    places: list[str] = []


class PeriodList(msgspec.Struct, kw_only=True):
    """Periods in order; `left_out` counts the earliest ones beyond the limit."""

    periods: list[PeriodCount]
    left_out: int


# ------------------------------------------------------------------------- tools

_Arguments = TypeVar("_Arguments", bound=Body)
_Result = TypeVar("_Result")


class ToolAnswer(Struct, frozen=True):
    """What a tool returns: a JSON object, and a WebP image if a picture was asked for."""

    content: JsonObject
    picture: bytes | None = None


class Tool(Struct, Generic[_Arguments], frozen=True):
    """One tool: its names, what it takes and what it returns."""

    name: str
    title: str
    description: str
    arguments: type[_Arguments]
    result: type[msgspec.Struct]
    answer: Callable[[_Arguments], tuple[msgspec.Struct, bytes | None]]

    @property
    def input_schema(self) -> JsonObject:
        """The JSON Schema of its arguments, an object."""
        return _json_schema(self.arguments)

    @property
    def output_schema(self) -> JsonObject:
        """The JSON Schema of its result, an object."""
        return _json_schema(self.result)

    def call(self, form: Mapping[str, object]) -> ToolAnswer:
        """The answer to a call. Raises UsageError for invalid arguments, and as the library does.

        An argument that is null counts as absent.
        """
        try:
            arguments = msgspec.convert(without_nulls(form), self.arguments)
        except msgspec.ValidationError as error:
            whole = f"The call of {self.name}"
            cure = f"See the schema of {self.name} for what it takes."
            raise UsageError(invalid_in_words(str(error), "argument", whole, cure)) from None
        result, picture = self.answer(arguments)
        content: JsonObject = msgspec.to_builtins(result)
        return ToolAnswer(content, picture)


def _json_schema(kind: type[msgspec.Struct]) -> JsonObject:
    """A schema that stands alone, with an object at its root as the protocol requires."""
    _, components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    schema: JsonObject = components.pop(kind.__name__)
    return {**schema, "$defs": components} if components else schema


class PhotoTools:
    """The tools of one library.

    A running service answers what it can, as it does for the commands; for the rest, the library
    stays open. Without `pictures`, no picture is ever sent. `on_call` is called at each use.
    """

    def __init__(
        self,
        library: Library,
        pictures: bool = True,
        on_call: Callable[[], None] = lambda: None,
    ) -> None:
        self._library = library
        self._pictures = pictures
        self._on_call = on_call
        self.tools: tuple[Tool[Any], ...] = tuple(self._declared())

    def call(self, name: str, arguments: Mapping[str, object]) -> ToolAnswer:
        """The answer of a tool. Raises UsageError for an unknown name, and as `Tool.call` does."""
        tool = next((tool for tool in self.tools if tool.name == name), None)
        if tool is None:
            known = ", ".join(tool.name for tool in self.tools)
            raise UsageError(f"Unknown tool {name[:60]!r}. Known: {known}.")
        self._on_call()
        return tool.call(arguments)

    def details(self, photo_id: int) -> JsonObject:
        """What the tool `photo` tells of a photo, without the picture. Raises UsageError."""
        return self.call("photo", {"photo_id": photo_id}).content

    def picture(self, photo_id: int, side_px: int = MAX_SIDE_PX) -> bytes:
        """A WebP image of a photo. Raises UsageError where none may be sent, and PhotoError."""
        self._on_call()
        if not self._pictures:
            raise UsageError("This server was started with --no-pictures and sends none.")
        picture = self._library.thumbnail(photo_id, side_px)
        if picture is None:
            raise _unknown_photo(photo_id)
        return picture

    # ------------------------------------------------------------------ declarations

    def _declared(self) -> Iterator[Tool[Any]]:
        yield Tool(
            "search",
            "Search photos",
            "Finds photos of the user's own library by what they show and by their metadata. "
            f"{query_help()}",
            SearchArguments,
            PhotoPage,
            self._search,
        )
        yield Tool(
            "similar",
            "Find similar photos",
            "Finds photos that look like a photo of the library, other than that photo.",
            SimilarArguments,
            PhotoPage,
            self._similar,
        )
        yield Tool(
            "photo",
            "Describe a photo",
            "Tells all that the library knows of a photo: date, place, people, camera, labels, "
            "text in it. Sends the picture only if asked to: ask for it only if the user's "
            "question needs a look at the photo.",
            PhotoArguments,
            PhotoDetails,
            self._photo,
        )
        yield Tool(
            "explain",
            "Explain a result",
            "Explains why a photo has its rank in the results of a query, or is not among them.",
            ExplainArguments,
            PhotoExplanation,
            self._explain,
        )
        yield Tool(
            "labels",
            "List labels",
            "Lists the labels that the user has saved, and how many photos have each. The filter "
            "label:NAME finds them.",
            LabelsArguments,
            LabelList,
            self._labels,
        )
        yield Tool(
            "concepts",
            "List concepts",
            "Lists what the user has taught by examples, such as the dog Max, and how many photos "
            "show each. In a query, concept:NAME finds it, also with words: concept:max on a sofa.",
            ConceptsArguments,
            ListedConcepts,
            self._concepts,
        )
        yield Tool(
            "saved",
            "List saved searches",
            "Lists the searches that the user has saved, how many photos each finds, and how many "
            "of them are new. The query saved:NAME finds them.",
            SavedArguments,
            SavedQueryList,
            self._saved,
        )
        yield Tool(
            "places",
            "Count photos by place",
            "Counts photos by town, region and country. The filter place:NAME finds them.",
            PlacesArguments,
            PlaceList,
            self._places,
        )
        yield Tool(
            "timeline",
            "Count photos by time",
            "Counts photos by year or month, or lists events: occasions at home and trips. The "
            "filters after:, before: and on: find the photos of a time.",
            TimelineArguments,
            PeriodList,
            self._timeline,
        )

    # ------------------------------------------------------------------ answers

    def _search(self, arguments: SearchArguments) -> tuple[PhotoPage, None]:
        query = _query(arguments.query)
        return self._page(query, arguments.k, arguments.cursor), None

    def _similar(self, arguments: SimilarArguments) -> tuple[PhotoPage, None]:
        query = Query((Term(Example(arguments.photo_id)),))
        return self._page(query, arguments.k, arguments.cursor), None

    def _page(self, query: Query, k: int, cursor: str | None) -> PhotoPage:
        def find(api: LibraryAPI) -> Answer:
            return api.find(query, k, cursor)

        whole = self._ask(find)
        answer = whole.without_weak_hits()
        return PhotoPage(
            photos=[_summary(hit) for hit in answer.hits],
            verdict=None if answer.verdict is None else str(answer.verdict),
            understood=[printable(f"{part.words} as {part.filters}") for part in answer.understood],
            suggestion=None if answer.suggestion is None else printable(answer.suggestion),
            remarks=[printable(remark) for remark in answer.remarks],
            cursor=answer.cursor,
        )

    def _photo(self, arguments: PhotoArguments) -> tuple[PhotoDetails, bytes | None]:
        hit = self._hit(arguments.photo_id)
        facts = hit.photo.facts
        picture, remark = None, "Not asked for."
        if arguments.picture:
            try:
                picture = self.picture(arguments.photo_id, arguments.side_px)
                remark = "It follows."
            except (PhotoError, UsageError) as error:
                remark = printable(str(error))
        labels = self._library.labels_of(hit.photo.id)
        text = self._library.text_of(hit.photo.id)
        details = PhotoDetails(
            photo=_summary(hit),
            paths=[printable(path) for path in hit.paths],
            facts={label: printable(value) for label, value in facts.shown()},
            width_px=facts.width_px,
            height_px=facts.height_px,
            size_bytes=hit.photo.size_bytes,
            lat=facts.lat,
            lon=facts.lon,
            labels={printable(name): printable(label.name) for name, label in labels.items()},
            text=[printable(line.text) for line in (text.lines if text else ())[:MAX_TEXT_LINES]],
            picture=remark,
        )
        return details, picture

    def _explain(self, arguments: ExplainArguments) -> tuple[PhotoExplanation, None]:
        query = _query(arguments.query)
        explanation = self._library.explain(self._hit(arguments.photo_id).path, query)
        return PhotoExplanation(
            photo_id=arguments.photo_id,
            reason=None if explanation.reason is None else printable(explanation.reason),
            rank=explanation.rank,
            score=None if explanation.score is None else round(explanation.score, 4),
            terms=[
                TermShare(
                    term=_term_text(share.term),
                    cosine=round(share.cosine, 4),
                    share=round(share.share, 4),
                )
                for share in explanation.shares
            ],
            filters=[
                FilterResult(filter=printable(to_text(Query(filters=(condition,)))), passes=passes)
                for condition, passes in explanation.filters
            ],
            matched_by=list(explanation.matched_by),
        ), None

    def _labels(self, arguments: LabelsArguments) -> tuple[LabelList, None]:
        rows = [
            (facet.name, label, photos)
            for facet, counts in self._library.saved_labels().items()
            for label, photos in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]
        saved: dict[str, list[LabelCount]] = {}
        for name, label, photos in rows[:MAX_ROWS]:
            count = LabelCount(label=printable(label), photos=photos)
            saved.setdefault(printable(name), []).append(count)
        listed = [SavedLabels(name=name, counts=counts) for name, counts in saved.items()]
        return LabelList(saved=listed, left_out=max(0, len(rows) - MAX_ROWS)), None

    def _concepts(self, arguments: ConceptsArguments) -> tuple[ListedConcepts, None]:
        concepts = self._library.concepts()
        listed = [
            ListedConcept(
                name=printable(each.name),
                sure=each.sure,
                likely=each.likely,
                known=printable(each.sentence()),
                words=_shown(each.words),
            )
            for each in concepts[:MAX_ROWS]
        ]
        return ListedConcepts(concepts=listed, left_out=len(concepts) - len(listed)), None

    def _saved(self, arguments: SavedArguments) -> tuple[SavedQueryList, None]:
        def list_saved(api: LibraryAPI) -> tuple[SavedSearchSummary, ...]:
            return api.saved_searches()

        searches = self._ask(list_saved)
        saved = [
            SavedQuery(
                name=printable(each.name),
                query=printable(each.line),
                photos=each.photos,
                new=each.new,
                problem=_shown(each.problem),
            )
            for each in searches[:MAX_ROWS]
        ]
        return SavedQueryList(saved=saved, left_out=len(searches) - len(saved)), None

    def _places(self, arguments: PlacesArguments) -> tuple[PlaceList, None]:
        query = _optional_query(arguments.query)

        def count(api: LibraryAPI) -> PlaceCounts:
            return api.places(query, COUNTED_PHOTOS)

        places = self._ask(count)
        towns = sorted(_towns(places), key=lambda town: -town.photos)
        return PlaceList(
            towns=towns[:MAX_ROWS],
            left_out=max(0, len(towns) - MAX_ROWS),
            unnamed=places.unnamed,
            unknown=places.unknown,
        ), None

    def _timeline(self, arguments: TimelineArguments) -> tuple[PeriodList, None]:
        query = _optional_query(arguments.query)
        if arguments.by == "event":

            def list_events(api: LibraryAPI) -> tuple[PhotoEvent, ...]:
                return api.events(query, COUNTED_PHOTOS)

            periods = list(_events(self._ask(list_events)))
        else:

            def count(api: LibraryAPI) -> Timeline:
                return api.timeline(query, COUNTED_PHOTOS)

            timeline = self._ask(count)
            periods = list(_months(timeline) if arguments.by == "month" else _years(timeline))
        left_out = max(0, len(periods) - MAX_ROWS)
        return PeriodList(periods=periods[left_out:], left_out=left_out), None

    # ------------------------------------------------------------------ mechanics

    def _ask(self, call: Callable[[LibraryAPI], _Result]) -> _Result:
        return ask(self._library.settings, call, lambda: nullcontext(self._library))

    def _hit(self, photo_id: int) -> Hit:
        hits = self._library.photos([photo_id])
        if not hits:
            raise _unknown_photo(photo_id)
        return hits[0]


def query_help() -> str:
    """The query language in a paragraph, with all filters."""
    filters = "; ".join(f"{name}:{field.metavar} {field.meaning}" for name, field in FIELDS.items())
    return (
        "A query is a description in plain words, such as: a dog in snow. Names of people, places "
        "and dates in it are understood. In it, -WORD excludes what a word names, photo:ID finds "
        'photos like that one, "a phrase" is taken as it is, and NAME:VALUE is a filter; '
        "-NAME:VALUE excludes, and a value with spaces is quoted. A query of filters alone lists "
        f"the newest first; sort:date sorts any query so. Filters keep photos: {filters}."
    )


def _query(text: str) -> Query:
    query = resolve_query(text)
    if names_files(query):
        raise QueryError(
            "An assistant cannot search by a file: image: is for the user. Use photo:ID, an "
            "example from the library."
        )
    return query


def _optional_query(text: str | None) -> Query | None:
    return None if text is None else _query(text)


def _unknown_photo(photo_id: int) -> UsageError:
    return UsageError(f"The library has no photo with the id {photo_id}. A search returns ids.")


def _summary(hit: Hit) -> PhotoSummary:
    facts = hit.photo.facts
    return PhotoSummary(
        photo_id=hit.photo.id,
        uri=f"{PHOTO_URI}{hit.photo.id}",
        path=printable(hit.path),
        date=None if hit.date is None else hit.date.isoformat(timespec="seconds"),
        date_is_of_file=hit.dated_by == "file",
        score=None if hit.score is None else round(hit.score, 4),
        level=hit.level,
        matched_by=list(hit.matched_by),
        at_s=hit.at_s,
        title=None if facts.title is None else printable(facts.title),
        people=[printable(person) for person in facts.people],
        place=None if facts.place is None else printable(facts.place),
        offline=hit.offline,
    )


def _term_text(term: Term) -> str:
    """A term as a query line; an image of a saved search has no such form."""
    return printable(to_text(Query((term,)))) if is_expressible(term) else "an image"


def _towns(places: PlaceCounts) -> Iterator[PlaceCount]:
    for country in places.countries:
        for region in country.regions:
            for town in region.towns:
                yield PlaceCount(
                    country=_shown(country.country),
                    region=_shown(region.region),
                    town=_shown(town.town),
                    photos=town.photos,
                )


def _years(timeline: Timeline) -> Iterator[PeriodCount]:
    for year in timeline.years:
        if year.photos:
            yield PeriodCount(
                period=f"{year.year:04}", photos=year.photos, dated_by_file=year.dated_by_file
            )


def _months(timeline: Timeline) -> Iterator[PeriodCount]:
    for year in timeline.years:
        for month in year.months:
            yield PeriodCount(
                period=month.month, photos=month.photos, dated_by_file=month.dated_by_file
            )


def _events(events: Sequence[PhotoEvent]) -> Iterator[PeriodCount]:
    for event in events:
        if len(event.photo_ids) < MIN_EVENT_PHOTOS:
            continue
        days = dict.fromkeys(f"{at:%Y-%m-%d}" for at in (event.start, event.end))
        places: Iterable[str] = (*event.towns[:_SHOWN_PLACES], *event.countries[:_SHOWN_PLACES])
        yield PeriodCount(
            period=" to ".join(days),
            photos=len(event.photo_ids),
            is_trip=event.is_trip,
            places=[printable(place) for place in places],
        )


def _shown(name: str | None) -> str | None:
    return None if name is None else printable(name)
