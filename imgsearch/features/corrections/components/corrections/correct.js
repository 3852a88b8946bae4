// Corrects the dates and places of photos: a date is set, a camera's clock is set right, the dates in names of files are
// proposed, or a place is named or chosen on a map. Each change is shown before it is made. It is kept in the library, and no photo changes.

import { NO_SERVER, askOperation, readOperation } from "../shared/ask.js";
import { countOf, element, find, icon, momentName, placeName } from "../shared/dom.js";
import { actionText, stayingText } from "./correction_texts.js";
import { tray } from "../shared/tray.js";

/** @import { PlannedDate, PlannedPlace, PostOperations } from "../operations.d.ts" */
/** @import { ChangePath } from "../shared/tray.js" */
/** @import { PlaceMap } from "./place_map.js" */
/** @import { Kind } from "./correction_texts.js" */
/** @typedef {PlannedDate | PlannedPlace} Planned */
/** @typedef {ReturnType<typeof field>} Field */

const AFTER_TYPING_MS = 250;
const MOST_SHOWN = 200; // of the photos of a preview
const MOST_PLACES = 6;
const HOUR_S = 3600;
/** @type {[name: string, seconds: number][]} */
const PARTS = [["days", 24 * HOUR_S], ["hours", HOUR_S], ["minutes", 60]]; // of a shift
/** @type {[Kind, string][]} */
const KINDS = [["date", "Set a date"], ["shift", "Shift the time"], ["names", "Dates in names"], ["place", "Set a place"]];

export class Correction {
  /** @type {Kind} */ kind = "date";
  /** @type {string | null} */ place = null; // a point or the name of a town, once it is chosen
  /** @type {PlaceMap | null} */ map = null;
  /** @type {PlannedDate[]} */ plannedDates = [];
  /** @type {PlannedPlace[]} */ plannedPlaces = [];
  /** @type {Set<number>} */ accepted = new Set(); // ids
  /** @type {{ label: HTMLElement, input: HTMLInputElement, seconds: number }[]} */ parts = []; // of a shift
  isOnMap = false;
  timer = 0;

  // `dialog` is filled and shown; `ids` are those of the photos.
  /** @param {HTMLDialogElement} dialog @param {string[]} ids */
  constructor(dialog, ids) {
    this.dialog = dialog;
    this.ids = ids;
    this.asked = 0; // number of the last request, whose answer alone counts
    this.date = field("Date", "1974, summer 1974, 07.1974, 1974-07-15 or 1974-07-15 14:30", () => this.showSoon());
    this.town = field("Town, or a point such as 48.85,2.35", "Lisbon", () => { this.place = null; this.suggestSoon(); });
    this.direction = element("select");
    this.suggestions = element("div", "choice-list");
    const heading = element("h2", "", `Date or place of ${countOf(ids.length)}`);
    heading.id = "question";
    this.kinds = element("div", "correct-kinds");
    Object.assign(this.kinds, { role: "group", ariaLabel: "What to correct" });
    for (const [kind, label] of KINDS) {
      const choice = element("button", "", label);
      Object.assign(choice, { type: "button", onclick: () => this.choose(kind) });
      this.kinds.append(choice);
    }
    this.form = element("form", "correct");
    this.preview = element("div", "correct-preview");
    this.preview.tabIndex = 0; // it scrolls
    this.preview.role = "group";
    this.preview.ariaLabel = "What becomes of the photos";
    this.told = element("p", "correct-told");
    this.told.role = "status";
    this.problem = element("p", "problem");
    this.problem.role = "alert";
    this.submit = element("button", "correct-submit");
    this.submit.type = "submit";
    this.forget = element("button", "", "");
    Object.assign(this.forget, { type: "button", hidden: true, onclick: () => this.takeBack() });
    const close = element("button", "", "Cancel"), end = element("div", "correct-end");
    Object.assign(close, { type: "button", onclick: () => this.dialog.close() });
    end.append(this.submit, close, this.forget);
    this.fields = element("div", "correct-fields");
    this.form.append(this.fields, this.told, this.preview, this.problem, end);
    this.form.onsubmit = (event) => { event.preventDefault(); this.make(); };
    const note = element("p", "note", "What the files state is kept, no photo is changed, and Undo takes it back.");
    this.dialog.classList.add("wide");
    this.dialog.replaceChildren(heading, this.kinds, this.form, note);
    this.dialog.addEventListener("close", () => {
      this.dialog.classList.remove("wide");
      clearTimeout(this.timer);
      this.asked += 1;
      this.map?.close();
    }, { once: true });
    if (!this.dialog.open) this.dialog.showModal();
    this.choose("date");
    this.askCorrected();
  }

