// The same thing over time: one row a thing, one picture of each year or month, gaps as gaps. The first row is what is
// searched for; others are added here, and kept in the address.

import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, ask } from "../shared/ask.js";
import { countOf, element, textButton } from "../shared/dom.js";
import { mount } from "../shared/page.js";
import { showPicture } from "../shared/picture.js";
import { OTHER_PHOTOS, tray } from "../shared/tray.js";
import { columnsOf, nameOf, shortNameOf } from "./periods.js";

/** @import { Parameters, Response } from "../types.d.ts" */
/** @import { By, Column, Period } from "./periods.js" */
/** @typedef {{ title: string, search: Parameters }} Data */
/** @typedef {{ key: string, title: string, search: Parameters, line?: string, periods: Period[] | null, problem: string }} Row: periods are null until they have come; a row that was added has its line */

/** @type {[By, string][]} */
const PERIODS = [["year", "Years"], ["month", "Months"]];
const FILES = [["jpg", "Picture", "all side by side, JPEG"], ["webp", "Animation", "one after the other, WebP"], ["mp4", "Video", "one after the other, MP4"]];
const MOST_ROWS = 12;

/** @param {string} text @param {(() => void) | null} act @param {string} [sign] */
const button = (text, act, sign) => textButton(text, act, sign, "button");

class Strips {
  /** @type {Row[]} */ rows = [];
  loads = 0;

  /** @param {HTMLElement} box @param {Data} data */
  constructor(box, data) {
    this.data = data;
    const given = new URLSearchParams(location.search);
    this.box = box;
    this.path = location.pathname;
    /** @type {By} */
    this.by = given.get("by") === "month" ? "month" : "year";
    this.added = [...new Set(given.getAll("row"))].slice(0, MOST_ROWS);
    this.bar = element("div", "bar");
    this.lengths = element("div", "lengths");
    Object.assign(this.lengths, { role: "group", ariaLabel: "One picture for each" });
    for (const [by, label] of PERIODS) this.lengths.append(button(label, () => this.choose(by)));
    this.form = element("form", "add");
    this.field = element("input");
    Object.assign(this.field, { type: "text", placeholder: "our house, person:Anna, the old oak", ariaLabel: "Another thing", autocomplete: "off", maxLength: 500 });
    const add = button("Add a row", null, "add");
    add.type = "submit";
    this.form.append(this.field, add);
    this.form.onsubmit = (event) => { event.preventDefault(); this.add(this.field.value.trim()); };
    this.bar.append(this.lengths, this.form);
    this.scroller = element("div", "scroller");
    Object.assign(this.scroller, { tabIndex: 0, role: "region", ariaLabel: "Over time" });
    this.dialog = element("dialog");
    this.dialog.setAttribute("aria-labelledby", "save");
    this.dialog.onclick = (event) => { if (event.target === this.dialog) this.dialog.close(); }; // beside it
    box.replaceChildren(this.bar, this.scroller, this.dialog);
    this.reload = () => this.load();
    tray.addEventListener(OTHER_PHOTOS, this.reload);
  }

  close() { tray.removeEventListener(OTHER_PHOTOS, this.reload); }

  /** @param {Data} data */
  update(data) {
    const isSame = this.loads > 0 && JSON.stringify(this.data) === JSON.stringify(data);
    this.data = data;
    this.remember(); // another search has taken the rows out of the address
    if (!isSame) this.load();
  }

  // Keep the rows in the address of this view, without a new entry in the history.
  remember() {
    if (location.pathname !== this.path) return;
    const address = new URL(location.href);
    address.searchParams.delete("row");
    for (const line of this.added) address.searchParams.append("row", line);
    if (this.by === "month") address.searchParams.set("by", "month"); else address.searchParams.delete("by");
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }

  /** @param {By} by */
  choose(by) {
    this.by = by;
    this.remember();
    this.load();
  }

  /** @param {string} line */
  add(line) {
    if (!line || this.added.includes(line) || this.added.length >= MOST_ROWS) return;
    this.added.push(line);
    this.field.value = "";
    this.remember();
    this.load();
  }

  /** @param {string} line */
  remove(line) {
    this.added = this.added.filter((each) => each !== line);
    this.remember();
    this.load();
    this.field.focus();
  }

  // ---------------------------------------------------------------- rows

  async load() {
    [...this.lengths.children].forEach((node, place) => { node.ariaPressed = String(PERIODS[place][0] === this.by); });
    const number = (this.loads += 1), known = new Map(this.rows.map((row) => [row.key, row]));
    const /** @type {Pick<Row, "title" | "search" | "line">[]} */ wanted = [{ title: this.data.title, search: this.data.search }, ...this.added.map((line) => ({ title: line, search: { q: line }, line }))];
    this.rows = wanted.map((row) => {
      const key = JSON.stringify([row.search, this.by, row.line]);
      return { ...row, key, periods: known.get(key)?.periods ?? null, problem: "" };
    });
    this.draw();
    await Promise.all(this.rows.map(async (row) => {
      /** @type {Response<Period[]> | null} */
      const answer = await ask(`/over-time/strip?${this.parametersOf(row)}`, { cache: "no-store" });
      if (number !== this.loads || !this.box.isConnected) return; // asked again meanwhile
      if (answer?.ok) row.periods = answer.content; else { row.periods = []; row.problem = answer ? answer.content : NO_SERVER; }
      this.draw();
    }));
  }

