// The map of meaning: all photos as points on a plane, by what they show. Close by, the photos themselves are shown.
//
// Python gives the search, as the parameters of its address, and the version of the map; clusters, points and tiles come
// from the page's own server. The address keeps what is in sight.

import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, askOperation, isLost } from "../shared/ask.js";
import { closest, countOf, element, icon, textButton } from "../shared/dom.js";
import { fillWindow, isDark, mount } from "../shared/page.js";
import { CHANGED, MARKED, OTHER_PHOTOS, tray } from "../shared/tray.js";
import { Lasso, isInside } from "./lasso.js";
import { Names, clusterOf } from "./names.js";
import { Plane } from "./plane.js";
import { BRIGHT, DIM, PointCanvas, SELECTED, colourOf } from "./points.js";
import { Tiles } from "./tiles.js";

/** @import { Parameters } from "../types.d.ts" */
/** @import { Corner } from "./lasso.js" */
/** @import { Cluster } from "./names.js" */
/** @import { Colours } from "./points.js" */
/** @typedef {{ search: Parameters, version: string }} Data */
/** @typedef {{ ids: Float64Array, x: Float32Array, y: Float32Array, cluster: Uint16Array }} Points a column each: ids, places in the unit square, and the finest clusters */

const STEPS = 65_535; // on a side of the map: see the feature's page_data.py
const STILL_MS = 140, REST_MS = 200, MOVED_PX = 5, NEAR_PX = 10, PAN_PX = 90, STEP = 1.6;
const FOLLOWED = /** @type {const} */ ([CHANGED, MARKED]);
const MOST_SELECTED = 12_000; // photos at once; as in a circle of the map
const LIGHT = {
  background: "#f7f8f8", dim: "#d9dedd", selected: "#111111",
  bright: ["#0f766e", "#b45309", "#4338ca", "#be185d", "#4d7c0f", "#0369a1", "#a21caf", "#b91c1c", "#57534e", "#047857"],
};
const DARK = {
  background: "#14191b", dim: "#31393b", selected: "#ffffff",
  bright: ["#2dd4bf", "#fbbf24", "#a5b4fc", "#f9a8d4", "#bef264", "#7dd3fc", "#e879f9", "#fca5a5", "#d6d3d1", "#6ee7b7"],
};

