// What can be filtered by: folders and places as trees, people, keywords and more of features as lists, and a
// field that finds any of them while it is typed into. A click is sent to Python, which writes the
// filter into the search box, or takes it out again.

import { NO_SERVER, readOperation } from "../shared/ask.js";
import { element, focusIn, icon } from "../shared/dom.js";
import { UnhandledEvents } from "../shared/unhandled_events.js";
import { kindsOf, matching, wordsIn } from "./matching.js";

/** @import { StreamlitComponent } from "../types.d.ts" */
/** @import { Choice, Kind } from "./matching.js" */
/** @typedef {HTMLButtonElement & { choice: Choice }} ChoiceButton */
/** @typedef {{ chosen: [field: string, value: string][], handled: [session: string, handled: number] }} Data */

const MAX_FOUND = 60;

/** @param {HTMLElement & { state?: Choices }} box @param {StreamlitComponent<Data>} component */
export default function (box, { data, setStateValue }) {
  const state = (box.state ??= new Choices(box));
  state.clicks.update(data.handled, (events) => setStateValue("events", events));
  state.show(data);
}

class Choices {
  /** @type {Kind[] | null} */ kinds = null;
  /** @type {Set<string>} */ open = new Set(); // keys of what is unfolded
  /** @type {Set<string>} */ chosen = new Set(); // field and value of each

  /** @param {HTMLElement} box */
  constructor(box) {
    this.clicks = new UnhandledEvents(box);
    this.find = element("input", "find");
    this.find.type = "search";
    this.find.placeholder = "Folder, place, person, keyword or label";
    this.find.ariaLabel = "Find a folder, place, person, keyword or label";
    this.find.autocomplete = "off";
    this.find.oninput = () => this.draw();
    this.list = element("div", "list");
    this.list.role = "group";
    this.list.ariaLabel = "Folders, places, people, keywords and more";
    box.replaceChildren(this.find, this.list);
    box.onkeydown = (event) => this.onKey(event);
    this.load();
  }

  async load() {
    this.say("Loading …");
    const answer = await readOperation("filters/choices");
    if (!answer?.ok) { this.say(`The choices could not be loaded: ${answer ? answer.content : NO_SERVER}`); return; }
    this.kinds = kindsOf(answer.content);
    if (this.kinds.length === 1) this.open.add(this.kinds[0].title);
    for (const { title, choices } of this.kinds) if (choices.length === 1) this.open.add(`${title}\n${choices[0].label}`);
    this.draw();
  }

  /** @param {string} text */
  say(text) { this.list.replaceChildren(element("p", "message", text)); }

  /** @param {Data} data */
  show(data) {
    this.chosen = new Set(data.chosen.map((each) => each.join("\n")));
    for (const button of /** @type {NodeListOf<ChoiceButton>} */ (this.list.querySelectorAll(".choice"))) this.mark(button);
  }

  /** @param {ChoiceButton} button */
  mark(button) { button.ariaPressed = String(this.chosen.has(`${button.choice.field}\n${button.choice.value}`)); }

  draw() {
    if (!this.kinds) return;
    const words = wordsIn(this.find.value);
    this.list.classList.toggle("found", words.length > 0);
    if (words.length) this.drawFound(this.kinds, words);
    else if (!this.kinds.length) this.say("There is nothing to choose yet.");
    else this.list.replaceChildren(...this.kinds.map((kind) => this.kindElement(kind)));
  }

  /** @param {Kind[]} kinds @param {string[]} words */
  drawFound(kinds, words) {
    const found = matching(kinds, words);
    if (!found.length) { this.say("Nothing of this name."); return; }
    const rows = element("ul");
    rows.append(...found.slice(0, MAX_FOUND).map((choice) => {
      const item = element("li");
      item.append(this.choiceButton(choice, true));
      return item;
    }));
    const more = found.length > MAX_FOUND ? [element("p", "message", `The first ${MAX_FOUND} of ${found.length}.`)] : [];
    this.list.replaceChildren(rows, ...more);
  }

  /** @param {Kind} kind */
  kindElement(kind) {
    const part = element("div");
    const heading = element("button", "kind");
    heading.type = "button";
    heading.append(icon(kind.icon), element("span", "name", kind.title));
    part.append(heading);
    return this.foldable(part, heading, kind.title, kind.choices);
  }

  // The rows below are made when they are first unfolded: there may be thousands.
  /** @param {HTMLElement} part @param {HTMLButtonElement} opener @param {string} key @param {Choice[]} choices */
  foldable(part, opener, key, choices) {
    let /** @type {HTMLElement | null} */ rows = null;
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

  /** @param {Choice[]} choices @param {string} above */
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

  /** @param {Choice} choice */
  choiceButton(choice, isFound = false) {
    const button = Object.assign(element("button", "choice"), { choice });
    button.type = "button";
    const name = element("span", "name", choice.label);
    if (isFound) {
      button.append(icon(choice.kind.icon));
      name.append(element("span", "where", [choice.kind.title, ...choice.above].join(" › ")));
    }
    button.append(name, element("span", "photos", choice.photos.toLocaleString("en")));
    button.onclick = () => this.clicks.add(choice.field, choice.value);
    this.mark(button);
    return button;
  }

  // The arrow keys go through what is shown; Tab does as well.
  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const shown = [this.find, ...this.list.querySelectorAll("button")].filter((each) => each.offsetParent !== null);
    const active = focusIn(this.list), place = shown.findIndex((each) => each === active);
    const next = shown[place + (event.key === "ArrowDown" ? 1 : -1)];
    if (place < 0 || !next) return;
    event.preventDefault();
    next.focus();
  }
}