  get numbers() { return this.ids.map(Number); }

  /** @param {Kind} kind */
  choose(kind) {
    this.kind = kind;
    [...this.kinds.children].forEach((node, place) => { node.ariaPressed = String(KINDS[place][0] === kind); });
    this.place = null;
    this.map?.close();
    this.map = null;
    const fields = { date: () => this.dateFields(), shift: () => this.shiftFields(), names: () => this.namesFields(), place: () => this.placeFields() };
    this.fields.replaceChildren(...fields[kind]());
    this.fields.querySelector("input")?.focus();
    this.show();
  }

  // ---------------------------------------------------------------- what is asked

  dateFields() {
    this.date.input.value = "";
    return [this.date.label, element("p", "note", "Give it as exactly as you know it. A year, a season or a month is sorted and found by its beginning.")];
  }

  shiftFields() {
    this.direction.replaceChildren(new Option("later", "1"), new Option("earlier", "-1"));
    Object.assign(this.direction, { ariaLabel: "Later or earlier", onchange: () => this.showSoon() });
    this.parts = PARTS.map(([name, seconds]) => {
      const input = element("input");
      Object.assign(input, { type: "number", min: "0", step: "any", value: name === "hours" ? "1" : "0", oninput: () => this.showSoon() });
      input.inputMode = "decimal";
      const label = element("label", "correct-part");
      label.append(input, element("span", "", name));
      return { label, input, seconds };
    });
    const row = element("div", "correct-row");
    row.append(...this.parts.map(({ label }) => label), this.direction);
    return [element("p", "note", "For a camera whose clock was wrong. Photos that state no date are left alone."), row];
  }

  namesFields() {
    return [element("p", "note", "Proposals only: dates that were found in the names of files and folders of photos that state none. Look through them, and take out what is wrong.")];
  }

  placeFields() {
    this.town.input.value = "";
    this.suggestions.replaceChildren();
    Object.assign(this.suggestions, { role: "group", ariaLabel: "Places of this name" });
    this.suggestions.onkeydown = (event) => this.onSuggestionKey(event);
    this.town.input.onkeydown = (event) => {
      const first = find(this.suggestions, "button");
      if (event.key !== "ArrowDown" || !first) return;
      event.preventDefault();
      first.focus();
    };
    const map = element("div", "place-map");
    this.showMap(map);
    return [this.town.label, this.suggestions, map, element("p", "note", "It takes the place of the town, the region and the country that a file states.")];
  }

  /** @param {HTMLElement} node */
  async showMap(node) {
    const { PlaceMap } = await import("./place_map.js");
    if (!node.isConnected) return; // another kind was chosen meanwhile
    this.map = new PlaceMap(node, (lat, lon) => this.choosePoint(lat, lon));
    await this.map.show();
  }

  // A point that was clicked on the map.
  /** @param {number} lat @param {number} lon */
  choosePoint(lat, lon) {
    const point = `${lat.toFixed(5)},${lon.toFixed(5)}`;
    this.town.input.value = point;
    this.choosePlace(point, true);
  }