class MeaningMap {
  node = element("div", "plane");
  canvas = new PointCanvas(element("canvas"));
  tiles = new Tiles(element("div", "photos"));
  names = new Names(element("div", "names"), (cluster) => this.showCluster(cluster));
  preview = element("img", "preview-photo");
  lasso = new Lasso((path) => this.selectInside(path));
  draw = textButton("Select an area", () => this.setDrawing(!this.lasso.isOn), "lasso_select", "tool");
  panel = element("div", "panel");
  /** @type {Points} */ points = { ids: new Float64Array(0), x: new Float32Array(0), y: new Float32Array(0), cluster: new Uint16Array(0) };
  /** @type {Map<string, number>} */ places = new Map(); // of the points, by id
  /** @type {Uint8Array | null} */ found = null; // by point: 1 where the search finds its photo
  /** @type {Cluster[]} */ clusters = []; // by number
  /** @type {number[]} */ counts = []; // of photos that are found, by the number of a cluster
  /** @type {Map<number, Corner>} */ pointers = new Map(); // where each is, by its id
  /** @type {Parameters | undefined} */ search;
  /** @type {number[] | null | undefined} */ start; // what the address says is in sight, until it is; null: done
  palette = LIGHT;
  colours = coloursOf(LIGHT);
  /** @type {AbortController | undefined} */ loading;
  /** @type {number | undefined} */ frame; // the next frame, if one was asked for
  /** @type {string | null} */ wanted = null; // the id of the photo that the mouse rests on
  version = "";
  frames = 0; // for measurements
  hasMoved = false;
  still = 0;
  rest = 0;

  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.path = location.pathname;
    this.plane = new Plane();
    this.build();
    this.follow = () => this.showSelection();
    this.reload = () => this.load();
    for (const kind of FOLLOWED) tray.addEventListener(kind, this.follow);
    tray.addEventListener(OTHER_PHOTOS, this.reload);
    this.fit = () => this.resize();
    addEventListener("resize", this.fit);
    this.resize();
  }

  build() {
    const { box } = this;
    Object.assign(this.node, { tabIndex: 0, role: "application" });
    this.node.ariaLabel = "Map of meaning: photos that show similar things lie close together. Arrow keys move it, plus and minus zoom, 0 shows all.";
    const { canvas } = this.canvas;
    canvas.ariaHidden = "true";
    Object.assign(this.preview, { alt: "", hidden: true });
    this.node.append(canvas, this.tiles.box, this.names.box, this.preview, this.lasso.node);
    this.draw.ariaPressed = "false";
    const zooms = element("div", "zooms");
    for (const [sign, label, act] of /** @type {const} */ ([["add", "Zoom in", () => this.zoom(STEP)], ["remove", "Zoom out", () => this.zoom(1 / STEP)], ["zoom_out_map", "Show all", () => this.showAll()]])) {
      const button = element("button", "tool");
      Object.assign(button, { type: "button", onclick: act, ariaLabel: label, title: label });
      button.append(icon(sign));
      zooms.append(button);
    }
    Object.assign(this.panel, { role: "status", hidden: true });
    box.replaceChildren(this.node, this.draw, zooms, this.panel);
    const { node } = this;
    node.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    node.addEventListener("pointerdown", (event) => this.onDown(event));
    node.addEventListener("pointermove", (event) => this.onMove(event));
    for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) node.addEventListener(kind, (event) => this.onUp(event));
    node.addEventListener("pointerleave", () => this.hidePreview());
    node.addEventListener("click", (event) => this.onClick(event), { capture: true });
    node.addEventListener("dblclick", (event) => { if (event.target === node || event.target === canvas) this.zoom(2, ...this.placeOf(event)); });
    node.addEventListener("keydown", (event) => this.onKey(event));
  }

  close() {
    removeEventListener("resize", this.fit);
    for (const kind of FOLLOWED) tray.removeEventListener(kind, this.follow);
    tray.removeEventListener(OTHER_PHOTOS, this.reload);
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    clearTimeout(this.still);
    clearTimeout(this.rest);
    this.loading?.abort();
    this.tiles.request?.abort();
  }

  // ---------------------------------------------------------------- data

  /** @param {Data} data */
  update({ search, version }) {
    // Read first: what is drawn replaces it.
    if (!this.search) this.start = new URLSearchParams(location.search).get("at")?.split(",").map(Number);
    this.resize();
    const isOther = JSON.stringify(search) !== JSON.stringify(this.search), isNew = version !== this.version;
    this.search = search;
    if (isOther) this.tiles.forget();
    if (isOther || isNew) this.load();
  }

  // The map, and which of its photos the search finds. Another version that comes meanwhile is loaded in its place.
  async load() {
    this.loading?.abort();
    const { signal } = (this.loading = new AbortController());
    delete this.node.dataset.drawn;
    for (let tries = 0; tries < 3; tries++) {
      const map = await askOperation("meaning", { query: null }, { signal });
      if (signal.aborted) return;
      if (!map?.ok) { this.say(map ? map.content : NO_SERVER); return; }
      const { version, clusters } = map.content;
      if (version !== this.version) {
        const columns = await this.fetchBytes(`/meaning/points?version=${version}`, signal);
        if (signal.aborted) return;
        if (!columns) continue;
        this.setPoints(columns, clusters.map(clusterOf));
        this.version = version;
      }
      const bits = await this.fetchBytes(`/meaning/found?${new URLSearchParams({ ...this.search, version })}`, signal);
      if (signal.aborted) return;
      if (!bits) continue;
      this.setFound(new Uint8Array(bits));
      return;
    }
    this.say("The map changes too often to be shown. Reload the page.");
  }

  /** @param {string} address @param {AbortSignal} signal */
  async fetchBytes(address, signal) {
    try {
      const response = await fetch(address, { signal });
      if (response.ok) return await response.arrayBuffer();
      if (response.status === 422) this.say(await response.text());
    } catch (error) {
      if (!isLost(error)) throw error;
    }
    return null;
  }

  /** @param {ArrayBuffer} columns @param {Cluster[]} clusters */
  setPoints(columns, clusters) {
    const bytesEach = 8 + 3 * 2, count = columns.byteLength / bytesEach;
    const ids = new Float64Array(columns, 0, count);
    const [across, down, cluster] = [0, 1, 2].map((column) => new Uint16Array(columns, count * (8 + 2 * column), count));
    this.points = { ids, x: Float32Array.from(across, (step) => step / STEPS), y: Float32Array.from(down, (step) => step / STEPS), cluster };
    this.places = new Map(Array.from(ids, (id, place) => [String(id), place]));
    this.clusters = [];
    for (const each of clusters) this.clusters[each.number] = each;
    const outer = this.clusters.map((each) => { while (each.parent !== null) each = this.clusters[each.parent]; return each.number; });
    const tops = clusters.filter(({ parent }) => parent === null).map(({ number }) => number);
    const colours = Uint8Array.from(cluster, (number) => tops.indexOf(outer[number]) % LIGHT.bright.length);
    this.canvas.setPoints(this.points.x, this.points.y, colours);
    this.names.setClusters(clusters);
    this.tiles.forget();
  }

  /** @param {Uint8Array} bits */
  setFound(bits) {
    const count = this.points.ids.length;
    const found = this.found = new Uint8Array(count);
    this.counts = new Array(this.clusters.length).fill(0);
    for (let i = 0; i < count; i++) {
      found[i] = (bits[i >> 3] >> (i & 7)) & 1;
      if (!found[i]) continue;
      for (let /** @type {number | null} */ number = this.points.cluster[i]; number !== null; number = this.clusters[number].parent) this.counts[number] += 1;
    }
    this.node.dataset.found = String(found.reduce((sum, each) => sum + each, 0));
    this.showSelection();
    if (this.start !== null) {
      const [x, y, zoom] = this.start ?? [];
      if (x !== undefined && y !== undefined && zoom !== undefined && [x, y, zoom].every(Number.isFinite)) { Object.assign(this.plane, { x, y }); this.plane.zoom = zoom; } else this.plane.showAll();
      this.start = null;
    }
    this.moved();
  }

  // ---------------------------------------------------------------- drawing

  resize() {
    fillWindow(this.box);
    const { width, height } = this.node.getBoundingClientRect();
    const before = { width: this.plane.width, height: this.plane.height };
    const palette = isDark(this.box) ? DARK : LIGHT;
    if (before.width === width && before.height === height && this.palette === palette) return;
    this.plane.resize(width, height);
    this.canvas.resize(width, height);
    this.palette = palette;
    this.box.classList.toggle("dark", palette === DARK);
    this.colours = coloursOf(palette);
    this.moved();
  }

  // The map is drawn at once, and names and photos are chosen anew when it stands still.
  moved() {
    delete this.node.dataset.drawn;
    this.hidePreview();
    this.frame ??= requestAnimationFrame(() => this.drawFrame());
    clearTimeout(this.still);
    this.still = setTimeout(() => this.settle(), STILL_MS);
  }

  drawFrame() {
    this.frame = undefined;
    this.canvas.draw(this.plane, this.colours);
    this.names.follow(this.plane);
    this.tiles.follow(this.plane);
    this.frames += 1;
  }

  // The attribute `data-drawn` says that all in sight is drawn.
  async settle() {
    if (!this.found || !this.search) return;
    this.remember();
    const { x, y, scale } = this.plane, shown = this.tiles.show(this.plane, this.points, this.found, this.search);
    this.names.show(this.plane, this.counts, this.tiles.tiles.size > 0); // tiles are chosen, and their pictures come later
    await shown;
    if (x === this.plane.x && y === this.plane.y && scale === this.plane.scale) this.node.dataset.drawn = "";
  }

  // What is ticked may have been ticked elsewhere.
  showSelection() {
    if (!this.found) return;
    const states = Uint8Array.from(this.found, (isFound) => (isFound ? BRIGHT : DIM));
    for (const id of tray.ids) {
      const place = this.places.get(id);
      if (place !== undefined) states[place] = SELECTED;
    }
    this.canvas.setStates(states);
    this.box.classList.toggle("selecting", tray.size > 0);
    this.tiles.showSelection();
    this.frame ??= requestAnimationFrame(() => this.drawFrame());
  }

  /** @param {string} text @param {HTMLElement[]} buttons */
  say(text, ...buttons) {
    this.panel.replaceChildren(element("span", "", text), ...buttons, textButton("Close", () => { this.panel.hidden = true; }));
    this.panel.hidden = false;
  }

  // ---------------------------------------------------------------- moving

  /** @param {number} factor @param {number} [left] @param {number} [top] */
  zoom(factor, left, top) { this.plane.zoomAt(factor, left, top); this.moved(); }

  showAll() { this.plane.showAll(); this.moved(); }

  /** @param {Cluster} cluster */
  showCluster(cluster) {
    const { x, y, cluster: own } = this.points, /** @type {Set<number | null>} */ inside = new Set([cluster.number]);
    const /** @type {number[]} */ across = [], /** @type {number[]} */ down = [];
    for (const each of this.clusters) if (each && inside.has(each.parent)) inside.add(each.number); // finer ones come later
    for (let i = 0; i < x.length; i++) if (this.found?.[i] && inside.has(own[i])) { across.push(x[i]); down.push(y[i]); }
    for (const each of [across, down]) each.sort((one, other) => one - other);
    const most = across.length - 1, first = Math.floor(most * .02), last = Math.ceil(most * .98); // not the few far away
    const before = this.plane.scale;
    this.plane.show({ left: across[first], right: across[last], top: down[first], bottom: down[last] });
    if (this.plane.scale < before * STEP) this.plane.scale = this.plane.limited(before * STEP);
    this.moved();
    this.node.focus({ preventScroll: true });
  }

  /** @param {MouseEvent} event @returns {Corner} */
  placeOf(event) {
    const { left, top } = this.node.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  /** @param {WheelEvent} event */
  onWheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const change = Math.max(-240, Math.min(240, event.deltaY * lines)) * (event.ctrlKey ? 4 : 1); // a pinch on a touchpad
    this.zoom(Math.exp(-change / 260), ...this.placeOf(event));
  }

  /** @param {PointerEvent} event */
  onDown(event) {
    if (event.button || closest(event, ".select")) return;
    this.hasMoved = false;
    if (this.lasso.isOn || (event.shiftKey && event.pointerType === "mouse")) {
      event.preventDefault();
      this.node.setPointerCapture(event.pointerId);
      this.lasso.begin(event.pointerId, ...this.placeOf(event));
      return;
    }
    this.pointers.set(event.pointerId, this.placeOf(event));
  }

  /** @param {PointerEvent} event */
  onMove(event) {
    const [left, top] = this.placeOf(event);
    if (this.lasso.extend(event.pointerId, left, top)) { this.hasMoved = true; return; }
    const before = this.pointers.get(event.pointerId);
    if (!before) { this.rested(event, left, top); return; }
    if (!this.hasMoved && this.pointers.size === 1 && Math.hypot(left - before[0], top - before[1]) < MOVED_PX) return;
    if (!this.hasMoved) for (const id of this.pointers.keys()) this.node.setPointerCapture(id); // a click is none any more
    this.hasMoved = true;
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const factor = Math.hypot(left - other[0], top - other[1]) / Math.max(1, Math.hypot(before[0] - other[0], before[1] - other[1]));
      this.plane.zoomAt(factor, (before[0] + other[0]) / 2, (before[1] + other[1]) / 2);
      this.plane.pan((left - before[0]) / 2, (top - before[1]) / 2);
    } else this.plane.pan(left - before[0], top - before[1]);
    this.pointers.set(event.pointerId, [left, top]);
    this.moved();
  }

  /** @param {PointerEvent} event */
  onUp(event) {
    this.pointers.delete(event.pointerId);
    this.lasso.end(event.pointerId, event.type === "pointerup");
    if (!this.pointers.size) setTimeout(() => { this.hasMoved = false; }, STILL_MS); // the click that follows is over
  }

  // Where the map was moved, or a lasso drawn, the button of the mouse is let go over something: that is no click.
  /** @param {MouseEvent} event */
  onClick(event) {
    if (this.hasMoved) {
      event.preventDefault();
      event.stopPropagation();
      this.hasMoved = false;
      return;
    }
    if (closest(event, ".tile, .name")) return;
    const place = this.nearest(...this.placeOf(event));
    if (place === null || !isPlainClick(event)) return;
    visit(`/photo?${new URLSearchParams({ id: String(this.points.ids[place]), ...this.search })}`);
  }

  // The place of the bright point that is nearest to this place of the screen; null where none is near.
  /** @param {number} left @param {number} top */
  nearest(left, top) {
    const { x, y } = this.points, across = this.plane.planeX(left), down = this.plane.planeY(top);
    let /** @type {number | null} */ best = null, least = (NEAR_PX / this.plane.scale) ** 2;
    for (let i = 0; i < x.length; i++) {
      if (!this.found?.[i]) continue;
      const distance = (x[i] - across) ** 2 + (y[i] - down) ** 2;
      if (distance < least) { least = distance; best = i; }
    }
    return best;
  }

  // Shows the photo of a point while the mouse rests on it.
  /** @param {PointerEvent} event @param {number} left @param {number} top */
  rested(event, left, top) {
    clearTimeout(this.rest);
    this.hidePreview();
    if (event.pointerType !== "mouse" || closest(event, ".tile, .name")) return;
    this.rest = setTimeout(async () => {
      const place = this.nearest(left, top);
      if (place === null) return;
      const wanted = (this.wanted = String(this.points.ids[place]));
      const photo = await this.tiles.one(wanted, this.search ?? {});
      if (this.wanted !== wanted || !photo) return;
      this.preview.src = photo.src;
      this.preview.style.left = `${Math.min(left + 14, this.plane.width - 170)}px`;
      this.preview.style.top = `${Math.min(top + 14, this.plane.height - 170)}px`;
      this.preview.hidden = false;
    }, REST_MS);
  }

  hidePreview() {
    clearTimeout(this.rest);
    this.wanted = null;
    this.preview.hidden = true;
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const /** @type {Record<string, Corner>} */ pans = { ArrowLeft: [PAN_PX, 0], ArrowRight: [-PAN_PX, 0], ArrowUp: [0, PAN_PX], ArrowDown: [0, -PAN_PX] };
    if (pans[event.key]) { this.plane.pan(...pans[event.key]); this.moved(); }
    else if (event.key === "+" || event.key === "=") this.zoom(STEP);
    else if (event.key === "-") this.zoom(1 / STEP);
    else if (event.key === "0" && event.target === this.node) this.showAll();
    else if (event.key === "Escape" && (this.lasso.isOn || !this.panel.hidden)) { this.setDrawing(false); this.panel.hidden = true; }
    else if (event.key === "Enter" && this.lasso.isOn && event.target === this.node) {
      const { width, height } = this.plane;
      this.selectInside([[0, 0], [width, 0], [width, height], [0, height]]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---------------------------------------------------------------- the lasso

  /** @param {boolean} isOn */
  setDrawing(isOn) {
    this.lasso.setOn(isOn);
    this.draw.ariaPressed = String(isOn);
    this.node.classList.toggle("drawing", isOn);
    if (!isOn) return;
    this.say("Draw around the photos to select. Or press Enter for all that are in sight.");
    this.node.focus({ preventScroll: true });
  }

  // Selects the photos inside a path on the screen, besides those that are selected.
  /** @param {Corner[]} path */
  selectInside(path) {
    this.setDrawing(false);
    const { ids, x, y } = this.points, corners = path.map(/** @returns {Corner} */ ([left, top]) => [this.plane.planeX(left), this.plane.planeY(top)]);
    const inside = [];
    for (let i = 0; i < x.length; i++) if (this.found?.[i] && isInside(x[i], y[i], corners)) inside.push(String(ids[i]));
    const added = inside.filter((id) => !tray.isSelected(id));
    if (inside.length > MOST_SELECTED) { this.say(`${countOf(inside.length)} are too many to select at once. Draw around ${MOST_SELECTED.toLocaleString("en")} at most.`); return; }
    tray.set(added, true);
    if (!inside.length) this.say("No photo is in this area.");
    else this.say(`${countOf(inside.length)} selected here.`, textButton("Undo", () => { tray.set(added, false); this.panel.hidden = true; }));
  }

  // Keep what is in sight in the address of this view, without a new entry in the history.
  remember() {
    if (!this.box.isConnected || location.pathname !== this.path) return; // the view has changed
    const address = new URL(location.href), { x, y, zoom, isWhole } = this.plane;
    if (isWhole) address.searchParams.delete("at");
    else address.searchParams.set("at", `${x.toFixed(6)},${y.toFixed(6)},${zoom.toFixed(3)}`);
    history.replaceState(history.state, "", address);
  }
}

export default mount(MeaningMap);

/** @param {typeof LIGHT} palette @returns {Colours} */
function coloursOf({ background, dim, selected, bright }) {
  return { background: colourOf(background), dim: colourOf(dim), selected: colourOf(selected), bright: bright.map(colourOf) };
}


