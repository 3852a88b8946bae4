"""A photo of the library: the facts its file states, and the vectors of its parts."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Optional,
    TypeAlias,
    get_args,
    get_type_hints,
)

from msgspec import Meta, Struct, defstruct
from msgspec.structs import replace

from imgsearch.features import installed
from imgsearch.features.declared import StatedFact
from imgsearch.records.query import Filter, FilterSpec, Interval
from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.records.arrays import Vector, Vectors


PlainType: TypeAlias = type  # in `Fact`, `type` is a field


class Fact(Struct, frozen=True):
    """Everything the rest of the program needs to know of one field of `Facts`.

    The columns of databases, archives and packs, the statements that read and write them, the
    OpenAPI document, the output of `explain` and the simple filters are all made from these.
    """

    name: str
    type: type  # str, int, float, bool, datetime, or tuple (of str)
    required: bool  # every photo has it
    unknown: Any  # the value of a photo of which it is not known: None, or what `Facts` declares
    meaning: str  # for the OpenAPI document
    label: str | None = None  # heading for people; None: shown elsewhere or not at all
    text: Callable[[Any], str] = str  # the value for people
    maximum: float | None = None  # above it, or not above 0, a value is a placeholder or damage
    filter: FilterSpec | None = None
    measured: bool = False  # in the pixels, and not stated by a file

    @property
    def is_stored_as_is(self) -> bool:
        """Whether a column holds the very value: see `load`."""
        return self.unknown is None and self.type in (str, int, float)

    @property
    def stored_type(self) -> PlainType:
        """The type of the values in a column: a date is stored as ISO text."""
        return str if self.type is datetime else self.type

    @property
    def load(self) -> Callable[[Any], Any]:
        """The function that turns what a column holds, which is not null, into the value.

        A date is held as ISO text, yes and no as 1 and 0. Null stands for `unknown`.
        """
        if self.type is datetime:
            return datetime.fromisoformat
        return self.type if self.type in (bool, tuple) else _as_is


def _as_is(stored: Any) -> Any:
    return stored


def _exposure_text(seconds: float) -> str:
    """ "1/250 s", "2.5 s"; a fraction where cameras show one."""
    if 0 < seconds < 0.3:
        return f"1/{round(1 / seconds)} s"
    return f"{seconds:g} s"


def _fact(
    meaning: str,
    label: str | None = None,
    text: Callable[[Any], str] = str,
    *,
    maximum: float | None = None,
    filter: FilterSpec | None = None,
    measured: bool = False,
) -> Meta:
    about = {"label": label, "text": text, "maximum": maximum, "filter": filter}
    about["measured"] = measured
    return Meta(description=f"{meaning}.", extra={"meaning": meaning, **about})


# The eleven basic terms for colours of English: Berlin and Kay, "Basic Color Terms", 1969.
COLOR_NAMES = (
    *("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "blue", "purple"),
    "pink",
)


DatePrecision: TypeAlias = Literal["year", "season", "month", "day"]
# By the months in which they begin; winter by the year's first. They are northern, as in queries.
_SEASONS = {1: "winter", 3: "spring", 6: "summer", 9: "autumn"}


def as_precision(text: str | None) -> DatePrecision | None:
    """Return a precision that is known, and None for any other text."""
    return next((each for each in get_args(DatePrecision) if each == text), None)


def moment_text(moment: datetime, precision: str | None = None) -> str:
    """Return a moment for people, as exact as it is known: "1974", "July 1974", "3 July 1974".

    Without a precision, it is exact to the minute: "3 July 1974, 16:30".
    The UTC offset follows where it is known.
    """
    if precision == "year":
        return str(moment.year)
    if precision == "season":
        return f"{_SEASONS.get(moment.month, format(moment, '%B'))} {moment.year}"
    if precision == "month":
        return f"{moment:%B} {moment.year}"
    day = f"{moment.day} {moment:%B} {moment.year}"
    if precision == "day":
        return day
    offset = f" {moment:UTC%z}" if moment.tzinfo else ""
    return f"{day}, {moment:%H:%M}{offset}"


class Facts(Struct, frozen=True):
    """Facts that a photo's file and the sidecar files state. Unknown is None, never a guess.

    This is the one place where a fact is declared. To add one: a field here, and the tags it is
    read from in `imgsearch.decode`. Libraries and archives from before get a column for it, and it
    is unknown until the metadata is read again. Its annotation has its meaning, label and filter.
    Features add further fields: see `imgsearch.features.declared.StatedFact`.
    """

    format: Annotated[
        str, _fact("Pillow's name of the format (JPEG, PNG, HEIF, …), or RAW, or VIDEO", "Format")
    ]
    width_px: Annotated[
        int,
        _fact(
            "Width of the upright image",
            filter=FilterSpec("width", "number", "this many pixels wide: >=3000"),
        ),
    ]
    height_px: Annotated[
        int,
        _fact(
            "Height of the upright image",
            filter=FilterSpec("height", "number", "this many pixels high"),
        ),
    ]
    taken_at: Annotated[
        datetime | None,
        _fact(
            "The camera's local time, with its UTC offset where the file states one",
            "Taken",
            lambda taken_at: taken_at.isoformat(sep=" "),
        ),
    ] = None
    camera: Annotated[
        str | None,
        _fact(
            "Maker and model, without repeating the maker",
            "Camera",
            filter=FilterSpec(
                "camera",
                "text",
                "whose camera make and model contain TEXT",
                question="Was it taken with {}?",
            ),
        ),
    ] = None
    lens: Annotated[
        str | None,
        _fact(
            "Model of the lens",
            "Lens",
            filter=FilterSpec(
                "lens", "text", "whose lens name contains TEXT; 50mm does not match 150mm"
            ),
        ),
    ] = None
    lat: Annotated[float | None, _fact("Latitude in degrees (WGS 84), south is negative")] = None
    lon: Annotated[float | None, _fact("Longitude in degrees (WGS 84), west is negative")] = None
    dated_by: Annotated[
        str | None,
        _fact(
            "Source of taken_at: exif, xmp, iptc, text (of a PNG or an early camera), video (the "
            "container), sidecar (a file beside the photo), or you (it was corrected)"
        ),
    ] = None
    rating: Annotated[
        int | None,
        _fact(
            "0 to 5 stars, -1 for rejected",
            "Rating",
            filter=FilterSpec(
                "rating",
                "number",
                "with this many stars: 4, 4+, <2, 3..5; unrated photos count as 0",
                missing_as=0,
            ),
        ),
    ] = None
    keywords: Annotated[
        tuple[str, ...],
        _fact(
            "Keywords as written; a hierarchical one with its levels: A|B|C",
            "Keywords",
            lambda keywords: ", ".join(keywords),
        ),
    ] = ()
    people: Annotated[
        tuple[str, ...],
        _fact(
            "The people in the photo, as a person has named them in another program",
            "People",
            lambda people: ", ".join(people),
            filter=FilterSpec(
                "person",
                "words",
                "that show this person, by a face or as named in a program; me is you",
                question="Is {} in it?",
            ),
        ),
    ] = ()
    title: Annotated[
        str | None,
        _fact(
            "Title",
            "Title",
            filter=FilterSpec("title", "words", "whose title has the words TEXT"),
        ),
    ] = None
    headline: Annotated[
        str | None,
        _fact(
            "Headline: a short summary, as news agencies write it",
            "Headline",
            filter=FilterSpec("headline", "words", "whose headline has the words TEXT"),
        ),
    ] = None
    description: Annotated[
        str | None,
        _fact(
            "Description or caption, on one line, at most 2,000 characters",
            "Description",
            filter=FilterSpec("description", "words", "whose description has the words TEXT"),
        ),
    ] = None
    creator: Annotated[
        str | None,
        _fact(
            "Who took the photo; several names are separated by commas",
            "Creator",
            filter=FilterSpec("creator", "words", "taken by this person"),
        ),
    ] = None
    town: Annotated[
        str | None, _fact("Town or village, as a program has written it or by the coordinates")
    ] = None
    region: Annotated[str | None, _fact("State, province or region of the country")] = None
    country: Annotated[
        str | None,
        _fact(
            "Country",
            filter=FilterSpec(
                "country", "words", "taken in this country", question="Was it in {}?"
            ),
        ),
    ] = None
    near_town: Annotated[bool, _fact("The coordinates are outside of the town, but near it")] = (
        False
    )
    duration_s: Annotated[
        float | None, _fact("Duration of a video in seconds", "Duration", lambda s: f"{s:g} s")
    ] = None
    motion: Annotated[
        str | None,
        _fact("A motion photo: its video is inside its file, or beside it"),
    ] = None
    animated: Annotated[bool, _fact("Several frames, of which the first represents all")] = False
    exposure_s: Annotated[
        float | None,
        _fact(
            "Exposure time in seconds",
            "Exposure",
            _exposure_text,
            maximum=86_400,
            filter=FilterSpec(
                "exposure",
                "number",
                "exposed for this long: 1/250, >1s, 1/60..1/15",
                units={"s": 1, "ms": 0.001},
                fractions=True,
            ),
        ),
    ] = None
    aperture: Annotated[
        float | None,
        _fact(
            "Aperture as an f-number",
            "Aperture",
            lambda number: f"f/{number:g}",
            maximum=256,
            filter=FilterSpec("aperture", "number", "taken at this f-number: 2.8, <2.8, 8..16"),
        ),
    ] = None
    iso: Annotated[
        int | None,
        _fact(
            "Sensitivity (ISO)",
            "ISO",
            maximum=10_000_000,
            filter=FilterSpec("iso", "number", "taken at this ISO sensitivity: 100, >=1600"),
        ),
    ] = None
    focal_mm: Annotated[
        float | None,
        _fact(
            "Focal length in millimetres, as engraved on the lens",
            "Focal length",
            lambda mm: f"{mm:g} mm",
            maximum=20_000,
            filter=FilterSpec(
                "focal",
                "number",
                "taken at this focal length in mm: 50, 35..70, >200mm",
                units={"mm": 1},
            ),
        ),
    ] = None
    flash: Annotated[
        bool | None,
        _fact(
            "Whether the flash fired",
            "Flash",
            lambda fired: "fired" if fired else "did not fire",
            filter=FilterSpec("flash", "yes/no", "whose flash fired: yes, or did not fire: no"),
        ),
    ] = None
    colorfulness: Annotated[
        float | None,
        _fact(
            "Difference of the most colourful pixel from the mean, in CIELAB: 0 for greys",
            measured=True,
        ),
    ] = None
    lightness: Annotated[
        float | None,
        _fact(
            "Mean lightness of the pixels in CIELAB: 0 is black, 100 is white",
            measured=True,
        ),
    ] = None
    detail: Annotated[
        float | None,
        _fact(
            "Fine detail of the sharpest part of the picture at 256 px: near 0 if blurred",
            measured=True,
        ),
    ] = None
    sharpness: Annotated[
        float | None,
        _fact(
            "Fine detail of the whole picture at up to 512 px: compares frames of one burst",
            measured=True,
        ),
    ] = None
    colors: Annotated[
        str | None,
        _fact(
            "Colours that take a tenth of the picture or more, with their share: blue 42 %, …",
            "Colours",
            filter=FilterSpec(
                "color",
                "share",
                "with at least a tenth in this colour",
                names=COLOR_NAMES,
                question="Is there much {} in it?",
                # Nobody remembers how much was grey.
                asked_about=COLOR_NAMES[3:5] + COLOR_NAMES[6:],
            ),
            measured=True,
        ),
    ] = None
    date_precision: Annotated[
        str | None,
        _fact(
            "How exact taken_at is, of which the rest is a beginning: year, season, month or day; "
            "unknown: to the minute"
        ),
    ] = None

    @property
    def is_measured(self) -> bool:
        """Whether the facts include all that is measured in the pixels.

        A tiny or even picture has neither detail nor sharpness.
        """
        return self.lightness is not None and (self.detail is None or self.sharpness is not None)

    @property
    def place(self) -> str | None:
        """Town, region and country for people: "near Arezzo, Tuscany, Italy"."""
        town = f"near {self.town}" if self.near_town else self.town
        # Some cities are regions, too, and some of these are countries.
        names = dict.fromkeys(name for name in (town, self.region, self.country) if name)
        return ", ".join(names) or None

    def shown(self) -> list[tuple[str, str]]:
        """Label and text of the place and of every known fact that has a label, for people."""
        labelled = [
            (fact.label, self._text_of(fact, value))
            for fact in FACTS
            if fact.label is not None and (value := getattr(self, fact.name)) not in (None, ())
        ]
        return labelled if self.place is None else [*labelled, ("Place", self.place)]

    def _text_of(self, fact: Fact, value: Any) -> str:
        if isinstance(value, datetime) and self.date_precision is not None:
            return moment_text(value, self.date_precision)
        return fact.text(value)


def _with_features(core: "type[Struct]") -> "type[Struct]":
    """Return the record of facts with a field for each fact that a feature reads."""
    added = [
        (name, Annotated[Optional[each.type], _of_feature(each)], None)  # noqa: UP045  # no literal
        for name, each in installed.facts().items()
    ]
    if not added:
        return core
    about = {"__doc__": core.__doc__}
    return defstruct(
        core.__name__, added, bases=(core,), module=core.__module__, namespace=about, frozen=True
    )


def _of_feature(declared: "StatedFact") -> Meta:
    spec = declared.filter
    filter_spec = None if spec is None else FilterSpec(spec.name, spec.kind, spec.meaning)
    return _fact(declared.meaning, declared.label, filter=filter_spec)


if not TYPE_CHECKING:
    Facts = _with_features(Facts)


def _declared() -> tuple[Fact, ...]:
    hints = get_type_hints(Facts, include_extras=True)
    names, defaults = Facts.__struct_fields__, Facts.__struct_defaults__
    unknown = dict(zip(names[-len(defaults) :], defaults, strict=True))
    facts = []
    for name in names:
        hint, about = get_args(hints[name])
        facts.append(
            Fact(
                name=name,
                type=_plain_type(hint),
                required=name not in unknown,
                unknown=unknown.get(name),
                **about.extra,
            )
        )
    return tuple(facts)


def _plain_type(hint: Any) -> type:
    """`str | None` -> str, `tuple[str, ...]` -> tuple."""
    plain = next((arg for arg in get_args(hint) if arg not in (type(None), ...)), hint)
    return tuple if getattr(hint, "__origin__", None) is tuple else plain


FACTS = _declared()
MOST_LIST_TEXTS = 500  # of one photo: keywords, or people
MEASURED_FACTS = tuple(fact.name for fact in FACTS if fact.measured)


class Look(Struct, frozen=True):
    """A state of a picture, which is a measured fact within bounds.

    `label` names it for people, and `words` are the words that mean it in a query.
    """

    fact: str
    values: Interval
    label: str
    words: tuple[str, ...]


# By the word that `is:` takes. benchmarks/bench_looks.py prints how often they are right.
LOOKS = {
    "bw": Look(
        "colorfulness",
        Interval(high=6.0, high_open=True),
        "Black and white",
        ("black and white", "b&w", "b/w", "monochrome"),
    ),
    "blurred": Look(
        "detail",
        Interval(high=0.03, high_open=True),
        "Blurred",
        ("blurry", "blurred", "out of focus"),
    ),
    "dark": Look(
        "lightness", Interval(high=20.0, high_open=True), "Dark", ("dark", "underexposed")
    ),
    "bright": Look(
        "lightness", Interval(low=80.0, low_open=True), "Bright", ("bright", "overexposed")
    ),
}
# The facts that are true, false or unknown, by the filters that ask for yes or no.
YES_OR_NO_FILTERS = {
    fact.filter.name: fact.name
    for fact in FACTS
    if fact.filter is not None and fact.filter.kind == "yes/no"
}


def facts_of(condition: Filter) -> list[str]:
    """Return the names of the facts of a photo that a filter asks for."""
    if condition.field == "is":
        return sorted({LOOKS[value].fact for value in condition.values if value in LOOKS})
    return [
        fact.name
        for fact in FACTS
        if fact.filter is not None and fact.filter.name == condition.field
    ]


def with_measured(facts: Facts, known: Facts) -> Facts:
    """Return facts that were read again, with those of `known` that only decoding measures."""
    if facts.is_measured:
        return facts
    unknown = [name for name in MEASURED_FACTS if getattr(facts, name) is None]
    return replace(facts, **{name: getattr(known, name) for name in unknown})


class Photo(Struct, frozen=True):
    """One photo of the library, identified by its content. Paths say where it is stored."""

    id: int
    content_hash: str  # hexadecimal
    size_bytes: int
    facts: Facts

    @property
    def taken_at(self) -> datetime | None:
        return self.facts.taken_at

    @property
    def width_px(self) -> int:
        return self.facts.width_px

    @property
    def height_px(self) -> int:
        return self.facts.height_px


def with_people(photo: Photo, names: Iterable[str]) -> Photo:
    """Return the photo with the persons of its faces, after those that its metadata names."""
    known = {plain_text(name) for name in photo.facts.people}
    more = tuple(name for name in names if plain_text(name) not in known)
    return replace(photo, facts=replace(photo.facts, people=(*photo.facts.people, *more)))


class PhotoCount(Struct, frozen=True):
    """A number of photos, and the number of their vectors."""

    photos: int
    vectors: int


class PhotoFile(Struct, frozen=True):
    """A file of a photo. If it `is_missing`, its removal is on hold: see `Hit.missing`."""

    path: Path
    is_online: bool = True
    is_missing: bool = False


class ShownPhoto(Struct, frozen=True):
    """A photo with its files, the best first: readable files, then the others, by path.

    `date` and `dated_by` are as in `Hit`; the date is ISO text.
    """

    photo: Photo
    files: tuple[PhotoFile, ...]
    date: str
    dated_by: str | None


class IndexedFile(Struct, frozen=True):
    """A file of a photo, as it was when it was indexed, by which it is recognised.

    `folder` is the one that was indexed, with all below it, and `mtime_ns` the file's time of
    change. Each is None where nobody has recorded it.
    """

    path: Path
    folder: str | None = None
    mtime_ns: int | None = None


RAW = "RAW"
DEVELOPED = ("JPEG", "HEIF")  # the formats that cameras develop RAW to
_TO_THE_SECOND = len("2023-06-15T14:30:00")


def are_raw_pair(
    developed_format: str, raw_format: str, developed_at: str | None, raw_at: str | None
) -> bool:
    """Return whether photos of these formats and times (ISO) can be the two of one shot.

    Where both state a time, it is the same second.
    """
    seconds = {each[:_TO_THE_SECOND] for each in (developed_at, raw_at) if each is not None}
    return raw_format == RAW and developed_format in DEVELOPED and len(seconds) <= 1


class PhotoVectors(Struct, frozen=True):
    """The embeddings of one photo: `vectors` (parts, dim), the first of the whole image.

    The score of a photo is the score of its best part. `times_s` are the moments of a video's
    parts, in seconds; it is empty for a photo.
    """

    vectors: "Vectors"
    times_s: tuple[float, ...] = ()

    def best_part(self, query: "Vector") -> int:
        """Return the number of the part with the highest score for a query (dim,)."""
        return int((self.vectors @ query).argmax()) if len(self.vectors) > 1 else 0
