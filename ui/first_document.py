"""The document that a browser loads first: Streamlit's, and in it the files that a view needs.

Otherwise a browser learns of them one after the other: of Streamlit's elements when the script of
the page has run, of our components when these elements are drawn, and of a module from the one
that imports it. Here it asks for all of them at once. It has the styles of the page as well, so
that nothing moves when the script of the page has run.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ui import component_files, manifest
from ui.addresses import address_of
from ui.features import page_features
from ui.view_table import all_views

_STATIC = Path(streamlit.__file__).parent / "static"
_SCRIPTS = "static/js"  # in that folder, and in addresses
# Streamlit's elements that every view draws; a hash follows in the names of their scripts.
_ELEMENTS = ("BidiComponent", "Button", "Html")
_EVERYWHERE = ("shell", "search_field")  # our components
_ASSETS = Path(__file__).with_name("assets")
_STYLES = (_ASSETS / "tokens.css", _ASSETS / "page.css")
# Streamlit takes the path of a view for a folder in which it is served, and asks there first.
_BASE = "<script>window.__streamlit = { BACKEND_BASE_URL: location.origin };</script>"
# An import that a module cannot do without; those in parentheses are made later.
_IMPORT = re.compile(r'(?:from|import)\s*["`](\.[^"`]+\.js)["`]')
# Types are imported in comments, from modules that a browser may never need.
_TYPES = re.compile(r"/\*\*.*?\*/", re.DOTALL)
_HEADERS = {"Cache-Control": "no-cache"}  # it names files by their versions


def routes() -> list[Route]:
    """Return the routes of the documents of all views."""
    return [Route(address_of(view), _answering(view)) for view in all_views()]


def _answering(view: str) -> Callable[[Request], Response]:
    def document_of(request: Request) -> Response:
        return HTMLResponse(document(view), headers=_HEADERS)

    return document_of


@cache
def document(view: str) -> str:
    """Return the document of a view."""
    given = (_STATIC / "index.html").read_text("utf-8")
    scripts = (f"/{_SCRIPTS}/{name}" for name in _scripts_of_streamlit(given))
    modules = (component_files.address(name) for name in _modules_of(view))
    named = "\n".join(
        f'    <link rel="modulepreload" crossorigin href="{address}">'
        for address in (*scripts, *modules)
    )
    given = given.replace("<title>Streamlit</title>", f"<title>{manifest.NAME}</title>")
    given = given.replace('href="./favicon.png"', f'href="{manifest.ICON}"')
    given = given.replace("</head>", f"  {_BASE}\n{named}\n  </head>", 1)
    # In the body: Streamlit adds its own styles to the head, and the later ones count.
    styles = "\n".join(path.read_text("utf-8") for path in _STYLES)
    return given.replace("</body>", f"<style>{styles}</style>\n  </body>", 1)


def _scripts_of_streamlit(given: str) -> list[str]:
    """Return the file names of the scripts of elements and their imports, in the order of need.

    Those that the document names already are left out.
    """
    folder = _STATIC / _SCRIPTS
    first = [path.name for each in _ELEMENTS for path in sorted(folder.glob(f"{each}.*.js"))]
    return [
        name
        for name in _with_imports(first, lambda name: (folder / name).read_text("utf-8"))
        if name not in given
    ]


def _modules_of(view: str) -> list[str]:
    """Return the modules of a view's components and of their imports, in the order of need."""
    first = [f"{name}/{name}.js" for name in (*_EVERYWHERE, *all_views()[view].components)]
    first += [each.actions for each in page_features() if each.actions is not None]
    if view == "timeline":
        first += [each.headings for each in page_features() if each.headings is not None]
    if "viewer" in all_views()[view].components:
        first += [each.viewer for each in page_features() if each.viewer is not None]
        sections = (each.section for each in page_features())
        first += [each.module for each in sections if each is not None]
    return list(
        _with_imports(dict.fromkeys(first), lambda name: _TYPES.sub("", component_files.text(name)))
    )


def _with_imports(first: Iterable[str], text_of: Callable[[str], str]) -> Iterator[str]:
    """Yield these files and all that they import, each once; `text_of` reads a file by its path."""
    waiting, known = list(first), set(first)
    while waiting:
        name = waiting.pop(0)
        yield name
        for imported in _IMPORT.findall(text_of(name)):
            path = _joined(name, imported)
            if path not in known:
                known.add(path)
                waiting.append(path)


def _joined(name: str, relative: str) -> str:
    """Return the path of a file that another one names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), relative))
