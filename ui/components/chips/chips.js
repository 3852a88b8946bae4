// The filters and the clauses of the query. A click on a button is sent to Python, which changes the search box. Words
// that stand for a filter have two: one removes them, the other takes them as plain words.

import { element, focusIn } from "../shared/dom.js";
import { UnhandledEvents } from "../shared/unhandled_events.js";

/** @import { StreamlitComponent } from "../types.d.ts" */
/** @typedef {{ kind: string, name: string, label: string, help: string, words: string }} ChipData a filter; `words` are those that stand for it */
/** @typedef {HTMLElement & { key: string, buttons: ChipButton[] }} Chip */
/** @typedef {HTMLButtonElement & { action: string }} ChipButton */
/** @typedef {HTMLElement & { clicks?: UnhandledEvents, chips?: Chip[] }} Box */
/** @typedef {{ chips: ChipData[], handled: [session: string, handled: number] }} Data */

/** @param {Box} box @param {StreamlitComponent<Data>} component */
export default function (box, { data, setStateValue }) {
  const clicks = (box.clicks ??= new UnhandledEvents(box));
  clicks.update(data.handled, (events) => setStateValue("events", events));
  box.role = "group";
  box.ariaLabel = "Filters of this search";
  const chips = chipsOf(box.chips ?? [], data.chips);
  chips.forEach((chip, place) => {
    const { name } = data.chips[place];
    for (const button of chip.buttons) button.onclick = () => clicks.add(button.action, name);
  });
  arrange(box, chips);
  box.chips = chips;
}

// The chips that are there are used again: a button may have the focus, or be pressed just now.
/** @param {Chip[]} drawn @param {ChipData[]} chips */
function chipsOf(drawn, chips) {
  const there = [...drawn];
  return chips.map((data) => {
    const key = `${data.kind}\n${data.name}\n${data.label}`, place = there.findIndex((chip) => chip.key === key);
    return place >= 0 ? there.splice(place, 1)[0] : chipOf(data, key);
  });
}

/** @param {ChipData} data @param {string} key @returns {Chip} */
function chipOf({ kind, words, label, help }, key) {
  const remove = buttonOf("remove", kind), icon = element("span", "icon", "close");
  const chip = Object.assign(element("span", `chip ${kind}`), { key, buttons: [remove] });
  icon.ariaHidden = "true";
  remove.append(icon, element("span", "label", label));
  remove.title = help;
  if (kind === "clause") remove.ariaLabel = `Remove the clause “${words}”`;
  if (kind === "words" || kind === "aside") {
    chip.role = "group";
    chip.ariaLabel = kind === "words" ? `“${words}” is understood as ${label}` : `“${words}”: ${label}`;
    remove.ariaLabel = `Remove ${label}, understood from “${words}”`;
    const plain = buttonOf("plain", "plain");
    plain.textContent = `“${words}”`;
    plain.ariaLabel = plain.title = `Search for “${words}” as plain words`;
    chip.buttons.push(plain);
  }
  chip.append(...chip.buttons);
  return chip;
}

// A button whose click is sent under the name of its action.
/** @param {string} className @param {string} action @returns {ChipButton} */
function buttonOf(className, action) {
  return Object.assign(element("button", className), { type: /** @type {const} */ ("button"), action });
}

// The next chip gets the focus of one that is removed, so that the keyboard can remove several.
/** @param {HTMLElement} box @param {Chip[]} chips */
function arrange(box, chips) {
  const active = focusIn(box), staying = new Set(/** @type {Element[]} */ (chips));
  const focused = [...box.children].findIndex((chip) => chip.contains(active));
  const isRemoved = focused >= 0 && !staying.has(box.children[focused]);
  for (const chip of [...box.children]) if (!staying.has(chip)) chip.remove();
  chips.forEach((chip, place) => {
    if (box.children[place] !== chip) box.insertBefore(chip, box.children[place] ?? null);
  });
  if (isRemoved) chips[Math.min(focused, chips.length - 1)]?.buttons[0].focus();
}
