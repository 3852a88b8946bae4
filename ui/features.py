"""The share of features in the page: its declaration names a function that returns it.

The ES modules of a feature are in the folder `components` of
its package, and served beside those of `ui/components`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from msgspec import Struct
from starlette.routing import Route

from imgsearch import Hit, Status, UnfinishedJob, page_parts
from ui.answer_data import WholeAnswer
from ui.page_view import CORE_VIEWS, PageView
from ui.search_state import SearchInput
from ui.session import session


class ShelfEntry(Struct, frozen=True):
    """A link to a collection of photos, on the start page and in the view of albums.

    `icon` stands in place of the cover where there is none; `problem` says that its photos cannot
    be found now.
    """

    kind: str
    icon: str  # its name in the icon font
    name: str
    line: str  # the tooltip
    address: str
    photos: int
    cover_id: int | None
    new: int = 0
    problem: bool = False


class PhotosAround(Struct, frozen=True):
    """The photos among which the viewer steps: a photo with those on either side of it, or none.

    `before` counts the photos of the list that come before them, and `total` all of the list; None
    if these are all.
    """

    hits: Sequence[Hit] = ()
    before: int = 0
    total: int | None = None


class ShownView(Struct, frozen=True):
    """A view of a feature, and the functions that draw it and that return its title.

    Where `title` is missing or returns an empty text, the view has the title of `view`. Among the
    views of its place it stands before the view `before`, or at the end. A photo that is opened in
    it keeps the parameters of its address: `around` is called with them and the id of the photo,
    and `back` returns the parameters of the view itself. `state` returns how a tool stands, in a
    few words: "3 saved". It is asked for its card, so it reads little.
    """

    view: PageView
    show: Callable[[], None]
    title: Callable[[], str] | None = None
    before: str | None = None
    around: Callable[[Mapping[str, str], int], PhotosAround] | None = None
    back: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    state: Callable[[], str] | None = None


class PageJob(Struct, frozen=True):
    """A long job of a feature: the task of the page that does it, and the views that say so.

    `start` goes on with an unfinished job. With a title, the view of the library shows the progress
    of the task, and then what `outcome` says of its report.
    """

    task: str
    views: tuple[str, ...]
    start: Callable[[UnfinishedJob], None]
    title: str = ""
    outcome: Callable[[Any], str] = str


class CommandButton(Struct, frozen=True):
    """A button in place of a command that a message names: it leads to a view that does the same.

    It is shown where the library has the part `part`. `icon` is Markdown: ":material/sync:".
    """

    view: str
    part: str
    label: str
    icon: str


class ViewerSection(Struct, frozen=True):
    """A section among the details of a photo, which an ES module draws.

    `module` is its path among the components: see `SectionModule` in components/types.d.ts. Where a
    photo is opened, `of_search` is called with the search that found it: the module gets what it
    returns, which is JSON, and the details of the photo.
    """

    name: str
    module: str
    of_search: Callable[[SearchInput], object]


class SearchForm(Struct, frozen=True):
    """A dialog of Python about the present search, which the menu above its answer offers.

    `show` opens it, and `is_offered` says for which searches it is there. `icon` is its name in the
    icon font.
    """

    label: str
    icon: str
    is_offered: Callable[[SearchInput], bool]
    show: Callable[[SearchInput], None]


class PageFeature(Struct, frozen=True):
    """The share of one feature in the page.

    Nothing of it is shown for a library that lacks `part`, if it names one. `actions` is an ES
    module with actions for photos, and `viewer` one that draws parts of the viewer of a photo: see
    `FeatureModule` and `ViewerModule` in `components/types.d.ts`; `strip` is one that draws a strip
    below the photo, which a key shows (`StripModule`). `headings` is one that finds the headings of
    a timeline: see `components/grid/headings.js`. `section` is a section of the viewer
    that keeps a state of its own. `keys` are keys for photos in a grid, with what they do, and
    `photo_keys` those for one photo.
    `map_address` is the address of a map at a point, with `{lat}`, `{lon}` and `{zoom}`, to which
    others lead. `header` draws something above the results of a search before these are known,
    `above_photos` when they are, and `shelf` returns links for the start page, to what
    `shelf_title` names. `answer` draws the answer to a line that is no query, in place of results,
    and returns whether it did: see `imgsearch.features.declared.LineForm`.
    `search_forms` are dialogs about the present search, by name. `forms` are dialogs of Python by
    name, which are called with the ids of photos: `actions` ask for one for the selected photos by
    the event ASKED_FORM of the tray, a section for the photo that is shown. `views` are by the path
    of their address, and `jobs` by their names in `imgsearch.features.declared.Feature`. `routes`
    need a login; `keyed_routes` are served to everybody, so each of them looks for a key of its own
    in the request first. `library_section` draws a section in the view of the library; it is called
    with the status, and whether something changes the library. `commands` are by the beginning of a
    command: "imgsearch read-text". `icons` are those of its kinds of suggestions, and
    `filter_nouns` the words for values of its filters.
    """

    part: str | None = None
    actions: str | None = None
    viewer: str | None = None
    strip: str | None = None
    headings: str | None = None
    keys: Sequence[tuple[str, str]] = ()
    photo_keys: Sequence[tuple[str, str]] = ()
    map_address: str | None = None
    header: Callable[[SearchInput], None] | None = None
    answer: Callable[[SearchInput], bool] | None = None
    above_photos: Callable[[WholeAnswer], None] | None = None
    shelf: Callable[[], Sequence[ShelfEntry]] | None = None
    shelf_title: str = ""
    section: ViewerSection | None = None
    search_forms: Mapping[str, SearchForm] = {}
    forms: Mapping[str, Callable[[Sequence[int]], None]] = {}
    views: Mapping[str, ShownView] = {}
    routes: Sequence[Route] = ()
    keyed_routes: Sequence[Route] = ()
    jobs: Mapping[str, PageJob] = {}
    library_section: Callable[[Status, bool], None] | None = None
    commands: Mapping[str, CommandButton] = {}
    icons: Mapping[str, str] = {}
    filter_nouns: Mapping[str, str] = {}


def page_features() -> tuple[PageFeature, ...]:
    """Return the shares of all features that load."""
    return _loaded()[0]


def feature_views() -> dict[str, ShownView]:
    """Return the views of features, by the path of their address."""
    return {name: shown for each in page_features() for name, shown in each.views.items()}


def map_address() -> str | None:
    """Return the address of the first map that features bring: see `PageFeature`."""
    addresses = (each.map_address for each in page_features())
    return next((each for each in addresses if each is not None), None)


def suggestion_icons() -> dict[str, str]:
    """Return the icons of the suggestions that features bring, by their kind."""
    return {kind: icon for each in page_features() for kind, icon in each.icons.items()}


def filter_nouns() -> dict[str, str]:
    """Return the words for the values of filters that features bring, by filter."""
    return {name: noun for each in page_features() for name, noun in each.filter_nouns.items()}


def show_form(name: str, photos: Callable[[], Sequence[int]]) -> None:
    """Open the form of a feature for photos or the present search, if one has this name."""
    for each in shown_features():
        if name in each.search_forms:
            each.search_forms[name].show(SearchInput.of_address())
        if name in each.forms:
            each.forms[name](photos())


def search_forms(search_input: SearchInput) -> dict[str, SearchForm]:
    """Return the forms that features offer for a search, by name."""
    forms = {name: form for each in shown_features() for name, form in each.search_forms.items()}
    return {name: form for name, form in forms.items() if form.is_offered(search_input)}


def problems() -> tuple[str, ...]:
    """Return a sentence for each feature that cannot be shown."""
    return _loaded()[1]


def shown_features() -> tuple[PageFeature, ...]:
    """Return the shares of the features that the library of the page has."""
    here = session()
    return tuple(each for each in page_features() if each.part is None or here.has(each.part))


@cache
def _loaded() -> tuple[tuple[PageFeature, ...], tuple[str, ...]]:
    parts, sentences = page_parts()
    shares, wrong = checked(parts)
    return shares, (*sentences, *wrong)


def checked(parts: Iterable[object]) -> tuple[tuple[PageFeature, ...], tuple[str, ...]]:
    """Return the shares among what features have given, and a sentence for each that is left out.

    That is what is no share, and a share with a view that has the name of another one.
    """
    shares: list[PageFeature] = []
    sentences: list[str] = []
    views = set(CORE_VIEWS)
    for part in parts:
        if not isinstance(part, PageFeature):
            sentences.append(
                f"{part!r:.100} is not the share of a plug-in in the page, a `PageFeature`. Update "
                "its package, or remove it."
            )
        elif twice := sorted(part.views.keys() & views):
            sentences.append(
                f"A plug-in has a view {twice[0]!r}, and another view has this name, so nothing of "
                "it is shown. Update its package, or remove it."
            )
        else:
            views |= part.views.keys()
            shares.append(part)
    return tuple(shares), tuple(sentences)
