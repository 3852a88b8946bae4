// The photos of a library by day. Only the tiles in sight exist, so 100,000 photos scroll like ten.
// Python gives the search, as the parameters of its address; everything else is fetched from the
// page's own server. The address and the entry of the history keep the first photo in sight, so that
// Back returns to the same place.

import { countOf, dayName, element, monthName, periodName, shortDayName } from "../shared/dom.js";
import { isPlainClick, visit } from "../history/history.js";
import { fillWindow } from "../shared/page.js";
import { GAP, besideRow, layOut, placeOf, sectionAt, sectionOf, tilesBetween } from "./layout.js";
import { Scrubber } from "./scrubber.js";
import { TileSource } from "./tiles.js";

const MEMORIES_HEIGHT = 208;
const REMEMBER_MS = 150; // after the last scroll

export default function (box, { data }) {
  box.grid ??= new PhotoGrid(box);
  box.grid.update(data);
  // The element of an earlier run stays; it is gone only when the view changes.
  return () => queueMicrotask(() => { if (!box.isConnected) { box.grid?.close(); box.grid = null; } });
}

class PhotoGrid {
  constructor(box) {
    this.box = box;
    this.path = location.pathname;
    this.sections = new Map();
    this.active = 0;
    this.scroller = element("div", "scroller");
    Object.assign(this.scroller, { tabIndex: -1, role: "region", ariaLabel: "Photos by day" });
    this.canvas = element("div", "canvas");
    this.message = element("p", "message", "Loading…");
    this.message.role = "status";
    this.scrubber = new Scrubber((top) => { this.scroller.scrollTop = top; });
    this.scroller.append(this.canvas);
    box.replaceChildren(this.scroller, this.scrubber.node, this.message);
    this.scroller.onscroll = () => this.renderSoon();
    this.scroller.onkeydown = (event) => this.onKey(event);
    this.canvas.onclick = (event) => this.onClick(event);
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(this.scroller);
    this.fit = () => fillWindow(box);
    addEventListener("resize", this.fit);
  }

  update(data) {
    const isOther = JSON.stringify(this.search) !== JSON.stringify(data.search);
    this.search = data.search;
    this.memories = data.memories;
    this.fit();
    if (isOther) {
      const at = new URLSearchParams(location.search).get("at"), place = history.state?.place;
      this.load(at, String(place?.id) === at ? place : { below: 100 });
    }
  }

  close() {
    clearTimeout(this.remembering);
    cancelAnimationFrame(this.rendering);
    removeEventListener("resize", this.fit);
    this.resized.disconnect();
    this.source?.close();
  }

  // Fetch the days, and go to the photo with this id, else to a height.
  async load(photoId, { below = 0, isOpened = false, top = 0 }) {
    const parameters = new URLSearchParams({ ...this.search, at: photoId ?? "" });
    const response = await fetch(`/timeline/days?${parameters}`).catch(() => null);
    if (!response?.ok) {
      this.message.textContent = response ? await response.text() : "The page's server does not answer. Is imgsearch ui still running?";
      this.message.hidden = false;
      return;
    }
    const { version, days, offset } = await response.json();
    this.days = days.map(([day, count, remark]) => ({ day, count, remark, towns: "" }));
    this.trips = [];
    this.source?.close();
    this.source = new TileSource(this.search, version, () => this.tilesArrived(), () => this.reload());
    this.message.textContent = "No photo is left here.";
    this.message.hidden = days.length > 0;
    this.active = offset ?? 0;
    this.layOut();
    this.scroller.scrollTop = offset === null ? top : placeOf(this.layout, offset).y - below;
    this.render();
    if (isOpened && offset !== null) this.focus(offset);
    this.restored = this.scroller.scrollTop; // which is in the address already
    await this.addHeadings(this.source);
  }

  tilesArrived() {
    this.render();
    if (this.mustRemember) this.remember(this.firstInSight());
  }

  // Finding trips and places takes longer, so the photos are there first.
  async addHeadings(source) {
    const response = await fetch(`/timeline/headings?${new URLSearchParams(this.search)}`).catch(() => null);
    if (!response?.ok) return; // days need no other heading than their date
    const { trips, towns } = await response.json();
    if (source !== this.source || !this.box.isConnected) return; // the photos have changed meanwhile
    this.trips = trips;
    for (const day of this.days) day.towns = towns[day.day] ?? "";
    this.layOutAgain();
  }

  // The library has changed; the photo at the top stays there.
  reload() {
    if (this.reloading === this.source) return; // several requests are told
    this.reloading = this.source;
    const top = this.firstInSight();
    this.load(top && this.source.at(top.offset)?.id, { below: top?.below, top: this.scroller.scrollTop });
  }

  // ---------------------------------------------------------------- size

  resize() {
    if (!this.days || this.canvas.clientWidth === this.layout?.width) {
      if (this.layout) { this.scrubber.update(this.layout, this.scroller.clientHeight); this.render(); }
      return;
    }
    this.layOutAgain();
  }

