// One event: its title, which can be changed in place, its way on a map, and its photos in order of time. Python says
// which event it is; its photos are asked of the library.

import { PhotoGrid } from "../grid/photo_grid.js";
import { layOutBlocks, layOutDays } from "../grid/layout.js";
import { addressOfEvent } from "../events/addresses.js";
import { hoursOf, spanOf } from "../events/times.js";
import { dayHeadings, dayOf } from "../grid/headings.js";
import { chosenView, tilingOf } from "../grid/view.js";
import { isPlainClick, leave, normalized, visit } from "../history/history.js";
import { NO_SERVER, askOperation } from "../shared/ask.js";
import { countOf, dayName, element, find, icon, printable, setLast, textButton } from "../shared/dom.js";
import { isTyping, mount } from "../shared/page.js";
import { tray } from "../shared/tray.js";
import { RouteMap } from "./route_map.js";

/** @import { BlockSection, Day, DaySection } from "../grid/layout.js" */
/** @import { Listed } from "../grid/photo_grid.js" */
/** @import { EventPhotos, EventSummary } from "../operations.d.ts" */
/** @import { Place, Response } from "../types.d.ts" */
/** @typedef {{ event: EventSummary, version: string, map: string | null }} Data: `map` as RouteMap takes it */
/** @typedef {Listed & { ids: string[], found: EventPhotos }} List */

const MOST_TITLE = 200; // characters, as the library takes
const TOWNS = 6;

/** @param {string} text @param {(() => void) | null} act @param {string} sign */
const button = (text, act, sign) => textButton(text, act, sign, "button");

/** @extends {PhotoGrid<BlockSection | DaySection, List>} */
class OneEvent extends PhotoGrid {
  /** @type {string[] | null} */ ids = null; // of all photos, once they are known
  /** @type {number[]} */ shapes = []; // of all photos
  /** @type {Day[]} */ days = [];
  told = ""; // the version that is shown; "" before the first run
  isEditing = false;
  view = chosenView();

  /** @param {HTMLElement} box @param {Data} data */
  constructor(box, data) {
    super(box, "Photos of this event");
    this.event = data.event;
    this.head = element("header", "head");
    this.text = element("div", "text");
    this.map = new RouteMap(data.map);
    this.back = link("arrow_back", "All events", "/events", () => leave("/events"));
    this.back.classList.add("back");
    this.title = element("div", "title");
    this.about = element("p", "about");
    this.all = button("Select all", () => this.selectAll(), "check_box");
    this.actions = element("div", "actions");
    tray.ready.then(() => { if (this.event) this.showActions(); });
    this.text.append(this.back, this.title, this.about, this.actions);
    this.head.append(this.text, this.map.node);
    this.headHeight = 0;
    this.sized = new ResizeObserver(() => this.fitHead());
    this.sized.observe(this.head);
  }

  close() {
    super.close();
    this.sized.disconnect();
    this.map.close();
  }

  /** @param {Data} data */
  update(data) {
    const isOther = !this.told || this.event.start !== data.event.start, isChanged = !isOther && this.told !== data.version;
    this.told = data.version;
    this.fit();
    if (isOther) {
      this.isEditing = false;
      this.ids = null;
      this.showEvent(data.event);
      const /** @type {Place | null | undefined} */ place = this.isShown ? history.state?.place : null;
      this.load(place?.id, place ?? {});
    } else if (isChanged) this.loadAgain();
    this.map.colour();
  }

  get isShown() { return normalized(location.href) === normalized(addressOfEvent(this.event.start)); }

  // Where no event has the moment any more, since dates were corrected, it is that of a photo that it had.
  /** @param {string | null | undefined} photoId @returns {Promise<Response<List> | null>} */
  async askAt(photoId) {
    const answer = await askOperation("events/photos", { start: this.event.start, photo_id: this.ids ? Number(this.ids[0]) : null });
    if (!answer?.ok) return answer;
    const found = answer.content;
    if (!found) return { ok: false, status: 404, content: "This event is not there any more." };
    const ids = found.photo_ids.map(String), offset = photoId ? ids.indexOf(photoId) : -1;
    return { ...answer, content: { version: found.event.version, offset: offset < 0 ? null : offset, ids, found } };
  }

  tilesAddress() { return { path: "/events/tiles", parameters: new URLSearchParams({ event: this.event.start }) }; }

  /** @param {List} list */
  adopt({ ids, found: { event, shapes, days, stops, towns } }) {
    this.ids = ids;
    this.shapes = shapes;
    this.days = days.map((day) => ({ ...dayOf(day), remark: "" }));
    const isMoved = event.start !== this.event.start && this.isShown; // its dates were corrected
    if (isMoved) history.replaceState(history.state, "", addressOfEvent(event.start));
    this.showEvent(event);
    this.map.show(stops, towns, printable(event.title));
  }

  // The title of an event of one day says which.
  /** @param {number} width */
  arrange(width) {
    const start = this.headHeight, tiling = tilingOf(this.view, width, this.shapes);
    if (this.days.length > 1) return layOutDays(this.days, [], tiling, start);
    const blocks = this.days.map(({ count, label }) => ({ title: "", label, count }));
    return layOutBlocks(blocks, tiling, 0, start);
  }

