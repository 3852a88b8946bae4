// The filters of the query. A click on one is sent to Python, which takes it out of the search box.

import { element } from "../shared/dom.js";
import { UnhandledEvents } from "../shared/unhandled_events.js";

export default function (box, { data, setStateValue }) {
  const clicks = (box.clicks ??= new UnhandledEvents());
  clicks.drop(data.handled);
  box.role = "group";
  box.ariaLabel = "Filters of this search";
  const buttons = chipButtons(box, data.chips);
  buttons.forEach((button, place) => {
    const { kind, name } = data.chips[place];
    button.onclick = () => setStateValue("events", clicks.add(kind, name));
  });
  arrange(box, buttons);
}

// The buttons that are there are used again: one may have the focus, or be pressed just now.
function chipButtons(box, chips) {
  const there = [...box.children];
  return chips.map(({ kind, name, label, help }) => {
    const key = `${kind}\n${name}`, place = there.findIndex((button) => button.key === key);
    if (place >= 0) return there.splice(place, 1)[0];
    const button = element("button", kind), icon = element("span", "icon", "close");
    button.type = "button";
    button.key = key;
    button.title = help;
    icon.ariaHidden = "true";
    button.append(icon, element("span", "", label));
    return button;
  });
}

// The next chip gets the focus of one that is removed, so that the keyboard can remove several.
function arrange(box, buttons) {
  const focused = [...box.children].indexOf(box.getRootNode().activeElement);
  const isRemoved = focused >= 0 && !buttons.includes(box.children[focused]);
  for (const button of [...box.children]) if (!buttons.includes(button)) button.remove();
  buttons.forEach((button, place) => {
    if (box.children[place] !== button) box.insertBefore(button, box.children[place] ?? null);
  });
  if (isRemoved) buttons[Math.min(focused, buttons.length - 1)]?.focus();
}
