// A grid of photos in sections. Only the tiles in sight exist, so 100,000 photos scroll like ten.
// It knows how many photos there are, and so where each is; what they show is fetched in ranges.
//
// A kind of grid extends the class: it says which photos there are and how their sections look.

import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, ask } from "../shared/ask.js";
import { element } from "../shared/dom.js";
import { fillWindow } from "../shared/page.js";
import { createTile, dropTile, fillTile, showMarks, showSelected } from "../shared/photo_tile.js";
import { CHANGED, MARKED, OTHER_PHOTOS, tray } from "../shared/tray.js";
import { GAP, besideRow, placeOf, sectionAt, sectionOf, tilesBetween } from "./layout.js";
import { Scrubber } from "./scrubber.js";
import { TileSource } from "./tiles.js";

const REMEMBER_MS = 150; // after the last scroll
const MOST_FETCHED = 12_000; // photos of a range that were never in sight

export class PhotoGrid {
  constructor(box, label) {
    this.box = box;
    this.path = location.pathname;
    this.sections = new Map();
    this.active = 0;
    this.awaited = null; // the offset of a tile to open when its photo arrives
    this.scroller = element("div", "scroller");
    Object.assign(this.scroller, { tabIndex: -1, role: "region", ariaLabel: label });
    this.canvas = element("div", "canvas");
    this.message = element("p", "message", "Loading…");
    this.message.role = "status";
    this.scrubber = new Scrubber((top) => { this.scroller.scrollTop = top; });
    this.scroller.append(this.canvas);
    this.grid = element("div", "grid");
    this.grid.append(this.scroller, this.scrubber.node, this.message);
    box.replaceChildren(this.grid);
    this.scroller.onscroll = () => { this.awaited = null; this.renderSoon(); };
    this.scroller.onkeydown = (event) => this.onKey(event);
    this.last = null; // the photo that a range begins at: its id
    this.listeners = [
      [CHANGED, () => this.showSelection()],
      [MARKED, ({ detail }) => this.showMarksOf(new Set(detail))],
      [OTHER_PHOTOS, () => this.loadAgain()],
    ];
    for (const [kind, act] of this.listeners) tray.addEventListener(kind, act);
    box.onkeydown = (event) => this.onSelectionKey(event);
    this.canvas.onclick = (event) => this.onClick(event);
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(this.scroller);
    this.fit = () => fillWindow(box);
    // What is above the grid may change its height.
    this.moved = new ResizeObserver(() => requestAnimationFrame(this.fit));
    this.moved.observe(document.querySelector('[data-testid="stMainBlockContainer"]') ?? document.body);
    addEventListener("resize", this.fit);
  }

  close() {
    clearTimeout(this.remembering);
    cancelAnimationFrame(this.rendering);
    removeEventListener("resize", this.fit);
    for (const [kind, act] of this.listeners) tray.removeEventListener(kind, act);
    this.resized.disconnect();
    this.moved.disconnect();
    this.source?.close();
    this.early?.close();
  }

  // ---------------------------------------------------------------- what a kind of grid says

  // The address of the list of photos: it answers with a version, the offset of the photo in the
  // parameter `at`, and what `adopt` takes.
  listAddress() { throw new TypeError("not said"); }

  // The path that answers requests for tiles, and the parameters that say of which photos.
  tilesAddress() { throw new TypeError("not said"); }

  // Takes over what is listed.
  adopt() { throw new TypeError("not said"); }

  // Where everything is, in this width.
  arrange() { throw new TypeError("not said"); }

  // The headings of a section: elements with a place of their own.
  headingsOf() { return []; }

  // Elements before and after the sections.
  extras() { return { before: [], after: [] }; }

  // The ids of the photos from one offset to another, by default those that were fetched.
  async idsBetween(first, end) {
    const list = [];
    for (let offset = first; offset < end; offset += 1) {
      const photo = this.source.at(offset) ?? await this.source.fetched(offset);
      if (photo) list.push(photo.id);
    }
    return list;
  }

  // Called when a photo has arrived for a tile.
  fill(tile, photo) {
    fillTile(tile, photo, (isSelected, wholeRange) => this.select(tile.offset, isSelected, wholeRange));
    if (!photo) return;
    showSelected(tile, tray.isSelected(photo.id));
    showMarks(tile, tray.marksOf(photo));
  }

  // Keeps a place in the history, without a new entry there.
  keepPlace() { throw new TypeError("not said"); }

  // ---------------------------------------------------------------- photos

