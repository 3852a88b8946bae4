// Thumbs for the photo that is shown: they are terms of the line of the search, and its answer is taken anew with them.

import { visit } from "../history/history.js";
import { element, textButton } from "../shared/dom.js";

/** @import { SectionModule } from "../types.d.ts" */
/**
 * The search without its thumbs, and these, as ids: `thumbs_of` in page.py. Null where there is no answer to reorder.
 * @typedef {{ line: string, liked: string[], disliked: string[], parameters: Record<string, string> } | null} Thumbs
 * @typedef {"liked" | "disliked"} Side
 */

/** @type {[side: Side, label: string, sign: string, key: string][]} */
const BUTTONS = [["liked", "More like this", "thumb_up", "u"], ["disliked", "Less like this", "thumb_down", "d"]];

/** @type {SectionModule["makeSection"]} */
export function makeSection() {
  const node = element("section", "part thumbs"), row = element("div", "row"), hint = element("p", "", "Thumbs need an answer to reorder: search for words or by an image.");
  let photo = "", /** @type {Thumbs} */ thumbs = null;
  const press = (/** @type {Side} */ side) => { if (thumbs) visit(addressWith(thumbs, side, photo)); };
  const buttons = BUTTONS.map(([side, label, sign, key]) => {
    const button = textButton(label, () => press(side), sign, "button");
    button.title = `${label} (${key})`;
    return button;
  });
  row.append(...buttons);
  const title = element("h2", "", "This answer");
  return {
    node,
    keys: Object.fromEntries(BUTTONS.map(([side, , , key]) => [key, () => press(side)])),
    show(shown, ofSearch) {
      photo = shown;
      thumbs = /** @type {Thumbs} */ (ofSearch);
      node.replaceChildren(title, thumbs ? row : hint);
      BUTTONS.forEach(([side], place) => { buttons[place].ariaPressed = String(Boolean(thumbs?.[side].includes(photo))); });
    },
  };
}

// The address of the answer with a thumb for a photo, or without it if it has this one already.
/** @param {NonNullable<Thumbs>} thumbs @param {Side} side @param {string} photo */
export function addressWith(thumbs, side, photo) {
  const isThere = thumbs[side].includes(photo), parts = thumbs.line ? [thumbs.line] : [];
  for (const [each] of BUTTONS) {
    const ids = thumbs[each].filter((id) => id !== photo);
    if (each === side && !isThere) ids.push(photo);
    if (ids.length) parts.push(`${each}:${ids.join("|")}`);
  }
  const line = parts.join(" "), given = line ? { q: line, ...thumbs.parameters } : thumbs.parameters;
  return `/?${new URLSearchParams(given)}`;
}
