// What can be filtered by: folders and places as trees, people, keywords and labels as lists, and a
// field that finds any of them while it is typed into. A click is sent to Python, which writes the
// filter into the search box, or takes it out again.

import { ask } from "../shared/ask.js";
import { element, icon } from "../shared/dom.js";
import { UnhandledEvents } from "../shared/unhandled_events.js";

const MAX_FOUND = 60;
const LETTERS = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ł: "l", ı: "i" };

// Without case and accents: "Genève" is found by "geneve".
export const plain = (text) =>
  text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[ßæœøđłı]/g, (letter) => LETTERS[letter]);

const wordsOf = (text) => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);

export default function (box, { data, setStateValue }) {
  const state = (box.state ??= new Choices(box));
  state.clicks.drop(data.handled);
  state.show(data, (choice) => setStateValue("events", state.clicks.add(choice.field, choice.value)));
}

class Choices {
  constructor(box) {
    this.kinds = null;
    this.clicks = new UnhandledEvents();
    this.open = new Set(); // keys of what is unfolded
    this.find = element("input", "find");
    this.find.type = "search";
    this.find.placeholder = "Folder, place, person, keyword or label";
    this.find.ariaLabel = "Find a folder, place, person, keyword or label";
    this.find.autocomplete = "off";
    this.find.oninput = () => this.draw();
    this.list = element("div", "list");
    this.list.role = "group";
    this.list.ariaLabel = "Folders, places, people, keywords and labels";
    box.replaceChildren(this.find, this.list);
    box.onkeydown = (event) => this.onKey(event);
    this.load();
  }

  async load() {
    this.say("Loading …");
    const answer = await ask("/filters/choices");
    if (!answer?.ok) { this.say(`The choices could not be loaded: ${answer ? answer.content : "the page's server does not answer."}`); return; }
    this.kinds = answer.content.map((kind) => ({ ...kind, choices: read(kind.choices, kind, []) }));
    if (this.kinds.length === 1) this.open.add(this.kinds[0].title);
    for (const { title, choices } of this.kinds) if (choices.length === 1) this.open.add(`${title}\n${choices[0].label}`);
    this.draw();
  }

  say(text) { this.list.replaceChildren(element("p", "message", text)); }

  show(data, onClick) {
    this.chosen = new Set(data.chosen.map((each) => each.join("\n")));
    this.onClick = onClick;
    for (const button of this.list.querySelectorAll(".choice")) this.mark(button);
  }

  mark(button) { button.ariaPressed = String(this.chosen.has(`${button.choice.field}\n${button.choice.value}`)); }

  draw() {
    if (!this.kinds) return;
    const words = wordsOf(plain(this.find.value));
    this.list.classList.toggle("found", words.length > 0);
    if (words.length) this.drawFound(words);
    else if (!this.kinds.length) this.say("There is nothing to choose yet.");
    else this.list.replaceChildren(...this.kinds.map((kind) => this.kindElement(kind)));
  }

  drawFound(words) {
    const found = this.kinds.flatMap((kind) => matching(kind.choices, words));
    found.sort((a, b) => b.rank - a.rank || b.choice.photos - a.choice.photos);
    if (!found.length) return this.say("Nothing of this name.");
    const rows = element("ul");
    rows.append(...found.slice(0, MAX_FOUND).map(({ choice }) => {
      const item = element("li");
      item.append(this.choiceButton(choice, true));
      return item;
    }));
    const more = found.length > MAX_FOUND ? [element("p", "message", `The first ${MAX_FOUND} of ${found.length}.`)] : [];
    this.list.replaceChildren(rows, ...more);
  }

  kindElement(kind) {
    const part = element("div");
    const heading = element("button", "kind");
    heading.type = "button";
    heading.append(icon(kind.icon), element("span", "name", kind.title));
    part.append(heading);
    return this.foldable(part, heading, kind.title, kind.choices);
  }

  // The rows below are made when they are first unfolded: there may be thousands.
  foldable(part, opener, key, choices) {
    let rows = null;
    const fold = () => {
      const isOpen = this.open.has(key);
      opener.ariaExpanded = String(isOpen);
      if (isOpen && !rows) part.append(rows = this.rows(choices, key));
      if (rows) rows.hidden = !isOpen;
    };
    opener.onclick = () => { if (!this.open.delete(key)) this.open.add(key); fold(); };
    fold();
    return part;
  }

  rows(choices, above) {
    const rows = element("ul");
    rows.append(...choices.map((choice) => {
      const item = element("li"), row = element("div", "row");
      item.append(row);
      if (!choice.below.length) { row.append(element("span", "leaf"), this.choiceButton(choice)); return item; }
      const opener = element("button", "open");
      opener.type = "button";
      opener.ariaLabel = `In ${choice.label}`;
      opener.append(icon("arrow_right"));
      row.append(opener, this.choiceButton(choice));
      return this.foldable(item, opener, `${above}\n${choice.label}`, choice.below);
    }));
    return rows;
  }

  choiceButton(choice, isFound = false) {
    const button = element("button", "choice");
    button.type = "button";
    button.choice = choice;
    const name = element("span", "name", choice.label);
    if (isFound) {
      button.append(icon(choice.kind.icon));
      name.append(element("span", "where", [choice.kind.title, ...choice.above].join(" › ")));
    }
    button.append(name, element("span", "photos", choice.photos.toLocaleString("en")));
    button.onclick = () => this.onClick(choice);
    this.mark(button);
    return button;
  }

  // The arrow keys go through what is shown; Tab does as well.
  onKey(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const shown = [this.find, ...this.list.querySelectorAll("button")].filter((each) => each.offsetParent !== null);
    const place = shown.indexOf(event.target.getRootNode().activeElement);
    const next = shown[place + (event.key === "ArrowDown" ? 1 : -1)];
    if (place < 0 || !next) return;
    event.preventDefault();
    next.focus();
  }
}

function read(choices, kind, above) {
  return choices.map(([label, field, value, photos, below]) => ({
    label, field, value, photos, kind, above, plain: plain(label), below: read(below, kind, [...above, label]),
  }));
}

// Those in which each word begins a word of the name; a name that begins with them ranks higher.
function matching(choices, words) {
  return choices.flatMap((choice) => {
    const below = matching(choice.below, words);
    const parts = wordsOf(choice.plain);
    if (!words.every((word) => parts.some((part) => part.startsWith(word)))) return below;
    return [{ choice, rank: Number(parts[0].startsWith(words[0])) }, ...below];
  });
}
