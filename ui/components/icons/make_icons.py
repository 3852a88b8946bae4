"""Makes `icons.woff2`, the part of Streamlit's font of icons that the page uses.

    pip install fonttools brotli
    python -m ui.components.icons.make_icons

The whole font has 4,300 icons and is 375 kB, a quarter of all that a browser loads at first. The
part has the icons that the sources of the page name and those that Streamlit's scripts name.
`icons.json` says of which font of which version of Streamlit it is a part, and which icons it has.
With another version the page has the whole font, until the part is made anew; a test says so.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import streamlit
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from streamlit.material_icon_names import ALL_MATERIAL_ICONS

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent
FEATURES = PAGE.parent / "imgsearch" / "features"
SCRIPTS = Path(streamlit.__file__).parent / "static" / "static"
FONT = "MaterialSymbols-Rounded.*.woff2"


def used_names() -> list[str]:
    """Return the icons that the page or Streamlit names, sorted.

    Any word of our sources that is the name of an icon counts, so there are some too many.
    """
    files = (path for folder in (PAGE, FEATURES) for path in folder.rglob("*"))
    sources = [path for path in files if path.suffix in (".py", ".js") and path.parent != FOLDER]
    words = {word for path in sources for word in re.findall(r"[a-z0-9_]+", _text(path))}
    scripts = (SCRIPTS / "js").glob("*.js")
    words.update(name for path in scripts for name in re.findall(r":material/(\w+):", _text(path)))
    return sorted(words & set(ALL_MATERIAL_ICONS))


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")


def ligatures_of(font: TTFont) -> dict[str, str]:
    """Return the glyph of each icon, by its name: some icons have several names."""
    letters = {glyph: chr(code) for code, glyph in font.getBestCmap().items()}
    found = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            ligatures = getattr(getattr(table, "ExtSubTable", table), "ligatures", {})
            for first, each in (
                (first, each) for first, all_ in ligatures.items() for each in all_
            ):
                parts = [first, *each.Component]
                if all(part in letters for part in parts):
                    found["".join(letters[part] for part in parts)] = each.LigGlyph
    return found


def main() -> None:
    """Write both files."""
    (path,) = (SCRIPTS / "media").glob(FONT)
    font = TTFont(path, recalcTimestamp=False)  # the same bytes each time
    glyphs = ligatures_of(font)
    names = [name for name in used_names() if name in glyphs]
    options = Options(layout_features=["*"], layout_closure=False)
    subsetter = Subsetter(options)
    # With the letters of which the ligatures are made.
    subsetter.populate(text="".join(names), glyphs=[glyphs[name] for name in names])
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(FOLDER / "icons.woff2")
    about = {
        "streamlit": streamlit.__version__,
        "font_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "names": names,
    }
    (FOLDER / "icons.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
