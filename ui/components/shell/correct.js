// Corrects the dates and places of photos: a date is set, a camera's clock is set right, the dates in names of files are
// proposed, or a place is named or chosen on a map. Each change is shown before it is made. It is kept in the library, and no photo changes.

import { NO_SERVER, ask, askOperation } from "../shared/ask.js";
import { countOf, element, icon, momentName } from "../shared/dom.js";
import { tray } from "../shared/tray.js";

const AFTER_TYPING_MS = 250;
const MOST_SHOWN = 200; // of the photos of a preview
const MOST_PLACES = 6;
const HOUR_S = 3600;
const KINDS = [["date", "Set a date"], ["shift", "Shift the time"], ["names", "Dates in names"], ["place", "Set a place"]];

export class Correction {
  // `dialog` is filled and shown; `ids` are those of the photos.
  constructor(dialog, ids) {
    this.dialog = dialog;
    this.ids = ids;
    this.asked = 0; // number of the last request, whose answer alone counts
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
    const note = element("p", "correct-note", "What the files state is kept, no photo is changed, and Undo takes it back.");
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

  choose(kind) {
    this.kind = kind;
    [...this.kinds.children].forEach((node, place) => { node.ariaPressed = String(KINDS[place][0] === kind); });
    this.place = null;
    this.map?.close();
    this.map = null;
    this.fields.replaceChildren(...this[`${kind}Fields`]());
    this.fields.querySelector("input")?.focus();
    this.show();
  }

  // ---------------------------------------------------------------- what is asked

  dateFields() {
    this.date = field("Date", "1974, summer 1974, 07.1974, 1974-07-15 or 1974-07-15 14:30", () => this.showSoon());
    return [this.date.label, element("p", "correct-note", "Give it as exactly as you know it. A year, a season or a month is sorted and found by its beginning.")];
  }

  shiftFields() {
    this.direction = element("select");
    this.direction.append(new Option("later", "1"), new Option("earlier", "-1"));
    Object.assign(this.direction, { ariaLabel: "Later or earlier", onchange: () => this.showSoon() });
    this.parts = [["days", 24 * HOUR_S], ["hours", HOUR_S], ["minutes", 60]].map(([name, seconds]) => {
      const input = element("input");
      Object.assign(input, { type: "number", min: "0", step: "any", value: name === "hours" ? "1" : "0", oninput: () => this.showSoon() });
      input.inputMode = "decimal";
      const label = element("label", "correct-part");
      label.append(input, element("span", "", name));
      return { label, input, seconds };
    });
    const row = element("div", "correct-row");
    row.append(...this.parts.map(({ label }) => label), this.direction);
    return [element("p", "correct-note", "For a camera whose clock was wrong. Photos that state no date are left alone."), row];
  }

  namesFields() {
    return [element("p", "correct-note", "Proposals only: dates that were found in the names of files and folders of photos that state none. Look through them, and take out what is wrong.")];
  }

  placeFields() {
    this.town = field("Town, or a point such as 48.85,2.35", "Lisbon", () => { this.place = null; this.suggestSoon(); });
    this.suggestions = element("div", "choice-list");
    Object.assign(this.suggestions, { role: "group", ariaLabel: "Places of this name" });
    this.suggestions.onkeydown = (event) => this.onSuggestionKey(event);
    this.town.input.onkeydown = (event) => {
      if (event.key !== "ArrowDown" || !this.suggestions.firstElementChild) return;
      event.preventDefault();
      this.suggestions.firstElementChild.focus();
    };
    const map = element("div", "place-map");
    this.showMap(map);
    return [this.town.label, this.suggestions, map, element("p", "correct-note", "It takes the place of the town, the region and the country that a file states.")];
  }

  async showMap(node) {
    const { PlaceMap } = await import("./place_map.js");
    if (!node.isConnected) return; // another kind was chosen meanwhile
    this.map = new PlaceMap(node, (lat, lon) => this.choosePoint(lat, lon));
    await this.map.show();
  }

  // A point that was clicked on the map.
  choosePoint(lat, lon) {
    const point = `${lat.toFixed(5)},${lon.toFixed(5)}`;
    this.town.input.value = point;
    this.choosePlace(point, true);
  }

  choosePlace(place, isOnMap = false) {
    Object.assign(this, { place, isOnMap });
    this.suggestions.replaceChildren();
    this.show();
  }

  onSuggestionKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], nodes = [...this.suggestions.children];
    if (!step) return;
    event.preventDefault();
    (nodes[nodes.indexOf(event.target) + step] ?? this.town.input).focus();
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
    const answer = await ask(`/operations/corrections/places?${new URLSearchParams({ text, k: MOST_PLACES })}`);
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