  // Fetch the list, and go to the photo with this id, else to a height. A photo that was opened gets the focus, or
  // that which was `seen` last since.
  async load(photoId, { below = 0, isOpened = false, top = 0, seen = null } = {}) {
    const number = (this.loads = (this.loads ?? 0) + 1);
    this.early?.close();
    const early = this.early = photoId || top ? null : this.firstTiles(); // they need not wait for the list
    const [answer, atSeen] = await Promise.all([this.askAt(photoId), seen && seen !== photoId ? this.askAt(seen) : null]);
    if (number !== this.loads || !this.box.isConnected) return false; // another list was asked for meanwhile
    if (!answer?.ok) {
      this.message.textContent = answer ? answer.content : NO_SERVER;
      this.message.hidden = false;
      return false;
    }
    const list = answer.content;
    this.early = null;
    this.version = list.version;
    this.awaited = null;
    this.adopt(list);
    this.source?.close();
    if (early?.version !== list.version) early?.close();
    this.source = early?.version === list.version ? early : this.tilesOf(list.version);
    this.active = list.offset ?? 0;
    this.layOut();
    this.message.textContent = "No photo is left here.";
    this.message.hidden = this.layout.count > 0;
    this.scroller.scrollTop = list.offset === null ? top : placeOf(this.layout, list.offset).y - below;
    this.render(isOpened ? list.offset : undefined);
    const lastSeen = atSeen?.ok ? atSeen.content.offset : null;
    if (isOpened && lastSeen !== null && lastSeen < this.layout.count) this.focus(lastSeen);
    else if (isOpened && list.offset !== null) this.focusTile(list.offset);
    this.restored = this.scroller.scrollTop; // which is remembered already
    this.showSelection();
    return true;
  }

  // The source of the tiles of a list of this version.
  tilesOf(version) {
    const { path, parameters } = this.tilesAddress();
    const ofList = (act) => () => { if (source === this.source) act(); }; // not before the list is there
    const source = new TileSource(path, parameters, version, ofList(() => this.tilesArrived()), ofList(() => this.reload()));
    return source;
  }

  // The same, on the way to its first tiles; null where the version of the list is not known before.
  firstTiles() {
    if (!this.awaitedVersion) return null;
    const source = this.tilesOf(this.awaitedVersion);
    source.want(0, 1);
    return source;
  }

  // The version that the list is expected to have, if Python has said it.
  get awaitedVersion() { return ""; }

  // The list, with the offset of the photo with this id.
  askAt(photoId) {
    const address = new URL(this.listAddress(), location.href);
    if (photoId) address.searchParams.set("at", photoId);
    return ask(address);
  }

  tilesArrived() {
    this.render();
    if (this.mustRemember) this.remember(this.firstInSight());
    const photo = this.awaited === null ? null : this.source.at(this.awaited);
    if (photo) this.open(this.awaited, photo.link);
  }

  // The library has changed; the photo at the top stays there.
  reload() {
    if (this.reloading === this.source) return; // several requests are told
    this.reloading = this.source;
    this.loadAgain();
  }

  // The photo in sight that has the focus keeps it; where it has left, the one in its place gets it.
  async loadAgain() {
    const top = this.firstInSight(), focused = this.focusedOffset(), id = focused === null ? null : this.source?.at(focused)?.id;
    const isInSight = focused !== null && this.isInSight(focused);
    const isLoaded = await this.load(top && this.source?.at(top.offset)?.id, { below: top?.below, top: this.scroller.scrollTop });
    if (!isLoaded || !isInSight) return;
    const offset = id ? await this.offsetOf(id) : null;
    if (this.layout.count && document.activeElement === document.body) this.focus(Math.min(offset ?? focused, this.layout.count - 1));
  }

  isInSight(offset) {
    const { y } = placeOf(this.layout, offset), { scrollTop, clientHeight } = this.scroller;
    return y + this.layout.side > scrollTop && y < scrollTop + clientHeight;
  }

  // ---------------------------------------------------------------- size

