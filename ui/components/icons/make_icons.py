"""Makes `icons.woff2` and `text.woff2`, the parts of Streamlit's fonts that the page uses.

    pip install fonttools brotli
    python -m ui.components.icons.make_icons

The whole font has 4,300 icons and is 375 kB, a quarter of all that a browser loads at first. The
part has the icons that the sources of the page name and those that Streamlit's scripts name.
`icons.json` says of which font of which version of Streamlit it is a part, and which icons it has.
With another version the page has the whole fonts, until the parts are made anew; a test says so.

The font of texts is 170 kB with all scripts. The part has the Latin letters and the signs of the
page, in all weights. Words in other scripts are drawn by a font of the visitor's system.
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
TEXT_FONT = "SourceSansVF-Upright.*.woff2"
# Latin with its extensions, Vietnamese, punctuation, currencies, arrows, and signs of the page.
LETTERS = (
    *range(0x20, 0x250),
    *range(0x2BB, 0x2DE),
    *range(0x300, 0x330),
    *range(0x1E00, 0x1F00),
    *range(0x2000, 0x2060),
    *range(0x20A0, 0x20C0),
    *range(0x2150, 0x2190),
    *map(ord, "™←↑→↓−≈≠≤≥×★☆♡♥⌘⌥"),
)
TEXT_NAME = "imgsearch Text"  # a changed font may not be called by the reserved name "Source"
FAMILY_NAMES = (1, 3, 4, 6, 16, 25)  # numbers in the table of names


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


def make_text_font(path: Path) -> None:
    """Write `text.woff2`, the part of this font; its licence stays in its table of names."""
    font = TTFont(path, recalcTimestamp=False)
    features = ["kern", "mark", "mkmk", "ccmp", "locl"]
    subsetter = Subsetter(Options(layout_features=features, name_IDs=["*"]))
    subsetter.populate(unicodes=LETTERS)
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in FAMILY_NAMES:
            record.string = TEXT_NAME.replace(" ", "" if record.nameID in (6, 25) else " ")
    font.flavor = "woff2"
    font.save(FOLDER / "text.woff2")


def main() -> None:
    """Write both fonts, and what they are made of."""
    (text_path,) = (SCRIPTS / "media").glob(TEXT_FONT)
    make_text_font(text_path)
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
        "text_font_sha256": hashlib.sha256(text_path.read_bytes()).hexdigest(),
        "names": names,
    }
    (FOLDER / "icons.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
