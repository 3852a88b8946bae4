// The photos themselves, where few enough are in sight: one in each square of a grid, so that none hides another.

import { isPlainClick, visit } from "../history/history.js";
import { ask } from "../shared/ask.js";
import { element } from "../shared/dom.js";
import { createTile, dropTile, fillTile, markByKey, showMarks, showSelected } from "../shared/photo_tile.js";
import { tray } from "../shared/tray.js";
import { DIM } from "./points.js";

export const TILE_PX = 96;
const GAP_PX = 4, MOST_PER_TILE = 4, MOST_AT_ONCE = 300, MOST_KEPT = 5_000;

export class Tiles {
  constructor(box) {
    this.box = box;
    this.known = new Map(); // what tiles show, by id
    this.tiles = new Map(); // those in sight, by id
    box.onkeydown = (event) => this.onKey(event);
  }

  // To be called when what a photo shows may have changed, or the search that its link leads to.
  forget() {
    this.known.clear();
    for (const tile of this.tiles.values()) dropTile(tile);
    this.tiles.clear();
  }

  // Chooses the photos that are shown when the map stands still. `points` has ids, x and y, and `states`.
  async show(plane, points, states, search) {
    this.request?.abort();
    const chosen = choose(plane, points, states);
    for (const [id, tile] of this.tiles) {
      if (!chosen.has(id)) { dropTile(tile); this.tiles.delete(id); }
    }
    for (const [id, place] of chosen) {
      const tile = this.tiles.get(id) ?? this.create(id);
      Object.assign(tile, { place });
      tile.behind.textContent = place.photos > 1 ? `+${place.photos - 1}` : "";
    }
    this.follow(plane);
    const missing = [...chosen.keys()].filter((id) => !this.known.has(id)).slice(0, MOST_AT_ONCE);
    if (missing.length && !(await this.fetch(missing, search))) return false;
    for (const [id, tile] of this.tiles) if (!tile.photo && this.known.has(id)) this.fill(tile, this.known.get(id));
    this.showSelection();
    return true;
  }

  // What a tile of one photo shows; null where it is gone, or another was asked for meanwhile.
  async one(id, search) {
    if (!this.known.has(id)) await this.fetch([id], search);
    return this.known.get(id) ?? null;
  }

  async fetch(ids, search) {
    const request = (this.request = new AbortController());
    const parameters = new URLSearchParams({ ...search, ids: ids.join(",") });
    const answer = await ask(`/meaning/tiles?${parameters}`, { signal: request.signal });
    if (!answer?.ok || request.signal.aborted) return false;
    if (this.known.size > MOST_KEPT) this.known.clear();
    for (const [id, photo] of Object.entries(answer.content)) this.known.set(id, photo);
    return true;
  }

  create(id) {
    const tile = createTile();
    tile.behind = element("span", "behind");
    tile.append(tile.behind);
    this.tiles.set(id, tile);
    this.box.append(tile);
    return tile;
  }

  fill(tile, photo) {
    fillTile(tile, photo, (isSelected) => tray.set([photo.id], isSelected));
    if (!photo) { tile.remove(); return; }
    tile.link.draggable = false;
    tile.link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(photo.link); } };
  }

  // Moves the tiles with the map.
  follow(plane) {
    for (const tile of this.tiles.values()) {
      const { x, y } = tile.place;
      tile.style.transform = `translate(${plane.screenX(x) - TILE_PX / 2}px, ${plane.screenY(y) - TILE_PX / 2}px)`;
    }
  }

  showSelection() {
    for (const tile of this.tiles.values()) {
      if (!tile.photo) continue;
      showSelected(tile, tray.isSelected(tile.photo.id));
      showMarks(tile, tray.marksOf(tile.photo));
    }
  }

  onKey(event) {
    if (markByKey(event)) event.stopPropagation();
  }
}

// By id: the middle of its square, and how many photos are in it. Empty where too many photos are in sight.
function choose(plane, { ids, x, y }, states) {
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
