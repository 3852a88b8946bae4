// A grid of photos in sections. Only the tiles in sight exist, so 100,000 photos scroll like ten.
// It knows how many photos there are, and so where each is; what they show is fetched in ranges.
//
// A kind of grid extends the class: it says which photos there are and how their sections look.

import { PHOTO, isPlainClick, visit } from "../history/history.js";
import { NO_SERVER } from "../shared/ask.js";
import { closest, element, focusIn, listen } from "../shared/dom.js";
import { coverWith } from "../shared/opening.js";
import { fillWindow } from "../shared/page.js";
import { createTile, dropTile, fillTile, showMarks, showSelected, tileAt, tileOf } from "../shared/photo_tile.js";
import { CHANGED, MARKED, OTHER_PHOTOS, tray } from "../shared/tray.js";
import { GAP, besideRow, nextRow, placeOf, sectionAt, sectionOf, tileNear, tilesBetween } from "./layout.js";
import { Scrubber } from "./scrubber.js";
import { TileSource } from "./tiles.js";

/** @import { Place, Response, Tile, TilePhoto } from "../types.d.ts" */
/** @import { Layout, Section } from "./layout.js" */
/** @typedef {{ version: string, offset: number | null }} Listed what every list of photos has */
/** @typedef {{ node: HTMLElement, list: HTMLElement, tiles: Map<number, Tile> }} Drawn the elements of a section */
/** @typedef {{ offset: number, below: number }} InSight a tile, and how far it is below the upper edge */

const REMEMBER_MS = 150; // after the last scroll
const MOST_FETCHED = 12_000; // photos of a range that were never in sight

/** @template {Section} Own @template {Listed} List */
export class PhotoGrid {
  /** @type {Layout<Own> | null} */ layout = null;
  /** @type {TileSource | null} */ source = null;
  /** @type {TileSource | null} */ early = null; // of a list that has not come
  /** @type {TileSource | null} */ reloading = null;
  /** @type {Map<number, Drawn>} */ sections = new Map();
  /** @type {number | null} */ awaited = null; // the offset of a tile to open when its photo arrives
  /** @type {string | null} */ last = null; // the photo that a range begins at: its id
  /** @type {Element | null} */ afterSections = null;
  version = "";
  loads = 0;
  restored = -1; // how far a list was scrolled when it came
  remembering = 0;
  rendering = 0;
  mustRemember = false;

  /** @param {HTMLElement} box @param {string} label */
  constructor(box, label) {
    this.box = box;
    this.path = location.pathname;
    this.active = 0;
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
    this.stops = [
      listen(tray, CHANGED, () => this.showSelection()),
      listen(tray, MARKED, ({ detail }) => this.showMarksOf(new Set(detail))),
      listen(tray, OTHER_PHOTOS, () => this.loadAgain()),
    ];
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
    for (const stop of this.stops) stop();
    this.resized.disconnect();
    this.moved.disconnect();
    this.source?.close();
    this.early?.close();
  }

  // ---------------------------------------------------------------- what a kind of grid says

  // Asks for the list of photos, which has a version, the offset of the photo with this id, and what `adopt` takes.
  /** @param {string | null | undefined} _photoId @returns {Promise<Response<List> | null>} */
  askAt(_photoId) { throw new TypeError("not said"); }

  // The path that answers requests for tiles, and the parameters that say of which photos.
  /** @returns {{ path: string, parameters: string | URLSearchParams }} */
  tilesAddress() { throw new TypeError("not said"); }

  // Takes over what is listed.
  /** @param {List} _list @returns {void} */
  adopt(_list) { throw new TypeError("not said"); }

  // Where everything is, in this width.
  /** @param {number} _width @returns {Layout<Own>} */
  arrange(_width) { throw new TypeError("not said"); }

  // The headings of a section: elements with a place of their own.
  /** @param {Own} _section @returns {HTMLElement[]} */
  headingsOf(_section) { return []; }

  // Elements before and after the sections.
  /** @returns {{ before: HTMLElement[], after: HTMLElement[] }} */
  extras() { return { before: [], after: [] }; }