  // The request for what becomes of the photos; null where nothing is said yet.
  get asking() {
    if (this.kind === "place") return this.place ? { place: this.place } : null;
    if (this.kind === "date") return this.date.input.value.trim() ? { date: this.date.input.value.trim() } : null;
    if (this.kind === "names") return { from_names: true };
    const seconds = this.parts.reduce((sum, { input, seconds: each }) => sum + Number(input.value) * each, 0);
    return seconds ? { shift_s: seconds * Number(this.direction.value) } : null;
  }

  clearPreview() {
    this.planned = [];
    this.problem.textContent = this.told.textContent = "";
    this.preview.replaceChildren();
    this.preview.hidden = true;
  }

  async show() {
    clearTimeout(this.timer); // a suggestion that is due would outdate this request
    const number = (this.asked += 1);
    this.clearPreview();
    this.allow("");
    if (!this.asking) return;
    const path = this.kind === "place" ? "corrections/plan-place" : "corrections/plan";
    const answer = await askOperation(path, { photo_ids: this.numbers, ...this.asking });
    if (number !== this.asked) return; // another was asked for meanwhile
    if (!answer?.ok) { this.problem.textContent = answer ? answer.content : NO_SERVER; return; }
    this.planned = answer.content;
    this.accepted = new Set(this.planned.map(({ photo_id: id }) => id));
    this.told.textContent = this.summary();
    this.preview.hidden = !this.planned.length;
    this.preview.replaceChildren(...this.planned.slice(0, MOST_SHOWN).map((each) => this.row(each)));
    const rest = this.planned.length - MOST_SHOWN;
    if (rest > 0) this.preview.append(element("p", "correct-note", `and ${rest.toLocaleString("en")} more`));
    this.allowPlanned();
    if (this.kind === "place" && this.planned.length && !this.isOnMap) this.map?.goTo(this.planned[0].after.lat, this.planned[0].after.lon);
  }

  summary() {
    const others = this.ids.length - this.planned.length;
    const why = { date: "have this date already", shift: "state no date that could be shifted", names: "state a date, or have none in a name",
      place: "have this place already" }[this.kind];
    if (!this.planned.length) return { date: "These photos have this date already.", shift: "None of these photos states a date that could be shifted.",
      names: "No date was found in the names of these photos.", place: "These photos have this place already." }[this.kind];
    return others ? `${countOf(others)} ${others === 1 ? why.replace("state", "states").replace("have", "has") : why}.` : "";
  }

  row({ photo_id: id, path, before, before_precision: exactness, dated_by: source, after, precision, because }) {
    const row = element("label", "correct-change"), text = element("span", "correct-text"), name = element("span", "name", path.split("/").slice(-2).join("/"));
    const isPlace = this.kind === "place", said = isPlace ? placeName : momentName;
    const change = element("span", "correct-dates", `${said(before, exactness)}${source === "file" ? " (date of the file)" : ""} → `);
    change.append(element("strong", "", said(after, precision)));
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
    const number = this.accepted.size, photos = countOf(number);
    this.allow(number ? { place: `Set the place of ${photos}`, date: `Set the date of ${photos}`, shift: `Shift ${photos}`, names: `Accept ${number.toLocaleString("en")} proposal${number === 1 ? "" : "s"}` }[this.kind] : "");
  }

  // The button says what it does; without a text it can do nothing yet.
  allow(text) {
    this.submit.disabled = !text;
    this.submit.textContent = text || { date: "Set the date", shift: "Shift", names: "Accept", place: "Set the place" }[this.kind];
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
    const dates = this.planned.filter(({ photo_id: id }) => this.accepted.has(id)).map(({ photo_id, after, precision }) => ({ photo_id, taken_at: after, precision }));
    this.send("corrections/dates", { dates });
  }

  takeBack() { this.send("corrections/forget", { photo_ids: this.numbers }); }

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

// The names of a place, else its coordinates.
function placeName(place) {
  if (!place) return "no place";
  const names = [...new Set([place.town && place.near_town ? `near ${place.town}` : place.town, place.region, place.country])].filter(Boolean);
  return names.join(", ") || `${place.lat.toFixed(5)}, ${place.lon.toFixed(5)}`;
}

function field(name, placeholder, onInput) {
  const label = element("label", "correct-field"), input = element("input");
  Object.assign(input, { type: "text", placeholder, autocomplete: "off", maxLength: 200, oninput: onInput });
  label.append(element("span", "", name), input);
  return { label, input };
}
