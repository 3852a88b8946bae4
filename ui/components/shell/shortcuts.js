// The keys that work in every view: `?` opens the list of keyboard shortcuts, and `/` leads to the search box.

import { element } from "../shared/dom.js";
import { isTyping } from "../shared/page.js";
import { goToSearchBox } from "../shared/search_box.js";

/** @typedef {[key: string, text: string]} Key */

// All keys; `ofFeatures` are those for photos in a grid that features bring, and `ofPhoto` those for one photo.
/** @param {Key[]} ofFeatures @param {Key[]} ofPhoto @returns {[title: string, keys: Key[]][]} */
const shortcuts = (ofFeatures, ofPhoto) => [
  ["Everywhere", [
    ["/", "to the search box, also from a view without one"],
    ["c", "compare the selected photos, two to six"],
    ["Ctrl + z", "undo what was done with photos"],
    ["?", "this list"],
  ]],
  ["Photos in a grid", [
    ["← → ↑ ↓", "from photo to photo"],
    ["Page Up, Page Down", "a window further"],
    ["Home, End", "to the first, to the last"],
    ["Enter", "open the photo"],
    ["x", "select the photo, or not"],
    ["Shift + x, Shift + click", "select all from the last selected to this one"],
    ["Ctrl + a", "select all, or none"],
    ["f", "favourite, or not"],
    ["1 to 5, 0", "stars; the same again takes them away"],
    ["h", "hide the photo, or show it again"],
    ...ofFeatures,
  ]],
  ["One photo", [
    ["← →", "the one before, the one after"],
    ["Enter", "the whole screen"],
    ["i", "details beside the photo, or the photo alone"],
    ...ofPhoto,
    ["x", "select the photo, or not"],
    ["f, 1 to 5, 0, h", "favourite, stars, hide"],
    ["Space", "slideshow, in the whole screen"],
    ["+ −", "zoom, in the whole screen"],
    ["Shift + d", "download the original"],
    ["Esc", "back to the photo seen last in the grid"],
  ]],
];

export class Shortcuts {
  /** @param {Key[]} ofFeatures @param {Key[]} ofPhoto */
  constructor(ofFeatures, ofPhoto) {
    this.keys = shortcuts(ofFeatures, ofPhoto);
    this.dialog = element("dialog", "shortcuts");
    this.dialog.setAttribute("aria-labelledby", "shortcuts");
    this.dialog.onclose = () => this.dialog.replaceChildren();
    this.dialog.onclick = (event) => { if (event.target === this.dialog) this.dialog.close(); }; // beside it
    this.onKey = (/** @type {KeyboardEvent} */ event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      if (event.key === "?") {
        event.preventDefault();
        if (this.dialog.open) this.dialog.close(); else if (this.dialog.isConnected) this.show();
      } else if (event.key === "/" && !this.dialog.open) { // where the box is there, search_field.js leads to it
        event.preventDefault();
        goToSearchBox();
      }
    };
    document.addEventListener("keydown", this.onKey);
  }

  show() {
    const heading = element("h2", "", "Keyboard shortcuts"), close = element("button", "close", "Close");
    heading.id = "shortcuts";
    close.type = "button";
    close.onclick = () => this.dialog.close();
    this.dialog.replaceChildren(heading, ...this.keys.flatMap(([title, keys]) => {
      const list = element("dl");
      for (const [key, text] of keys) {
        const term = element("dt");
        term.append(element("kbd", "", key));
        list.append(term, element("dd", "", text));
      }
      return [element("h3", "", title), list];
    }), close);
    this.dialog.showModal();
  }

  close() { document.removeEventListener("keydown", this.onKey); }
}
