"""The application of `imgsearch browse`: a query, a grid of photos and keys, in Textual."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ItemGrid, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Footer, Input, Label, Static
from textual.worker import get_current_worker

from imgsearch.cli.preview import image_of
from imgsearch.desktop import opening
from imgsearch.errors import ImgsearchError, MissingPackage
from imgsearch.text import clock, format_count, printable

logging.getLogger("textual_image").setLevel(logging.ERROR)  # it warns if it must guess
from textual_image.widget import Image as Picture  # noqa: E402  # asks the terminal meanwhile

if TYPE_CHECKING:
    from PIL import Image

    from imgsearch.library import Library
    from imgsearch.records.answer import Answer, Hit

NEWEST = "sort:date"
PAGE = 24  # photos
_SIDE_PX = 320
_TILE_COLUMNS, _TILE_LINES = 24, 10


class PhotoTile(Vertical, can_focus=True):
    """A photo of the grid: its picture, once there is one, and its name."""

    # Bound here, since the scrolling container around the grid uses these keys otherwise.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"app.move('{key}')", show=False) for key in ("left", "right", "up", "down")
    ]

    def __init__(self, hit: Hit) -> None:
        super().__init__()
        self.hit = hit
        self._picture = Picture(classes="picture")

    def compose(self) -> ComposeResult:
        yield self._picture
        yield Label(_caption(self.hit), markup=False)

    def show(self, image: Image.Image | None) -> None:
        """Show the picture, or a note that there is none now."""
        if image is None:
            self._picture.remove()
            self.mount(Static("no picture now", markup=False), before=0)
        else:
            self._picture.image = image

    @property
    def has_picture(self) -> bool:
        """Whether its picture is shown."""
        return self._picture.image is not None


def open_on_desktop(path: Path) -> None:
    """Open a file in the default program of the desktop.

    Raises MissingPackage without a desktop.
    """
    command = opening(path)
    if not command:
        raise MissingPackage("xdg-open, which opens files, is not installed. Copy the path with c.")
    quiet = subprocess.DEVNULL
    subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


class PageOfPhotos(Struct, frozen=True):
    """One page of an answer, and the cursor that led to it; None for the first page."""

    cursor: str | None
    answer: Answer


class PhotoBrowser(App[None]):
    """Searches `library` for the typed query, and shows the photos found.

    `remarks` are messages of the library, shown as they arrive. `open_file` is called with the path
    of a photo to open.
    """

    TITLE = "imgsearch"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None  # `_show_tiles` explains the keys
    CSS = f"""
    #query {{ dock: top; }}
    #state {{ height: 1; padding: 0 1; color: $text-muted; }}
    ItemGrid {{ grid-gutter: 1; height: auto; padding: 0 1; }}
    PhotoTile {{ height: {_TILE_LINES + 1}; max-width: {2 * _TILE_COLUMNS}; }}
    PhotoTile:focus {{ background: $primary; }}
    PhotoTile .picture {{ width: auto; height: {_TILE_LINES}; max-width: 100%; }}
    PhotoTile Static {{ height: {_TILE_LINES}; }}
    PhotoTile Label {{ width: 100%; height: 1; text-overflow: ellipsis; text-wrap: nowrap; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "edit_query", "Query"),
        Binding("enter", "open", "Open"),
        Binding("c", "copy", "Copy path"),
        Binding("n", "next_page", "Next"),
        Binding("p", "previous_page", "Previous"),
        Binding("q", "quit", "Quit"),
        Binding("escape,down", "leave_query", "Photos", show=False),
    ]

    def __init__(
        self,
        library: Library,
        query: str,
        remarks: list[str],
        open_file: Callable[[Path], object] = open_on_desktop,
    ) -> None:
        super().__init__()
        self._library = library
        self._first_query = query
        self._remarks = remarks
        self._open_file = open_file
        self._line = ""
        self._shown: PageOfPhotos | None = None
        self._earlier: list[str | None] = []  # the cursors of the pages before this one

    def compose(self) -> ComposeResult:
        yield Input(self._first_query, placeholder="What to look for", id="query")
        yield Label("", id="state", markup=False)
        yield VerticalScroll(ItemGrid(min_column_width=_TILE_COLUMNS), can_focus=False)
        yield Footer()

    def on_mount(self) -> None:
        self.show_results(self._first_query)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.show_results(event.value)

    def show_results(self, query: str) -> None:
        """Show the first page of results of a query; the newest photos for an empty one."""
        self._line, self._earlier = query, []
        self._show_page(None)

    # ------------------------------------------------------------------ keys

    def action_edit_query(self) -> None:
        self._focus(self.query_one("#query", Input))

    def action_leave_query(self) -> None:
        if self.tiles:
            self._focus(self.tiles[0])

    def action_next_page(self) -> None:
        if self._shown is not None and self._shown.answer.cursor is not None:
            self._earlier.append(self._shown.cursor)
            self._show_page(self._shown.answer.cursor)
        else:
            self.notify("There are no more photos.")

    def action_previous_page(self) -> None:
        if self._earlier:
            self._show_page(self._earlier.pop())
        else:
            self.notify("These are the first photos.")

    def action_open(self) -> None:
        tile = self.focused_tile
        if tile is not None and tile.hit.offline:
            self.notify("The photo is on a drive that is not connected.", severity="warning")
        elif tile is not None:
            try:
                self._open_file(tile.hit.path)
            except ImgsearchError as error:
                self.notify(str(error), severity="error", markup=False)

    def action_copy(self) -> None:
        tile = self.focused_tile
        if tile is not None:
            # Terminals accept only UTF-8, and a name may have other bytes.
            self.copy_to_clipboard(os.fsencode(tile.hit.path).decode("utf-8", "replace"))
            self.notify(f"Copied {printable(tile.hit.path)}", markup=False)

    def action_move(self, key: str) -> None:
        """Focus the next tile in a direction; above the first row is the query."""
        tile = self.focused_tile
        if tile is None:
            return
        columns = len({each.region.x for each in self.tiles})
        place = self.tiles.index(tile)
        step = {"left": -1, "right": 1, "up": -columns, "down": columns}[key]
        if 0 <= place + step < len(self.tiles):
            self._focus(self.tiles[place + step])
        elif key == "up":
            self.action_edit_query()

    # ------------------------------------------------------------------ contents

    @property
    def tiles(self) -> list[PhotoTile]:
        """The photos shown, in their order."""
        return list(self.query(PhotoTile))

    @property
    def focused_tile(self) -> PhotoTile | None:
        """The photo with the focus, to which the keys apply."""
        return self.focused if isinstance(self.focused, PhotoTile) else None

    @work(thread=True, exclusive=True)
    def _show_page(self, cursor: str | None) -> None:
        """Search, show the tiles, then their pictures one by one; a newer call ends it."""
        worker = get_current_worker()
        self.call_from_thread(self._state, "Searching …")
        try:
            answer = self._library.find(self._line.strip() or NEWEST, PAGE, cursor)
        except ImgsearchError as error:
            self.call_from_thread(self._state, str(error))
            return
        page = PageOfPhotos(cursor, answer.without_weak_hits())
        if worker.is_cancelled:
            return
        show: Callable[[PageOfPhotos], Awaitable[list[PhotoTile]]] = self._show_tiles
        tiles: list[PhotoTile] = self.call_from_thread(show, page)
        for tile in tiles:
            image = image_of(self._library, tile.hit, _SIDE_PX)
            if worker.is_cancelled:
                return
            self.call_from_thread(tile.show, image)

    async def _show_tiles(self, page: PageOfPhotos) -> list[PhotoTile]:
        self._shown = page
        grid = self.query_one(ItemGrid)
        await grid.remove_children()
        tiles = [PhotoTile(hit) for hit in page.answer.hits]
        await grid.mount_all(tiles)
        self.query_one(VerticalScroll).scroll_home(animate=False)
        self._focus(tiles[0] if tiles else self.query_one("#query", Input))
        self._state(_description(page.answer))
        while self._remarks:
            self.notify(printable(self._remarks.pop(0)), markup=False)
        return tiles

    def _focus(self, widget: Widget) -> None:
        """Focus a widget at once: Widget.focus() would leave the next key to the one before."""
        self.screen.set_focus(widget)

    def _state(self, text: str) -> None:
        self.query_one("#state", Label).update(printable(text))


def _caption(hit: Hit) -> str:
    time_in_video = "" if hit.at_s is None else f" @ {clock(hit.at_s)}"
    return f"{printable(hit.path.name)}{time_in_video}{' (offline)' if hit.offline else ''}"


def _description(answer: Answer) -> str:
    verdict = "" if answer.verdict is None else f": {answer.verdict}"
    more = ", more with n" if answer.cursor is not None else ""
    suggestion = "" if answer.suggestion is None else f". Did you mean {answer.suggestion}?"
    return f"{format_count(len(answer.hits), 'photo')}{verdict}{more}{suggestion}"