  // The photo at the top stays there, and the focus where it is.
  layOutAgain() {
    const top = this.firstInSight(), focused = this.focusedOffset(), isRestored = this.scroller.scrollTop === this.restored;
    this.layOut();
    if (top) this.scroller.scrollTop = placeOf(this.layout, top.offset).y - top.below;
    if (isRestored) this.restored = this.scroller.scrollTop;
    this.render(focused);
    if (focused !== null) this.focusTile(focused);
  }

  layOut() {
    this.layout = layOut(this.days, this.trips, this.canvas.clientWidth, this.memories ? MEMORIES_HEIGHT : 0);
    this.canvas.style.height = `${this.layout.height}px`;
    this.canvas.style.setProperty("--side", `${this.layout.side}px`);
    this.sections.clear();
    this.canvas.replaceChildren(...(this.memories ? [this.createMemories()] : []));
    this.scrubber.update(this.layout, this.scroller.clientHeight);
  }

  // The first tile whose top is in sight, and how far it is below the edge.
  firstInSight() {
    if (!this.layout?.count || this.scroller.scrollTop === 0) return null;
    const top = this.scroller.scrollTop;
    let section = sectionAt(this.layout, top);
    while (section) {
      const [first, end] = tilesBetween(this.layout, section, top + GAP, Infinity);
      for (const offset of [first, Math.min(first + this.layout.columns, end - 1)]) {
        const below = placeOf(this.layout, offset).y - top;
        if (first < end && below >= 0) return { offset, below };
      }
      section = this.layout.sections[section.number + 1];
    }
    return null;
  }

  // ---------------------------------------------------------------- what is in sight

