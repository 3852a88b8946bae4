// What the map shows from zoom level 6 on: land, lakes, rivers and borders at 1:10 million, and urban areas at 1:50
// million, in tiles of ten degrees that are loaded when they come into sight. make_detail.py makes their files.

import { ask } from "../shared/ask.js";
import { pointsOf } from "./world.js";

/** @import { Canvas, Map as LeafletMap, Path } from "leaflet" */
/** @import { Response } from "../types.d.ts" */
/** @import { Colours } from "./ground.js" */
/** @typedef {"sea" | "land" | "urban" | "river" | "lake" | "border"} Kind */
/** @typedef {{ layer: Path, kind: Kind }} Drawn */
/** @typedef {Record<"land" | "urban" | "lakes" | "rivers" | "borders", number[][]>} TileFile lines as differences of steps */

const { L } = window;
const FROM_ZOOM = 6, DEGREES = 10, STEPS_PER_DEGREE = 400;
const MOST_KEPT = 48; // tiles; a large window shows twelve
// In panes of their own, one above the other, so that no tile covers a part of its neighbour.
const PANES = ["detail-sea", "detail-land", "detail-water"];

export class Detail {
  isClosed = false;

  // `names` are those of all tiles.
  /** @param {LeafletMap} map @param {string[]} names @param {Colours} colours */
  constructor(map, names, colours) {
    this.colours = colours;
    this.map = map;
    this.names = new Set(names);
    /** @type {Map<string, Promise<Drawn[] | null>>} */
    this.tiles = new Map(); // by name, the latest seen last: promises of layers
    this.renderers = PANES.map((name, number) => {
      const pane = map.createPane(name);
      Object.assign(pane.style, { zIndex: String(401 + number), pointerEvents: "none" });
      return L.canvas({ pane: name, padding: 0.5 });
    });
  }

  // Shows what is in sight. The promise is kept when all of it is drawn.
  /** @param {Colours} colours */
  async show(colours) {
    this.colours = colours;
    const isShown = this.map.getZoom() >= FROM_ZOOM;
    for (const name of PANES) {
      const pane = this.map.getPane(name);
      if (pane) pane.hidden = !isShown;
    }
    if (!isShown) return;
    const inSight = this.namesInSight().filter((name) => this.names.has(name));
    for (const name of inSight) {
      const tile = this.tiles.get(name) ?? this.load(name);
      this.tiles.delete(name);
      this.tiles.set(name, tile);
    }
    for (const [name, tile] of [...this.tiles].slice(0, Math.max(0, this.tiles.size - Math.max(MOST_KEPT, inSight.length)))) {
      this.tiles.delete(name);
      tile.then((drawn) => { for (const { layer } of drawn ?? []) layer.remove(); });
    }
    await Promise.all(inSight.map((name) => this.tiles.get(name)));
  }

  // What arrives later is not drawn any more.
  close() { this.isClosed = true; }

  /** @param {Colours} colours */
  colour(colours) {
    this.colours = colours;
    for (const tile of this.tiles.values()) tile.then((drawn) => { for (const { layer, kind } of drawn ?? []) layer.setStyle(this.styleOf(kind)); });
  }

  namesInSight() {
    const bounds = this.map.getBounds().pad(0.25), first = (/** @type {number} */ value) => Math.floor(value / DEGREES) * DEGREES;
    const names = [];
    for (let south = first(Math.max(-90, bounds.getSouth())); south < Math.min(90, bounds.getNorth()); south += DEGREES) {
      for (let west = first(Math.max(-180, bounds.getWest())); west < Math.min(180, bounds.getEast()); west += DEGREES) names.push(nameOf(south, west));
    }
    return names;
  }

  // The layers of a tile; null where the server does not answer: the next look asks again.
  /** @param {string} name @returns {Promise<Drawn[] | null>} */
  async load(name) {
    /** @type {Response<TileFile> | null} */
    const answer = await ask(new URL(`./detail/${name}.json`, import.meta.url));
    if (this.isClosed) return null;
    if (!answer?.ok) { this.tiles.delete(name); return null; }
    const { land, urban, lakes, rivers, borders } = answer.content;
    const [south, west] = cornerOf(name);
    /** @param {number[][]} list */
    const lines = (list) => list.map((numbers) => pointsOf(numbers, STEPS_PER_DEGREE).map(/** @returns {[lat: number, lon: number]} */ ([lon, lat]) => [lat, lon]));
    const [sea, ground, water] = this.renderers;
    /** @param {Path} layer @param {Kind} kind @returns {Drawn} */
    const add = (layer, kind) => ({ layer: layer.setStyle(this.styleOf(kind)).addTo(this.map), kind });
    /** @param {Canvas} renderer @param {string} pane */
    const options = (renderer, pane) => ({ renderer, pane, interactive: false });
    return [
      add(L.rectangle([[south, west], [south + DEGREES, west + DEGREES]], options(sea, PANES[0])), "sea"),
      add(L.polygon([lines(land)], { ...options(ground, PANES[1]), smoothFactor: 0.5 }), "land"),
      add(L.polygon([lines(urban)], { ...options(ground, PANES[1]), smoothFactor: 0.5 }), "urban"),
      add(L.polyline(lines(rivers), options(water, PANES[2])), "river"), // through lakes as well, which cover them
      add(L.polygon([lines(lakes)], { ...options(water, PANES[2]), smoothFactor: 0.5 }), "lake"),
      add(L.polyline(lines(borders), options(water, PANES[2])), "border"),
    ];
  }

  /** @param {Kind} kind @returns {import("leaflet").PathOptions} */
  styleOf(kind) {
    const { river, border, sea } = this.colours;
    if (kind === "river") return { color: river, weight: 1.5, fill: false, opacity: 1 };
    if (kind === "border") return { color: border, weight: 1.5, fill: false, opacity: 1, dashArray: "6 3" };
    return { stroke: false, fill: true, fillColor: kind === "lake" ? sea : this.colours[kind], fillOpacity: 1 };
  }
}

/** @param {number} south @param {number} west */
function nameOf(south, west) {
  const number = (/** @type {number} */ value, /** @type {number} */ digits) => String(Math.abs(value)).padStart(digits, "0");
  return `${south < 0 ? "S" : "N"}${number(south, 2)}${west < 0 ? "W" : "E"}${number(west, 3)}`;
}

/** @param {string} name @returns {[south: number, west: number]} */
function cornerOf(name) {
  const lat = Number(name.slice(1, 3)), lon = Number(name.slice(4));
  return [name[0] === "S" ? -lat : lat, name[3] === "W" ? -lon : lon];
}
