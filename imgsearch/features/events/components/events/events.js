// The events of a library as cards under their years, newest first: occasions and trips, each with its picture, its title
// and how many photos it has. Python gives the search; the events are asked of the library.

import { isPlainClick, placeInHistory, visit } from "../history/history.js";
import { NO_SERVER, askOperation, queryOf } from "../shared/ask.js";
import { countOf, element, icon, printable, textButton } from "../shared/dom.js";
import { mount } from "../shared/page.js";
import { showPicture } from "../shared/picture.js";
import { OTHER_PHOTOS, tray } from "../shared/tray.js";
import { addressOfEvent } from "./addresses.js";
import { listed, summaryOf } from "./listed.js";
import { spanOf } from "./times.js";

/** @import { EventSummary } from "../operations.d.ts" */
/** @import { Parameters } from "../types.d.ts" */
/** @import { Kind } from "./listed.js" */
/** @typedef {{ search: Parameters, version?: string }} Data */

/** @type {[Kind, string][]} */
const KINDS = [["all", "All"], ["trips", "Trips"]];
const KIND = "imgsearch.events"; // in the storage of the browser

/** @param {string} text @param {() => void} act @param {string} [sign] */
const button = (text, act, sign) => textButton(text, act, sign, "button");

class Events {
  /** @type {EventSummary[]} */ events = [];
  /** @type {EventSummary[]} */ small = []; // with few photos, while they are not shown
  /** @type {Map<string, HTMLElement>} */ links = new Map(); // by the start of an event
  loads = 0;

  /** @param {HTMLElement} box @param {Data} data */
  constructor(box, data) {
    this.box = box;
    this.data = data;
    this.place = placeInHistory();
    this.kind = storedKind();
    this.withSmall = Boolean(history.state?.withSmall);
    this.bar = element("div", "bar");
    this.status = element("p", "status", "Looking for events…");
    this.status.role = "status";
    this.kinds = element("div", "kinds");
    Object.assign(this.kinds, { role: "group", ariaLabel: "Kind of events" });
    for (const [kind, label] of KINDS) this.kinds.append(button(label, () => this.choose(kind)));
    this.bar.append(this.status, this.kinds);
    this.list = element("div", "list");
    this.list.onkeydown = (event) => this.onKey(event);
    box.replaceChildren(this.bar, this.list);
    this.reload = () => this.load();
    tray.addEventListener(OTHER_PHOTOS, this.reload);
  }

  close() {
    tray.removeEventListener(OTHER_PHOTOS, this.reload);
    this.place.close();
  }

  /** @param {Data} data */
  update(data) {
    const isSame = this.loads > 0 && JSON.stringify(this.data) === JSON.stringify(data);
    this.data = data;
    if (!isSame) this.load();
  }

  async load() {
    const number = (this.loads += 1);
    const answer = await askOperation("events/summaries", { query: queryOf(this.data.search) });
    if (number !== this.loads || !this.box.isConnected) return; // asked again meanwhile
    if (!answer?.ok) { this.status.textContent = answer ? answer.content : NO_SERVER; return; }
    this.events = answer.content.toReversed();
    this.draw();
  }

  /** @param {Kind} kind */
  choose(kind) {
    this.kind = kind;
    try { localStorage.setItem(KIND, kind); } catch { /* private mode: for this view only */ }
    this.draw();
  }

  showSmall() {
    const [first] = this.small;
    this.withSmall = true;
    history.replaceState({ ...history.state, withSmall: true }, "");
    this.draw();
    this.links.get(first?.start)?.querySelector("a")?.focus();
  }

  // ---------------------------------------------------------------- cards

  get isNarrowed() { return Object.keys(this.data.search).length > 0; }

  draw() {
    [...this.kinds.children].forEach((node, place) => { node.ariaPressed = String(KINDS[place][0] === this.kind); });
    const how = { kind: this.kind, withSmall: this.withSmall, isNarrowed: this.isNarrowed }, { shown, small } = listed(this.events, how);
    this.small = small;
    const years = Map.groupBy(shown, (each) => each.start.slice(0, 4));
    this.links = new Map();
    const nodes = [...years].map(([year, events]) => {
      const part = element("section", "year"), cards = element("ul", "cards");
      part.ariaLabel = year;
      part.append(element("h2", "", year), cards);
      cards.append(...events.map((each) => this.card(each)));
      return part;
    });
    if (this.small.length) {
      const more = button(`Show ${this.small.length.toLocaleString("en")} more with one or two photos`, () => this.showSmall(), "unfold_more");
      nodes.push(more);
    }
    this.list.replaceChildren(...nodes);
    this.status.textContent = summaryOf(shown, this.events, how);
    this.kinds.hidden = !this.events.some((each) => each.is_trip);
    const { pathname, search } = location;
    this.place.update({ tiles: this.links, address: pathname + search });
  }

  /** @param {EventSummary} event */
  card(event) {
    const address = addressOfEvent(event.start);
    const item = element("li", "event"), link = element("a"), frame = element("span", "frame"), image = element("img");
    Object.assign(image, { alt: "", loading: "lazy", decoding: "async", draggable: false });
    const cover = `/events/cover?${new URLSearchParams({ ...this.data.search, event: event.start, v: event.version })}`;
    showPicture(image, cover, () => image.replaceWith(icon("image", "icon missing")));
    frame.append(image);
    if (event.is_trip) frame.append(element("span", "badge", "Trip"));
    const number = event.found < event.photos ? `${event.found.toLocaleString("en")} of ${countOf(event.photos)}` : countOf(event.photos);
    const about = [spanOf(event), number].filter(Boolean).join(" · ");
    link.href = address;
    link.append(frame, element("span", "title", printable(event.title)), element("span", "about", about));
    link.onclick = (click) => {
      if (!isPlainClick(click)) return;
      click.preventDefault();
      this.place.save(event.start);
      visit(address);
    };
    item.append(link);
    this.links.set(event.start, item);
    return item;
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const links = [...this.list.querySelectorAll("a")], place = links.findIndex((link) => link === event.target);
    if (place < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {Record<string, () => HTMLElement | undefined>} */ ({ ArrowRight: () => links[place + 1], ArrowLeft: () => links[place - 1], Home: () => links[0], End: () => links.at(-1),
      ArrowDown: () => below(links, place, 1), ArrowUp: () => below(links, place, -1) })[event.key];
    if (!target) return;
    event.preventDefault();
    target()?.focus();
  }
}

export default mount(Events);

// The card in the next row (1), or in the one before (-1), that is nearest to the column of the card at `place`.
/** @param {HTMLElement[]} links @param {number} place @param {1 | -1} direction */
function below(links, place, direction) {
  const from = links[place].getBoundingClientRect();
  const beside = links.map((link) => ({ link, at: link.getBoundingClientRect() })).filter(({ at }) => direction * (at.top - from.top) > from.height / 2);
  const row = Math.min(...beside.map(({ at }) => Math.abs(at.top - from.top)));
  const inRow = beside.filter(({ at }) => Math.abs(at.top - from.top) < row + 4);
  return inRow.sort((one, other) => Math.abs(one.at.left - from.left) - Math.abs(other.at.left - from.left))[0]?.link;
}

/** @returns {Kind} */
function storedKind() {
  try { return localStorage.getItem(KIND) === "trips" ? "trips" : "all"; } catch { return "all"; }
}