  /** @param {string} place @param {boolean} [isOnMap] */
  choosePlace(place, isOnMap = false) {
    Object.assign(this, { place, isOnMap });
    this.suggestions.replaceChildren();
    this.show();
  }

  /** @param {KeyboardEvent} event */
  onSuggestionKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], nodes = [...this.suggestions.querySelectorAll("button")];
    if (!step) return;
    event.preventDefault();
    (nodes[nodes.findIndex((node) => node === event.target) + step] ?? this.town.input).focus();
  }

  // ---------------------------------------------------------------- what becomes of each photo

  showSoon() {
    this.asked += 1;
    this.submit.disabled = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(), AFTER_TYPING_MS);
  }

  suggestSoon() {
    this.asked += 1;
    this.clearPreview();
    this.allow(this.town.input.value.trim() ? `Show what becomes of ${countOf(this.ids.length)}` : "");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.suggest(), AFTER_TYPING_MS);
  }

  async suggest() {
    const text = this.town.input.value.trim(), number = (this.asked += 1);
    if (text.length < 2 || /^[-\d.]/.test(text)) { this.suggestions.replaceChildren(); return; }
    const answer = await readOperation("corrections/places", { text, k: MOST_PLACES });
    if (number !== this.asked) return;
    if (!answer?.ok) { this.problem.textContent = answer ? answer.content : NO_SERVER; return; }
    this.suggestions.replaceChildren(...answer.content.map((place) => {
      const name = [...new Set([place.town, place.region, place.country])].filter(Boolean).join(", "), choice = element("button", "choice");
      choice.type = "button";
      choice.append(element("span", "name", name));
      choice.onclick = () => {
        this.town.input.value = name;
        this.town.input.focus();
        this.choosePlace(`${place.lat},${place.lon}`);
      };
      return choice;
    }));
  }

  // The request for what becomes of the dates of the photos; null where nothing is said yet.
  get asking() {
    if (this.kind === "date") return this.date.input.value.trim() ? { date: this.date.input.value.trim() } : null;
    if (this.kind === "names") return { from_names: true };
    const seconds = this.parts.reduce((sum, { input, seconds: each }) => sum + Number(input.value) * each, 0);
    return seconds ? { shift_s: seconds * Number(this.direction.value) } : null;
  }

  clearPreview() {
    this.plannedDates = [];
    this.plannedPlaces = [];
    this.problem.textContent = this.told.textContent = "";
    this.preview.replaceChildren();
    this.preview.hidden = true;
  }

  async show() {
    clearTimeout(this.timer); // a suggestion that is due would outdate this request
    const number = (this.asked += 1);
    this.clearPreview();
    this.allow("");
    const answer = await this.plan();
    if (number !== this.asked || answer === undefined) return; // another was asked for meanwhile, or nothing is said yet
    if (!answer?.ok) { this.problem.textContent = answer ? answer.content : NO_SERVER; return; }
    this.accepted = new Set(this.planned.map(({ photo_id: id }) => id));
    this.told.textContent = stayingText(this.kind, this.ids.length, this.planned.length);
    this.preview.hidden = !this.planned.length;
    this.preview.replaceChildren(...this.planned.slice(0, MOST_SHOWN).map((each) => this.row(each)));
    const rest = this.planned.length - MOST_SHOWN;
    if (rest > 0) this.preview.append(element("p", "note", `and ${rest.toLocaleString("en")} more`));
    this.allowPlanned();
    const [place] = this.plannedPlaces;
    if (place && !this.isOnMap) this.map?.goTo(place.after.lat, place.after.lon);
  }

  // Asks what becomes of the photos; undefined where nothing is said yet. The last answer stays as the plan.
  async plan() {
    const number = this.asked, asked = { photo_ids: this.numbers };
    if (this.kind === "place") {
      if (!this.place) return undefined;
      const answer = await askOperation("corrections/plan-place", { ...asked, place: this.place });
      if (answer?.ok && number === this.asked) this.plannedPlaces = answer.content;
      return answer;
    }
    if (!this.asking) return undefined;
    const answer = await askOperation("corrections/plan", { ...asked, ...this.asking });
    if (answer?.ok && number === this.asked) this.plannedDates = answer.content;
    return answer;
  }

  /** @returns {Planned[]} */
  get planned() { return this.kind === "place" ? this.plannedPlaces : this.plannedDates; }

  /** @param {Planned} planned */
  row(planned) {
    const { photo_id: id, path, because = "" } = { because: "", ...planned };
    const row = element("label", "correct-change"), text = element("span", "correct-text"), name = element("span", "name", path.split("/").slice(-2).join("/"));
    const [before, after] = namesOf(planned), change = element("span", "correct-dates", `${before} → `);
    change.append(element("strong", "", after));
    text.append(name, change, ...(because ? [element("span", "because", because)] : []));
    if (this.kind === "names") {
      const box = element("input");
      Object.assign(box, { type: "checkbox", checked: true });
      box.onchange = () => { if (box.checked) this.accepted.add(id); else this.accepted.delete(id); this.allowPlanned(); };
      row.append(box);
    }
    row.append(text);
    return row;
  }

  allowPlanned() {
    const number = this.accepted.size;
    this.allow(number ? actionText(this.kind, number) : "");
  }

  // The button says what it does; without a text it can do nothing yet.
  /** @param {string} text */
  allow(text) {
    this.submit.disabled = !text;
    this.submit.textContent = text || actionText(this.kind);
  }

  // ---------------------------------------------------------------- changes

  make() {
    if (this.submit.disabled) return;
    if (this.kind === "place") {
      // What was typed is looked up first, so that nobody sets another town of that name.
      if (!this.place) this.choosePlace(this.town.input.value.trim());
      else this.send("corrections/place", { photo_ids: this.planned.map(({ photo_id }) => photo_id), place: this.place });
      return;
    }
    const dates = this.plannedDates.filter(({ photo_id: id }) => this.accepted.has(id)).map(({ photo_id, after, precision }) => ({ photo_id, taken_at: after, precision }));
    this.send("corrections/dates", { dates });
  }

  takeBack() { this.send("corrections/forget", { photo_ids: this.numbers }); }

  /** @template {ChangePath} Path @param {Path} path @param {PostOperations[Path]["request"]} body */
  async send(path, body) {
    this.form.inert = true;
    const answer = await tray.change(path, body);
    this.form.inert = false;
    if (!answer?.ok) { this.problem.textContent = answer ? answer.content : NO_SERVER; return; }
    this.dialog.close();
    tray.say(answer);
    tray.changedPhotos();
  }

  // What was corrected before can be taken back.
  async askCorrected() {
    const answer = await askOperation("corrections/of", { photo_ids: this.numbers });
    const number = answer?.ok ? Object.keys(answer.content).length : 0;
    this.forget.hidden = !number;
    this.forget.replaceChildren(icon("undo"), element("span", "", `Take back what was corrected in ${countOf(number)}`));
  }
}

// What a photo has now, and what it would get.
/** @param {Planned} planned @returns {[before: string, after: string]} */
function namesOf(planned) {
  if (!("precision" in planned)) return [placeName(planned.before), placeName(planned.after)];
  const before = momentName(planned.before, planned.before_precision), after = momentName(planned.after, planned.precision);
  return [`${before}${planned.dated_by === "file" ? " (date of the file)" : ""}`, after];
}

/** @param {string} name @param {string} placeholder @param {() => void} onInput */
function field(name, placeholder, onInput) {
  const label = element("label", "correct-field"), input = element("input");
  Object.assign(input, { type: "text", placeholder, autocomplete: "off", maxLength: 200, oninput: onInput });
  label.append(element("span", "", name), input);
  return { label, input };
}