  renderSoon() {
    cancelAnimationFrame(this.rendering);
    this.rendering = requestAnimationFrame(() => this.render());
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => {
      if (this.scroller.scrollTop !== this.restored) this.remember(this.firstInSight());
    }, REMEMBER_MS);
  }

  // The tile with this offset keeps the focus, or gets it next, while it is out of sight.
  render(focused = this.focusedOffset()) {
    const { layout, scroller } = this;
    if (!layout?.count) return;
    const visible = scroller.clientHeight, top = scroller.scrollTop - visible / 2, bottom = scroller.scrollTop + 1.5 * visible;
    const shown = [], wanted = [Infinity, 0];
    for (let section = sectionAt(layout, top); section && section.top < bottom; section = layout.sections[section.number + 1]) {
      const [first, end] = tilesBetween(layout, section, top, bottom);
      shown.push({ section, first, end });
      if (first < end) { wanted[0] = Math.min(wanted[0], first); wanted[1] = Math.max(wanted[1], end); }
    }
    if (focused !== null && !shown.some(({ first, end }) => first <= focused && focused < end)) {
      const section = sectionOf(layout, focused);
      const other = shown.find((each) => each.section === section);
      if (other) other.extra = focused;
      else shown.push({ section, first: focused, end: focused + 1 });
      shown.sort((a, b) => a.section.number - b.section.number);
    }
    if (wanted[0] < wanted[1]) this.source.want(...wanted);
    const numbers = new Set(shown.map(({ section }) => section.number));
    for (const [number, drawn] of this.sections) {
      if (!numbers.has(number)) { drawn.node.remove(); this.sections.delete(number); }
    }
    let next = this.canvas.querySelector(":scope > section.day");
    for (const { section, first, end, extra } of shown) {
      let drawn = this.sections.get(section.number);
      if (!drawn) {
        drawn = { node: this.createSection(section), tiles: new Map() };
        this.sections.set(section.number, drawn);
      }
      if (drawn.node === next) next = next.nextElementSibling;
      else this.canvas.insertBefore(drawn.node, next);
      this.renderTiles(drawn, first, end, extra);
    }
    const isInSight = this.active >= wanted[0] && this.active < wanted[1];
    const stop = isInSight ? this.active : this.firstInSight()?.offset ?? 0;
    for (const { tiles } of this.sections.values()) for (const [offset, tile] of tiles) tile.tabIndex = offset === stop ? 0 : -1;
    this.scrubber.showAt(scroller.scrollTop);
  }

  renderTiles({ node, tiles }, first, end, extra) {
    for (const [offset, tile] of tiles) {
      if ((offset < first || offset >= end) && offset !== extra) {
        tile.querySelector("img")?.removeAttribute("src"); // gives up its request
        tile.remove();
        tiles.delete(offset);
      }
    }
    let next = node.querySelector(".tile");
    const offsets = extra === undefined ? [] : [extra];
    for (let offset = first; offset < end; offset += 1) offsets.push(offset);
    for (const offset of offsets.sort((a, b) => a - b)) {
      let tile = tiles.get(offset);
      if (!tile) {
        tile = element("a", "tile loading");
        tile.offset = offset;
        const { x, y } = placeOf(this.layout, offset);
        Object.assign(tile.style, { left: `${x}px`, top: `${y}px` });
        tiles.set(offset, tile);
      }
      if (tile === next) next = next.nextElementSibling;
      else node.insertBefore(tile, next);
      if (tile.classList.contains("loading")) fillTile(tile, this.source.at(offset));
    }
  }

  createSection(section) {
    const node = element("section", "day");
    node.ariaLabel = dayName(section.day);
    let top = section.top;
    for (const heading of section.headings) {
      const line = element(heading.kind === "month" ? "h2" : "h3", heading.kind);
      if (heading.kind === "month") line.textContent = monthName(heading.month);
      else {
        const { title, first, last, photos } = heading.trip;
        line.append(element("span", "title", title), " ", element("span", "period", `${periodName(first, last)} · ${countOf(photos)}`));
      }
      line.style.top = `${top}px`;
      top += heading.height;
      node.append(line);
    }
    const line = element("h3", "date");
    Object.assign(line.style, { top: `${section.dayTop}px`, left: `${section.x}px`, width: `${section.labelWidth}px` });
    line.append(element("span", "title", shortDayName(section.day)));
    for (const text of [section.towns, section.remark]) if (text) line.append(" ", element("span", "period", text));
    line.title = [dayName(section.day), section.towns, section.remark, countOf(section.count)].filter(Boolean).join(" · ");
    node.append(line);
    return node;
  }

  createMemories() {
    const { title, link, photos } = this.memories;
    const node = element("section", "memories"), heading = element("h2", "month", title), strip = element("div", "strip");
    node.ariaLabel = title;
    const all = element("a", "all", "Show all");
    all.href = link;
    heading.append(all);
    strip.append(...photos.map((photo) => {
      const tile = element("a", "tile");
      fillTile(tile, photo);
      tile.append(element("span", "badge", photo.year));
      return tile;
    }));
    node.append(heading, strip);
    return node;
  }

  // ---------------------------------------------------------------- keyboard, clicks, history

  focusedOffset() {
    return this.box.getRootNode().activeElement?.offset ?? null;
  }

  onKey(event) {
    const offset = event.target.offset, { layout, scroller } = this;
    if (offset === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = (direction) => {
      const { x, y } = placeOf(layout, offset);
      return this.tileNear(x, y + direction * (scroller.clientHeight - layout.side));
    };
    const target = {
      ArrowRight: () => offset + 1, ArrowLeft: () => offset - 1,
      ArrowDown: () => besideRow(layout, offset, 1), ArrowUp: () => besideRow(layout, offset, -1),
      PageDown: () => page(1), PageUp: () => page(-1), Home: () => 0, End: () => layout.count - 1,
    }[event.key]?.();
    if (target === undefined) return;
    event.preventDefault();
    this.focus(Math.min(layout.count - 1, Math.max(0, target)));
  }

  tileNear(x, y) {
    const { layout } = this, step = layout.side + GAP;
    let section = sectionAt(layout, y);
    for (let other = section; other?.top === section.top; other = layout.sections[other.number + 1]) if (other.x <= x) section = other;
    const row = Math.min(section.rows - 1, Math.max(0, Math.floor((y - section.tilesTop) / step)));
    const column = Math.max(0, Math.round((x - section.x) / step));
    return Math.min(section.first + row * layout.columns + column, section.first + section.count - 1);
  }

  focus(offset) {
    const { scroller, layout } = this, { y } = placeOf(layout, offset);
    const above = offset < layout.columns ? y : 120; // headings stay in sight above the first row
    if (y - above < scroller.scrollTop) scroller.scrollTop = y - above;
    if (y + layout.side + GAP > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = y + layout.side + 2 * GAP - scroller.clientHeight;
    this.active = offset;
    this.render();
    this.focusTile(offset);
  }

  focusTile(offset) {
    const { layout } = this;
    this.sections.get(sectionOf(layout, offset).number).tiles.get(offset).focus({ preventScroll: true });
  }

  onClick(event) {
    const link = event.target.closest("a[href]");
    if (!link || !isPlainClick(event)) return;
    event.preventDefault();
    if (link.offset !== undefined) {
      this.active = link.offset;
      this.remember({ offset: link.offset, below: placeOf(this.layout, link.offset).y - this.scroller.scrollTop }, true);
    }
    visit(link.getAttribute("href"));
  }

  // Keep a place in the address of this view and in the history, without a new entry there.
  remember(place, isOpened = false) {
    clearTimeout(this.remembering);
    if (!this.box.isConnected || location.pathname !== this.path) return; // the view has changed
    const address = new URL(location.href), id = place && this.source.at(place.offset)?.id;
    this.mustRemember = Boolean(place && !id); // when its tile has arrived
    if (this.mustRemember) return;
    if (id) address.searchParams.set("at", id); else address.searchParams.delete("at");
    history.replaceState({ ...history.state, place: place && { id, below: place.below, isOpened } }, "", address);
  }
}

function fillTile(tile, photo) {
  if (photo === undefined) return;
  tile.classList.remove("loading");
  if (photo === null) return; // deleted since
  tile.href = photo.link;
  tile.ariaLabel = photo.alt;
  const image = element("img");
  Object.assign(image, { alt: "", decoding: "async", draggable: false });
  image.onerror = () => { if (image.hasAttribute("src")) image.replaceWith(element("span", "no-preview", "No preview available")); };
  image.src = photo.src;
  tile.append(image);
  if (photo.video) tile.append(element("span", "badge", `▶ ${photo.video}`));
  if (photo.offline) tile.append(element("span", "badge offline", "offline"));
}
