// The photos themselves, where few enough are in sight: one in each square of a grid, so that none hides another.

import { isPlainClick, visit } from "../history/history.js";
import { ask } from "../shared/ask.js";
import { element } from "../shared/dom.js";
import { createTile, dropTile, fillTile, markByKey, showMarks, showSelected } from "../shared/photo_tile.js";
import { tray } from "../shared/tray.js";
import { DIM } from "./points.js";

/** @import { Parameters, Response, Tile, TilePhoto } from "../types.d.ts" */
/** @import { Plane } from "./plane.js" */
/** @typedef {{ ids: ArrayLike<number>, x: ArrayLike<number>, y: ArrayLike<number> }} Points: ids and places in the unit square */
/** @typedef {{ x: number, y: number, photos: number }} Square: its middle, and how many photos are in it */
/** @typedef {{ tile: Tile, behind: HTMLElement, square: Square }} Shown */

export const TILE_PX = 96;
const GAP_PX = 4, MOST_PER_TILE = 4, MOST_AT_ONCE = 300, MOST_KEPT = 5_000;

export class Tiles {
  /** @type {AbortController | undefined} */ request;

  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    /** @type {Map<string, TilePhoto | null>} */
    this.known = new Map(); // what tiles show, by id; null: the photo is gone
    /** @type {Map<string, Shown>} */
    this.tiles = new Map(); // those in sight, by id
    box.onkeydown = (event) => this.onKey(event);
  }

  // To be called when what a photo shows may have changed, or the search that its link leads to.
  forget() {
    this.known.clear();
    for (const { tile } of this.tiles.values()) dropTile(tile);
    this.tiles.clear();
  }

  // Chooses the photos that are shown when the map stands still.
  /** @param {Plane} plane @param {Points} points @param {ArrayLike<number>} states @param {Parameters} search */
  async show(plane, points, states, search) {
    this.request?.abort();
    const chosen = choose(plane, points, states);
    for (const [id, { tile }] of this.tiles) {
      if (!chosen.has(id)) { dropTile(tile); this.tiles.delete(id); }
    }
    for (const [id, square] of chosen) {
      const shown = this.tiles.get(id) ?? this.create(id, square);
      shown.square = square;
      shown.behind.textContent = square.photos > 1 ? `+${square.photos - 1}` : "";
    }
    this.follow(plane);
    const missing = [...chosen.keys()].filter((id) => !this.known.has(id)).slice(0, MOST_AT_ONCE);
    if (missing.length && !(await this.fetch(missing, search))) return false;
    for (const [id, { tile }] of this.tiles) {
      const photo = this.known.get(id);
      if (!tile.photo && photo !== undefined) this.fill(tile, photo);
    }
    this.showSelection();
    return true;
  }

  // What a tile of one photo shows; null where it is gone, or another was asked for meanwhile.
  /** @param {string} id @param {Parameters} search */
  async one(id, search) {
    if (!this.known.has(id)) await this.fetch([id], search);
    return this.known.get(id) ?? null;
  }

  /** @param {string[]} ids @param {Parameters} search */
  async fetch(ids, search) {
    const request = (this.request = new AbortController());
    const parameters = new URLSearchParams({ ...search, ids: ids.join(",") });
    /** @type {Response<Record<string, TilePhoto | null>> | null} */
    const answer = await ask(`/meaning/tiles?${parameters}`, { signal: request.signal });
    if (!answer?.ok || request.signal.aborted) return false;
    if (this.known.size > MOST_KEPT) this.known.clear();
    for (const [id, photo] of Object.entries(answer.content)) this.known.set(id, photo);
    return true;
  }

  /** @param {string} id @param {Square} square @returns {Shown} */
  create(id, square) {
    const tile = createTile(), behind = element("span", "behind"), shown = { tile, behind, square };
    tile.append(behind);
    this.tiles.set(id, shown);
    this.box.append(tile);
    return shown;
  }

  /** @param {Tile} tile @param {TilePhoto | null} photo */
  fill(tile, photo) {
    if (!photo) { tile.remove(); return; }
    fillTile(tile, photo, (isSelected) => tray.set([photo.id], isSelected));
    tile.link.draggable = false;
    tile.link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(photo.link); } };
  }

  // Moves the tiles with the map.
  /** @param {Plane} plane */
  follow(plane) {
    for (const { tile, square: { x, y } } of this.tiles.values()) {
      tile.style.transform = `translate(${plane.screenX(x) - TILE_PX / 2}px, ${plane.screenY(y) - TILE_PX / 2}px)`;
    }
  }

  showSelection() {
    for (const { tile } of this.tiles.values()) {
      if (!tile.photo) continue;
      showSelected(tile, tray.isSelected(tile.photo.id));
      showMarks(tile, tray.marksOf(tile.photo));
    }
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (markByKey(event)) event.stopPropagation();
  }
}

// By id: the middle of its square, and how many photos are in it. Empty where too many photos are in sight.
/** @param {Plane} plane @param {Points} points @param {ArrayLike<number>} states @returns {Map<string, Square>} */
export function choose(plane, { ids, x, y }, states) {
  const side = (TILE_PX + GAP_PX) / plane.scale, squares = new Map();
  const left = plane.planeX(0), right = plane.planeX(plane.width), top = plane.planeY(0), bottom = plane.planeY(plane.height);
  const most = MOST_PER_TILE * (plane.width * plane.height) / (TILE_PX + GAP_PX) ** 2;
  let inSight = 0;
  for (let i = 0; i < x.length; i++) {
    if (states[i] === DIM || x[i] < left || x[i] > right || y[i] < top || y[i] > bottom) continue;
    if ((inSight += 1) > most) return new Map();
    const column = Math.floor(x[i] / side), row = Math.floor(y[i] / side), key = `${column} ${row}`;
    const middle = { x: (column + .5) * side, y: (row + .5) * side };
    const distance = Math.hypot(x[i] - middle.x, y[i] - middle.y), square = squares.get(key);
    if (!square) squares.set(key, { ...middle, i, distance, photos: 1 });
    else {
      square.photos += 1;
      if (distance < square.distance) Object.assign(square, { i, distance });
    }
  }
  return new Map([...squares.values()].map(({ i, x: across, y: down, photos }) => [String(ids[i]), { x: across, y: down, photos }]));
}
