// The filters of the query. A click on a button is sent to Python, which changes the search box. Words that stand
// for a filter have two: one removes them, the other takes them as plain words.

import { element } from "../shared/dom.js";
import { UnhandledEvents } from "../shared/unhandled_events.js";

export default function (box, { data, setStateValue }) {
  const clicks = (box.clicks ??= new UnhandledEvents());
  clicks.drop(data.handled);
  box.role = "group";
  box.ariaLabel = "Filters of this search";
  const chips = chipsOf(box, data.chips);
  chips.forEach((chip, place) => {
    const { name } = data.chips[place];
    for (const button of chip.buttons) button.onclick = () => setStateValue("events", clicks.add(button.action, name));
  });
  arrange(box, chips);
}

// The chips that are there are used again: a button may have the focus, or be pressed just now.
function chipsOf(box, chips) {
  const there = [...box.children];
  return chips.map((data) => {
    const key = `${data.kind}\n${data.name}\n${data.label}`, place = there.findIndex((chip) => chip.key === key);
    return place >= 0 ? there.splice(place, 1)[0] : chipOf(data, key);
  });
}

function chipOf({ kind, words, label, help }, key) {
  const chip = element("span", `chip ${kind}`), remove = element("button", "remove"), icon = element("span", "icon", "close");
  icon.ariaHidden = "true";
  remove.append(icon, element("span", "", label));
  Object.assign(remove, { type: "button", title: help, action: kind });
  Object.assign(chip, { key, buttons: [remove] });
  if (kind === "words") {
    chip.role = "group";
    chip.ariaLabel = `“${words}” is understood as ${label}`;
    remove.ariaLabel = `Remove ${label}, understood from “${words}”`;
    const plain = element("button", "plain", `“${words}”`);
    plain.ariaLabel = plain.title = `Search for “${words}” as plain words`;
    Object.assign(plain, { type: "button", action: "plain" });
    chip.buttons.push(plain);
  }
  chip.append(...chip.buttons);
  return chip;
}

// The next chip gets the focus of one that is removed, so that the keyboard can remove several.
function arrange(box, chips) {
  const active = box.getRootNode().activeElement;
  const focused = [...box.children].findIndex((chip) => chip.contains(active));
  const isRemoved = focused >= 0 && !chips.includes(box.children[focused]);
  for (const chip of [...box.children]) if (!chips.includes(chip)) chip.remove();
  chips.forEach((chip, place) => {
    if (box.children[place] !== chip) box.insertBefore(chip, box.children[place] ?? null);
  });
  if (isRemoved) chips[Math.min(focused, chips.length - 1)]?.buttons[0].focus();
}