  resize() {
    if (!this.layout || this.canvas.clientWidth === this.layout.width) {
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
    this.layout = this.arrange(this.canvas.clientWidth);
    this.canvas.style.height = `${this.layout.height}px`;
    this.canvas.style.setProperty("--side", `${this.layout.side}px`);
    this.sections.clear();
    const { before, after } = this.extras(), extras = [...before, ...after];
    // An extra that is there already stays: what is moved in the document loses the focus.
    for (const node of [...this.canvas.children]) if (!extras.includes(node)) node.remove();
    if (extras.some((node) => node.parentElement !== this.canvas)) this.canvas.append(...extras);
    this.afterSections = after[0] ?? null;
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
    let next = this.canvas.querySelector(":scope > section.section") ?? this.afterSections;
    for (const { section, first, end, extra } of shown) {
      let drawn = this.sections.get(section.number);
      if (!drawn) {
        drawn = this.createSection(section);
        this.sections.set(section.number, drawn);
      }
      if (drawn.node === next) next = next.nextElementSibling;
      else this.canvas.insertBefore(drawn.node, next);
      this.renderTiles(drawn, first, end, extra);
    }
    const isInSight = this.active >= wanted[0] && this.active < wanted[1];
    const stop = isInSight ? this.active : this.firstInSight()?.offset ?? 0;
    for (const { tiles } of this.sections.values()) {
      for (const [offset, tile] of tiles) {
        tile.link.tabIndex = offset === stop ? 0 : -1;
        if (tile.box) tile.box.tabIndex = tile.link.tabIndex;
      }
    }
    this.scrubber.showAt(scroller.scrollTop);
  }

  createSection(section) {
    const node = element("section", "section"), list = element("div", "tiles");
    node.append(...this.headingsOf(section), list);
    if (section.label) node.ariaLabel = section.label;
    return { node, list, tiles: new Map() };
  }

  renderTiles({ list, tiles }, first, end, extra) {
    for (const [offset, tile] of tiles) {
      if ((offset < first || offset >= end) && offset !== extra) {
        dropTile(tile);
        tiles.delete(offset);
      }
    }
    let next = list.firstElementChild;
    const offsets = extra === undefined ? [] : [extra];
    for (let offset = first; offset < end; offset += 1) offsets.push(offset);
    for (const offset of offsets.sort((a, b) => a - b)) {
      let tile = tiles.get(offset);
      if (!tile) {
        tile = createTile();
        tile.offset = offset;
        const { x, y } = placeOf(this.layout, offset);
        Object.assign(tile.style, { left: `${x}px`, top: `${y}px` });
        tiles.set(offset, tile);
      }
      if (tile === next) next = next.nextElementSibling;
      else list.insertBefore(tile, next);
      const photo = tile.classList.contains("loading") ? this.source.at(offset) : undefined;
      if (photo !== undefined) this.fill(tile, photo);
    }
  }

  // ---------------------------------------------------------------- selection and marks

  // With `wholeRange`, all photos from the last one set to this one.
  async select(offset, isSelected, wholeRange) {
    const photo = this.source.at(offset);
    if (!photo) return;
    const from = wholeRange && this.last !== null ? await this.offsetOf(this.last) : null;
    this.last = photo.id;
    if (from === null || Math.abs(from - offset) > MOST_FETCHED) { tray.set([photo.id], isSelected); return; }
    tray.set(await this.idsBetween(Math.min(from, offset), Math.max(from, offset) + 1), isSelected);
  }

  async offsetOf(id) {
    const answer = await this.askAt(id);
    return answer?.ok && answer.content.version === this.version ? answer.content.offset : null;
  }

  showSelection() {
    this.box.classList.toggle("selecting", tray.size > 0);
    for (const tile of this.filledTiles()) showSelected(tile, tray.isSelected(tile.photo.id));
  }

  showMarksOf(ids) {
    for (const tile of this.filledTiles()) if (ids.has(tile.photo.id)) showMarks(tile, tray.marksOf(tile.photo));
  }

  filledTiles() { return [...this.sections.values()].flatMap(({ tiles }) => [...tiles.values()].filter(({ photo }) => photo)); }

  onSelectionKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const offset = this.focusedOffset(), photo = offset === null ? null : this.source?.at(offset);
    if (!photo) return;
    const change = event.shiftKey ? null : tray.changeOf(event.key, photo);
    if (change) tray.mark([photo], change);
    else if (event.key.toLowerCase() === "x") this.select(offset, event.shiftKey || !tray.isSelected(photo.id), event.shiftKey);
    else return;
    event.preventDefault();
  }

  // ---------------------------------------------------------------- keyboard, clicks, history

  focusedOffset() {
    return this.box.getRootNode().activeElement?.closest(".tile")?.offset ?? null;
  }

  onKey(event) {
    const tile = event.target.closest(".tile"), offset = tile?.offset, { layout, scroller } = this;
    if (offset === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    this.awaited = event.key === "Enter" ? offsetAwaited(tile) : null;
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

  // A tile whose photo has not arrived can have the focus as well.
  focusTile(offset) {
    const { layout } = this;
    const { link } = this.sections.get(sectionOf(layout, offset).number).tiles.get(offset);
    link.focus({ preventScroll: true });
  }

  onClick(event) {
    if (!isPlainClick(event)) return;
    const tile = event.target.closest(".tile"), link = event.target.closest("a[href]");
    this.awaited = offsetAwaited(tile);
    if (!link) return;
    event.preventDefault();
    this.open(tile?.offset, link.getAttribute("href"));
  }

  // Visit an address; the place of the tile that leads there, if it has one, is remembered.
  open(offset, address) {
    if (offset !== undefined) {
      this.active = offset;
      this.remember({ offset, below: placeOf(this.layout, offset).y - this.scroller.scrollTop }, true);
    }
    visit(address);
  }

  // Keep a place: a photo, and how far below the upper edge it is.
  remember(place, isOpened = false) {
    clearTimeout(this.remembering);
    if (!this.box.isConnected || location.pathname !== this.path) return; // the view has changed
    const id = place && this.source.at(place.offset)?.id;
    this.mustRemember = Boolean(place && !id); // when its tile has arrived
    if (!this.mustRemember) this.keepPlace(place && { id, below: place.below, isOpened });
  }
}

// The offset of a tile whose photo has not arrived, else null.
function offsetAwaited(tile) {
  return tile?.classList.contains("loading") ? tile.offset : null;
}