  // The ids of the photos from one offset to another, by default those that were fetched.
  /** @param {number} first @param {number} end @returns {Promise<string[]>} */
  async idsBetween(first, end) {
    const list = [], { source } = this;
    for (let offset = first; offset < end; offset += 1) {
      const photo = source?.at(offset) ?? await source?.fetched(offset);
      if (photo) list.push(photo.id);
    }
    return list;
  }

  // Called when a photo has arrived for a tile.
  /** @param {Tile} tile @param {number} offset @param {TilePhoto | null} photo */
  fill(tile, offset, photo) {
    const { width, height } = this.layout ? placeOf(this.layout, offset) : { width: 0, height: 0 };
    fillTile(tile, photo, (isSelected, wholeRange) => this.select(offset, isSelected, wholeRange), Math.max(width, height));
    if (!photo) return;
    showSelected(tile, tray.isSelected(photo.id));
    showMarks(tile, tray.marksOf(photo));
  }

  // Keeps a place in the history, without a new entry there.
  /** @param {Place | null} _place @returns {void} */
  keepPlace(_place) { throw new TypeError("not said"); }

  // ---------------------------------------------------------------- photos

  // Fetch the list, and go to the photo with this id, else to a height. A photo that was opened gets the focus, or
  // that which was `seen` last since.
  /** @param {string | null | undefined} photoId @param {Partial<Place>} [place] */
  async load(photoId, { below = 0, isOpened = false, top = 0, seen = null } = {}) {
    const number = (this.loads += 1);
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
    const layout = this.layOut();
    this.message.textContent = "No photo is left here.";
    this.message.hidden = layout.count > 0;
    this.scroller.scrollTop = list.offset === null ? top : placeOf(layout, list.offset).y - below;
    this.render(isOpened ? list.offset : undefined);
    const lastSeen = atSeen?.ok ? atSeen.content.offset : null;
    if (isOpened && lastSeen !== null && lastSeen < layout.count) this.focus(lastSeen);
    else if (isOpened && list.offset !== null) this.focusTile(list.offset);
    this.restored = this.scroller.scrollTop; // which is remembered already
    this.showSelection();
    return true;
  }