  /** @param {BlockSection | DaySection} section */
  headingsOf(section) { return "day" in section ? dayHeadings(section) : []; }

  extras() { return { before: [this.head], after: [] }; }

  fitHead() {
    const height = Math.ceil(this.head.offsetHeight);
    if (!height || height === this.headHeight) return;
    this.headHeight = height;
    if (this.layout) this.layOutAgain();
  }

  /** @param {Place | null} place */
  keepPlace(place) {
    if (this.isShown) history.replaceState({ ...history.state, place }, "");
  }

  /** @param {number} first @param {number} end */
  async idsBetween(first, end) { return this.ids?.slice(first, end) ?? []; }

  /** @param {string} id */
  async offsetOf(id) {
    const offset = this.ids?.indexOf(id) ?? -1;
    return offset < 0 ? null : offset;
  }

  get isAllSelected() { return Boolean(this.ids?.length && this.ids.every((id) => tray.isSelected(id))); }

  selectAll() { tray.set(this.ids ?? [], !this.isAllSelected); }

  showSelection() {
    super.showSelection();
    setLast(this.all, this.isAllSelected ? "Select none" : "Select all");
  }

  /** @param {KeyboardEvent} event */
  onSelectionKey(event) {
    if (event.key === "a" && (event.ctrlKey || event.metaKey) && !event.altKey && !isTyping(event)) {
      this.selectAll();
      event.preventDefault();
    } else super.onSelectionKey(event);
  }

  // ---------------------------------------------------------------- the head

  /** @param {EventSummary} event */
  showEvent(event) {
    this.event = event;
    const day = event.start.slice(0, 10), isOneDay = day === event.end.slice(0, 10);
    const when = isOneDay ? `${dayName(day)}, ${hoursOf(event)}` : spanOf(event);
    const towns = printable(event.towns.slice(0, TOWNS).join(", ")) + (event.towns.length > TOWNS ? " …" : "");
    this.about.textContent = [when, countOf(event.photos), towns].filter(Boolean).join(" · ");
    this.showActions();
    if (!this.isEditing) this.showTitle();
  }

  showActions() {
    const more = tray.actionsForLists.map(({ icon, label, act }) => button(label, () => act(this.ids ?? []), icon));
    const last = this.ids?.at(-1), inTimeline = last ? [link("calendar_month", "In the timeline", `/timeline?${new URLSearchParams({ at: last })}`)] : [];
    this.actions.replaceChildren(this.all, ...more, ...inTimeline);
  }

  showTitle(hasFocus = false) {
    this.isEditing = false;
    const heading = element("h2", "", printable(this.event.title)), edit = button("Change the title", () => this.edit(), "edit");
    edit.classList.add("edit");
    this.title.replaceChildren(heading, edit);
    if (hasFocus) edit.focus();
  }

  edit() {
    this.isEditing = true;
    const form = element("form"), field = element("input"), save = button("Save", null, "check"), cancel = button("Cancel", () => this.showTitle(true), "close");
    Object.assign(field, { type: "text", value: this.event.is_titled ? this.event.title : "", placeholder: this.event.title, maxLength: MOST_TITLE, ariaLabel: "Title of this event", autocomplete: "off" });
    save.type = "submit";
    save.classList.add("primary");
    form.append(field, save, cancel);
    if (this.event.is_titled) form.append(element("p", "note", "Without a title of yours, the place and the days are the title."));
    form.onsubmit = (event) => { event.preventDefault(); this.saveTitle(field.value, form); };
    field.onkeydown = (event) => { if (event.key === "Escape") { event.preventDefault(); this.showTitle(true); } };
    this.title.replaceChildren(form);
    field.focus();
    field.select();
  }

  /** @param {string} title @param {HTMLFormElement} form */
  async saveTitle(title, form) {
    const words = title.trim().replace(/\s+/g, " ");
    if (words === (this.event.is_titled ? this.event.title : "")) { this.showTitle(true); return; }
    form.inert = true;
    const answer = await tray.change("events/title", { start: this.event.start, title: words });
    if (!answer?.ok) {
      form.inert = false;
      form.querySelector(".problem")?.remove();
      const problem = element("p", "problem", answer ? answer.content : NO_SERVER);
      problem.role = "alert";
      form.append(problem);
      form.querySelector("input")?.focus();
      return;
    }
    tray.say(answer);
    this.isEditing = false;
    await this.loadAgain(); // a title that was taken away is that of places and days again
    find(this.title, ".edit")?.focus();
  }
}

/** @param {string} name @param {string} text @param {string} address @param {() => void} [act] */
function link(name, text, address, act = () => visit(address)) {
  const node = element("a", "button");
  node.href = address;
  node.append(icon(name), element("span", "", text));
  node.onclick = (event) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    event.stopPropagation(); // the grid opens what else is clicked
    act();
  };
  return node;
}

export default mount(OneEvent);