  /** @param {Row} row */
  parametersOf(row) { return new URLSearchParams({ ...row.search, by: this.by }); }

  draw() {
    const columns = columnsOf(this.rows.map(({ periods }) => periods ?? []), this.by), left = this.scroller.scrollLeft;
    this.scroller.style.setProperty("--columns", columns.map(({ isGap }) => (isGap ? "var(--gap)" : "var(--cell)")).join(" "));
    this.scroller.replaceChildren(...this.rows.map((row) => this.row(row, columns)));
    this.scroller.scrollLeft = left;
  }

  /** @param {Row} row @param {Column[]} columns */
  row(row, columns) {
    const part = element("section", "row"), head = element("div", "head"), heading = element("h2", "", row.title);
    part.ariaLabel = row.title;
    head.append(heading);
    const all = (row.periods ?? []).reduce((sum, { photos }) => sum + photos, 0);
    const about = row.problem || (row.periods === null ? "Looking …" : all ? countOf(all) : "No photo with a date of its own was found.");
    const status = element("span", row.problem ? "problem" : "about", about);
    status.role = "status";
    head.append(status);
    if (all) { head.append(button("Save the filmstrip", () => this.askFile(row), "download")); }
    const { line } = row;
    if (line) { const remove = button("Remove", () => this.remove(line), "close"); remove.ariaLabel = `Remove ${row.title}`; head.append(remove); }
    part.append(head);
    if (!all) return part;
    const list = element("ol", "cells"), byPeriod = new Map(row.periods?.map((each) => [each.period, each]));
    list.append(...columns.map(({ periods, isGap }) => this.cell(row, byPeriod.get(periods[0]), periods, isGap)));
    list.onkeydown = (event) => moveFocus(event, [...list.querySelectorAll("a")]);
    part.append(list);
    return part;
  }

  /** @param {Row} row @param {Period | undefined} found @param {string[]} periods @param {boolean} isGap */
  cell(row, found, periods, isGap) {
    const cell = element("li", "cell"), first = nameOf(periods[0]), last = nameOf(periods[periods.length - 1]);
    if (!found?.id) {
      const words = isGap && periods.length > 1 ? `${first} – ${last}` : first;
      cell.classList.add("gap");
      cell.title = `${words}: no photos`;
      cell.append(element("span", "unseen", `${words}: no photos`));
      const hole = element("span", "hole"), label = element("span", "period", isGap ? "" : shortNameOf(periods[0]));
      hole.ariaHidden = label.ariaHidden = "true";
      if (isGap) hole.textContent = [...new Set([shortNameOf(periods[0]), shortNameOf(periods[periods.length - 1])])].join(" – ");
      cell.append(hole, label);
      return cell;
    }
    const link = element("a"), image = element("img");
    Object.assign(image, { alt: "", loading: "lazy", draggable: false });
    showPicture(image, found.src, () => image.replaceWith(element("span", "hole", "No preview available")));
    link.href = found.address;
    link.ariaLabel = `${row.title}, ${first}: ${countOf(found.photos)}`;
    link.title = `All of ${first}: ${countOf(found.photos)}`;
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(found.address); } };
    link.append(image, element("span", "period", shortNameOf(found.period)), element("span", "count", countOf(found.photos)));
    cell.append(link);
    return cell;
  }

  // ---------------------------------------------------------------- the filmstrip

  /** @param {Row} row */
  askFile(row) {
    const heading = element("h2", "", `Filmstrip of ${row.title}`), choices = element("div", "files"), problem = element("p", "problem");
    heading.id = "save";
    problem.role = "alert";
    for (const [kind, name, about] of FILES) {
      const choice = button(name, async () => {
        problem.textContent = "";
        this.dialog.inert = true;
        problem.textContent = "One moment …";
        const refusal = await this.save(row, kind);
        this.dialog.inert = false;
        problem.textContent = refusal;
        if (!refusal) this.dialog.close();
      });
      choice.append(element("span", "about", about));
      choices.append(choice);
    }
    this.dialog.replaceChildren(heading, choices, problem, button("Cancel", () => this.dialog.close()));
    this.dialog.showModal();
  }

  // Returns why it is not possible, else nothing.
  /** @param {Row} row @param {string} kind */
  async save(row, kind) {
    const answer = await fetch(`/over-time/filmstrip?${this.parametersOf(row)}&kind=${kind}`).catch(() => null);
    if (!answer?.ok) return answer ? answer.text() : NO_SERVER;
    const link = element("a"), address = URL.createObjectURL(await answer.blob());
    Object.assign(link, { href: address, download: `filmstrip.${kind}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    return "";
  }
}

export default mount(Strips);

/** @param {KeyboardEvent} event @param {HTMLElement[]} links */
function moveFocus(event, links) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], place = links.findIndex((link) => link === event.target);
  const next = step && place >= 0 ? links[place + step] : { Home: links[0], End: links.at(-1) }[event.key];
  if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  next.focus();
}
