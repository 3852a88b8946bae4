"""The components of `ui/components` and of features: folders of ES modules for the browser.

The files of other projects that they use come from installed packages, and are served like ours.

Streamlit runs one script a component, and cannot serve modules that import each other. So its
script only imports the component's own module, which this server serves. There is no build step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from streamlit.components.v2.types import ComponentRenderer

from imgsearch import component_packages, component_styles
from ui.responses import NOT_STORED

# Folders of files that packages ship: the module, where they are in it, and which are used.
_PACKAGED = {
    "leaflet": ("js_lib_leaflet", "static/js_lib_leaflet", ("leaflet.css", "leaflet.js")),
}
_FOLDER = Path(__file__).with_name("components")
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
# The version is part of the URL, so what it serves never changes.
_CACHE_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
ROUTE = "/modules/{version}/{name:path}"
_SCRIPT = """
// Streamlit calls this at every run of its script, and the function returned when it unmounts.
export default function (component) {
  const box = component.parentElement.querySelector(".component");
  // While the module is loaded, calls wait for it, and a browser answers them in any order.
  // Only the last one counts: the others have the data of earlier runs.
  const call = box.lastCall = {};
  let end, ended = false;
  import(new URL("%s", location.href)).then(
    (module) => { if (!ended && box.lastCall === call) end = module.default(box, component); },
    () => { box.textContent = "A part of this page could not be loaded. Reload the page."; },
  );
  return () => { ended = true; end?.(); };
}
"""


@cache
def _files() -> Mapping[str, bytes]:
    """Contents by path inside the folder, "/" between its parts; `leaflet/` is from a package."""
    own = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for folder in _folders()
        for path in sorted(folder.rglob("*"))
        if path.suffix in _MEDIA_TYPES
    }
    packaged = {
        f"{folder}/{name}": resources.files(module).joinpath(inside, name).read_bytes()
        for folder, (module, inside, names) in _PACKAGED.items()
        for name in names
    }
    return own | packaged


def _folders() -> list[Path]:
    """Return the folders of components; of two files with one name, ours counts."""
    specs = map(find_spec, component_packages())
    origins = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    return [*(Path(each).with_name("components") for each in origins), _FOLDER]


@cache
def version() -> str:
    """Return a value that changes whenever one of the files does."""
    digest = hashlib.sha256()
    for name, content in _files().items():
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def address(name: str) -> str:
    """Return the address of one of the files."""
    return f"/modules/{version()}/{name}"


def text(name: str) -> str:
    """Return the text of one of the files."""
    return _files()[name].decode()


def serve(request: Request) -> Response:
    """Return one of the files. No other can be requested."""
    name = request.path_params["name"]
    content = _files().get(name)
    if content is None or request.path_params["version"] != version():
        return PlainTextResponse("Not found.", 404, NOT_STORED)
    media_type = _MEDIA_TYPES[Path(name).suffix]
    return Response(content, media_type=media_type, headers=_CACHE_FOR_EVER)


def script(name: str) -> str:
    """Return the script of the component `name`, which imports its module."""
    return _SCRIPT % address(f"{name}/{name}.js")


def component(name: str, *styles: str, is_isolated: bool = True) -> ComponentRenderer:
    """Return the component with the files in the folder `name`, also `name.js` and `name.css`.

    `styles` are further style sheets, which come before its own; those of features come behind it.

    Without `is_isolated`, the component is in the document itself and not in a shadow tree, so that
    attributes of other elements can name its own; its style sheet then applies to the whole page.

    The default export of its module is called with the element to fill and Streamlit's object, at
    every run; it returns a function that is called when the element may be gone.
    """
    return st.components.v2.component(
        f"imgsearch_modules_{name}",
        html='<div class="component"></div>',
        css="\n".join(map(text, (*styles, f"{name}/{name}.css", *component_styles(name)))),
        js=script(name),
        isolate_styles=is_isolated,
    )
