"""The places of the page: where views stand, and what a place is called."""

from __future__ import annotations

from ui.page_view import CORE_VIEWS, PLACES, PageView
from ui.view_table import all_views, places_of, tools_of


def test_every_view_of_a_library_stands_in_one_place_in_the_order_of_the_navigation() -> None:
    places = places_of(lambda part: part != "fleet")
    names = [name for place in places for name in place.views]
    assert sorted(names) == sorted(all_views().keys() - {"archive"})
    titles = [place.title for place in PLACES.values()]
    shown = [place.title for place in places if place.title in titles]
    assert shown == [title for title in titles if title in shown]
    assert next(iter(places[0].views)) == "search", "the first place leads to the first view"


def test_a_place_with_one_view_is_called_by_it_and_one_without_any_is_not_shown() -> None:
    """No word is left of a feature that a library lacks."""
    places = places_of(lambda part: part == "fleet")
    for place in places:
        shown = [view for view in place.views.values() if not view.is_hidden]
        assert shown
        if len(shown) == 1:
            assert (place.title, place.icon) == (shown[0].title, shown[0].icon)
    assert "People" not in {place.title for place in places}
    of_archive = next(place for place in places if "archive" in place.views)
    assert "library" not in of_archive.views


def test_the_overview_of_tools_leads_to_all_of_them() -> None:
    of_library = next(each for each in places_of(lambda part: part != "fleet") if each.overview)
    assert of_library.overview == "tools" and next(iter(of_library.views)) == "tools"
    tools = tools_of(lambda part: part != "fleet")
    assert list(tools) == [name for name in of_library.views if name != "tools"]
    assert all(view.about for name, view in tools.items() if name in CORE_VIEWS)


def test_a_view_that_names_no_place_stands_in_tools() -> None:
    assert PageView("Mine", "map", "none").place == "tools"
    assert CORE_VIEWS["library"].place == "tools"