  // The source of the tiles of a list of this version.
  /** @param {string} version */
  tilesOf(version) {
    const { path, parameters } = this.tilesAddress();
    /** @param {() => void} act */
    const ofList = (act) => () => { if (source === this.source) act(); }; // not before the list is there
    /** @type {TileSource} */
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

  tilesArrived() {
    this.render();
    if (this.mustRemember) this.remember(this.firstInSight());
    const { awaited } = this, photo = awaited === null ? null : this.source?.at(awaited);
    if (awaited !== null && photo) this.open(awaited, photo.link);
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
    if (this.layout?.count && document.activeElement === document.body) this.focus(Math.min(offset ?? focused, this.layout.count - 1));
  }

  /** @param {number} offset */
  isInSight(offset) {
    const { layout } = this;
    if (!layout) return false;
    const { y, height } = placeOf(layout, offset), { scrollTop, clientHeight } = this.scroller;
    return y + height > scrollTop && y < scrollTop + clientHeight;
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
    const layout = this.layOut();
    if (top) this.scroller.scrollTop = placeOf(layout, top.offset).y - top.below;
    if (isRestored) this.restored = this.scroller.scrollTop;
    this.render(focused);
    if (focused !== null) this.focusTile(focused);
  }

  layOut() {
    const layout = this.layout = this.arrange(this.canvas.clientWidth);
    this.canvas.style.height = `${layout.height}px`;
    this.sections.clear();
    const { before, after } = this.extras(), extras = [...before, ...after];
    // An extra that is there already stays: what is moved in the document loses the focus.
    const there = new Set(/** @type {Element[]} */ (extras));
    for (const node of [...this.canvas.children]) if (!there.has(node)) node.remove();
    if (extras.some((node) => node.parentElement !== this.canvas)) this.canvas.append(...extras);
    this.afterSections = after[0] ?? null;
    this.scrubber.update(layout, this.scroller.clientHeight);
    return layout;
  }

  // The first tile whose top is in sight, and how far it is below the edge.
  /** @returns {InSight | null} */
  firstInSight() {
    const { layout } = this, top = this.scroller.scrollTop;
    if (!layout?.count || top === 0) return null;
    let section = sectionAt(layout, top);
    while (section) {
      const [first, end] = tilesBetween(layout, section, top + GAP, Infinity);
      for (const offset of [first, Math.min(nextRow(layout, section, first), end - 1)]) {
        const below = placeOf(layout, offset).y - top;
        if (first < end && below >= 0) return { offset, below };
      }
      section = layout.sections[section.number + 1];
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
  /** @param {number | null} [focused] */
  render(focused = this.focusedOffset()) {
    const { layout, scroller } = this;
    if (!layout?.count) return;
    const visible = scroller.clientHeight, top = scroller.scrollTop - visible / 2, bottom = scroller.scrollTop + 1.5 * visible;
    const /** @type {{ section: Own, first: number, end: number, extra?: number }[]} */ shown = [];
    const /** @type {[first: number, end: number]} */ wanted = [Infinity, 0];
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
    if (wanted[0] < wanted[1]) this.source?.want(...wanted);
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
      if (drawn.node === next) next = drawn.node.nextElementSibling;
      else this.canvas.insertBefore(drawn.node, next);
      this.renderTiles(layout, drawn, first, end, extra);
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

  /** @param {Own} section @returns {Drawn} */
  createSection(section) {
    const node = element("section", "section"), list = element("div", "tiles");
    node.append(...this.headingsOf(section), list);
    if (section.label) node.ariaLabel = section.label;
    return { node, list, tiles: new Map() };
  }

  /** @param {Layout<Own>} layout @param {Drawn} drawn @param {number} first @param {number} end @param {number} [extra] */
  renderTiles(layout, { list, tiles }, first, end, extra) {
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
        const { x, y, width, height } = placeOf(layout, offset);
        Object.assign(tile.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
        tiles.set(offset, tile);
      }
      if (tile === next) next = tile.nextElementSibling;
      else list.insertBefore(tile, next);
      const photo = tile.classList.contains("loading") ? this.source?.at(offset) : undefined;
      if (photo !== undefined) this.fill(tile, offset, photo);
    }
  }

  // ---------------------------------------------------------------- selection and marks

  // With `wholeRange`, all photos from the last one set to this one.
  /** @param {number} offset @param {boolean} isSelected @param {boolean} wholeRange */
  async select(offset, isSelected, wholeRange) {
    const photo = this.source?.at(offset);
    if (!photo) return;
    const from = wholeRange && this.last !== null ? await this.offsetOf(this.last) : null;
    this.last = photo.id;
    if (from === null || Math.abs(from - offset) > MOST_FETCHED) { tray.set([photo.id], isSelected); return; }
    tray.set(await this.idsBetween(Math.min(from, offset), Math.max(from, offset) + 1), isSelected);
  }

  /** @param {string} id @returns {Promise<number | null>} */
  async offsetOf(id) {
    const answer = await this.askAt(id);
    return answer?.ok && answer.content.version === this.version ? answer.content.offset : null;
  }

  showSelection() {
    this.box.classList.toggle("selecting", tray.size > 0);
    for (const { tile, photo } of this.filledTiles()) showSelected(tile, tray.isSelected(photo.id));
  }

  /** @param {Set<string>} ids */
  showMarksOf(ids) {
    for (const { tile, photo } of this.filledTiles()) if (ids.has(photo.id)) showMarks(tile, tray.marksOf(photo));
  }

  filledTiles() {
    return [...this.sections.values()].flatMap(({ tiles }) => [...tiles.values()].flatMap((tile) => (tile.photo ? [{ tile, photo: tile.photo }] : [])));
  }

  /** @param {KeyboardEvent} event */
  onSelectionKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const offset = this.focusedOffset(), photo = offset === null ? null : this.source?.at(offset);
    if (offset === null || !photo) return;
    const change = event.shiftKey ? null : tray.changeOf(event.key, photo);
    if (change) tray.mark([photo], change);
    else if (event.key.toLowerCase() === "x") this.select(offset, event.shiftKey || !tray.isSelected(photo.id), event.shiftKey);
    else return;
    event.preventDefault();
  }

  // ---------------------------------------------------------------- keyboard, clicks, history

  focusedOffset() {
    return tileAt(focusIn(this.box))?.offset ?? null;
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const tile = tileOf(event), offset = tile?.offset, { layout, scroller } = this;
    if (!tile || offset === undefined || !layout || event.ctrlKey || event.metaKey || event.altKey) return;
    this.awaited = event.key === "Enter" ? offsetAwaited(tile) : null;
    /** @param {1 | -1} direction */
    const page = (direction) => {
      const { x, y, width, height } = placeOf(layout, offset);
      return tileNear(layout, x + width / 2, y + direction * (scroller.clientHeight - height));
    };
    const target = /** @type {Record<string, () => number>} */ ({
      ArrowRight: () => offset + 1, ArrowLeft: () => offset - 1,
      ArrowDown: () => besideRow(layout, offset, 1), ArrowUp: () => besideRow(layout, offset, -1),
      PageDown: () => page(1), PageUp: () => page(-1), Home: () => 0, End: () => layout.count - 1,
    })[event.key]?.();
    if (target === undefined) return;
    event.preventDefault();
    this.focus(Math.min(layout.count - 1, Math.max(0, target)));
  }

  /** @param {number} offset */
  focus(offset) {
    const { scroller, layout } = this;
    if (!layout) return;
    const { y, height } = placeOf(layout, offset);
    const above = y === placeOf(layout, 0).y ? y : 120; // headings stay in sight above the first row
    if (y - above < scroller.scrollTop) scroller.scrollTop = y - above;
    if (y + height + GAP > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = y + height + 2 * GAP - scroller.clientHeight;
    this.active = offset;
    this.render();
    this.focusTile(offset);
  }

  // A tile whose photo has not arrived can have the focus as well.
  /** @param {number} offset */
  focusTile(offset) {
    const drawn = this.layout && this.sections.get(sectionOf(this.layout, offset).number);
    drawn?.tiles.get(offset)?.link.focus({ preventScroll: true });
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    if (!isPlainClick(event)) return;
    const tile = tileOf(event), link = closest(event, "a[href]");
    this.awaited = offsetAwaited(tile);
    if (!link) return;
    event.preventDefault();
    this.open(tile?.offset, link.getAttribute("href") ?? "");
  }

  // Visit an address; the place of the tile that leads there, if it has one, is remembered.
  /** @param {number | undefined} offset @param {string} address */
  open(offset, address) {
    if (offset !== undefined && this.layout) {
      this.active = offset;
      this.remember({ offset, below: placeOf(this.layout, offset).y - this.scroller.scrollTop }, true);
    }
    if (new URL(address, location.origin).pathname === PHOTO) coverWith(this.pictureAt(offset), this.scroller);
    visit(address);
  }

  // The picture of a tile, if it has one by now.
  /** @param {number | undefined} offset */
  pictureAt(offset) {
    if (offset === undefined || !this.layout) return null;
    return this.sections.get(sectionOf(this.layout, offset).number)?.tiles.get(offset)?.querySelector("img") ?? null;
  }

  // Keep a place: a photo, and how far below the upper edge it is.
  /** @param {InSight | null} place @param {boolean} [isOpened] */
  remember(place, isOpened = false) {
    clearTimeout(this.remembering);
    if (!this.box.isConnected || location.pathname !== this.path) return; // the view has changed
    const id = place && this.source?.at(place.offset)?.id;
    this.mustRemember = Boolean(place && !id); // when its tile has arrived
    if (!place) this.keepPlace(null); else if (id) this.keepPlace({ id, below: place.below, isOpened });
  }
}

// The offset of a tile whose photo has not arrived, else null.
/** @param {Tile | null} tile */
function offsetAwaited(tile) {
  return tile?.classList.contains("loading") ? tile.offset ?? null : null;
}
