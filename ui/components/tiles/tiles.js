// A few photos side by side, in rows of one height.

import { isPlainClick, placeInHistory, visit } from "../history/history.js";
import { focusIn } from "../shared/dom.js";
import { createTile, fillTile, showMarks, showSelected, tileAt } from "../shared/photo_tile.js";
import { CHANGED, MARKED, tray } from "../shared/tray.js";

/** @import { StreamlitComponent, Tile, TilePhoto } from "../types.d.ts" */
/** @typedef {ReturnType<typeof placeInHistory>} PlaceInHistory */
/** @typedef {TilePhoto & { ratio: number }} Photo with its width to its height */
/** @typedef {{ tiles: Map<string, { tile: Tile, photo: Photo }>, shown: string, place: PlaceInHistory, follow: () => void }} State */
/** @typedef {HTMLElement & { state?: State | null }} Box */
/** @typedef {{ tiles: Photo[], row_px: number, address: string }} Data */

const NARROWEST = 0.45, WIDEST = 3.2; // width to height
const FOLLOWED = /** @type {const} */ ([CHANGED, MARKED]);
/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/** @param {Box} box @param {StreamlitComponent<Data>} component */
export default function (box, { data }) {
  const state = (box.state ??= begin(box)), { place } = state;
  // On a narrow screen two photos still fit side by side.
  box.style.setProperty("--row", `min(${data.row_px}px, ${data.row_px / 5.6}vw)`);
  const shown = JSON.stringify(data.tiles);
  if (state.shown !== shown) {
    state.shown = shown;
    state.tiles = createTiles(data.tiles, place);
    box.replaceChildren(...[...state.tiles.values()].map(({ tile }) => tile));
  }
  state.follow();
  place.update({ tiles: new Map([...state.tiles].map(([id, { tile }]) => [id, tile])), address: data.address });
  box.onkeydown = (event) => {
    const active = focusIn(box), step = STEPS[event.key];
    if (step) {
      const links = [...state.tiles.values()].map(({ tile }) => tile.link), next = links[links.findIndex((link) => link === active) + step];
      if (next) { next.focus(); event.preventDefault(); }
      return;
    }
    const photo = tileAt(active)?.photo;
    if (!photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const change = tray.changeOf(event.key, photo);
    if (change) tray.mark([photo], change);
    else if (event.key === "x") tray.set([photo.id], !tray.isSelected(photo.id));
    else return;
    event.preventDefault();
  };
  // The element of an earlier run stays; it is gone only when the view changes.
  return () => queueMicrotask(() => { if (!box.isConnected) end(box); });
}

/** @param {HTMLElement} box @returns {State} */
function begin(box) {
  /** @type {State} */
  const state = { tiles: new Map(), shown: "", place: placeInHistory(), follow: () => showAll(box, state) };
  for (const kind of FOLLOWED) tray.addEventListener(kind, state.follow);
  return state;
}

/** @param {Box} box */
function end(box) {
  if (!box.state) return;
  const { place, follow } = box.state;
  place.close();
  for (const kind of FOLLOWED) tray.removeEventListener(kind, follow);
  box.state = null;
}

/** @param {HTMLElement} box @param {State} state */
function showAll(box, { tiles }) {
  box.classList.toggle("selecting", tray.size > 0);
  for (const { tile, photo } of tiles.values()) {
    showSelected(tile, tray.isSelected(photo.id));
    showMarks(tile, tray.marksOf(photo));
  }
}

/** @param {Photo[]} photos @param {PlaceInHistory} place @returns {State["tiles"]} */
function createTiles(photos, place) {
  return new Map(photos.map((photo) => {
    const tile = createTile();
    fillTile(tile, photo, (isSelected) => tray.set([photo.id], isSelected));
    tile.style.setProperty("--ratio", Math.min(Math.max(photo.ratio, NARROWEST), WIDEST).toFixed(3));
    tile.link.onclick = (event) => {
      if (!isPlainClick(event)) return;
      event.preventDefault();
      place.save(photo.id);
      visit(photo.link);
    };
    return [photo.id, { tile, photo }];
  }));
}
