// A few photos side by side, in rows of one height.

import { isPlainClick, placeInHistory, visit } from "../history/history.js";
import { createTile, fillTile } from "../shared/photo_tile.js";

const NARROWEST = 0.45, WIDEST = 3.2; // width to height

export default function (box, { data }) {
  const place = (box.place ??= placeInHistory());
  // On a narrow screen two photos still fit side by side.
  box.style.setProperty("--row", `min(${data.row_px}px, ${data.row_px / 5.6}vw)`);
  const shown = JSON.stringify(data.tiles);
  if (box.shown !== shown) {
    box.shown = shown;
    box.tiles = createTiles(data.tiles, place);
    box.replaceChildren(...box.tiles.values());
  }
  const { tiles } = box;
  place.update({ tiles, address: data.address });
  box.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const links = [...tiles.values()].map((tile) => tile.link);
    const next = links[links.indexOf(box.getRootNode().activeElement) + step];
    if (next) { next.focus(); event.preventDefault(); }
  };
  // The element of an earlier run stays; it is gone only when the view changes.
  return () => queueMicrotask(() => { if (!box.isConnected) { place.close(); box.place = null; } });
}

function createTiles(photos, place) {
  return new Map(photos.map((photo) => {
    const tile = createTile();
    fillTile(tile, photo);
    tile.style.setProperty("--ratio", Math.min(Math.max(photo.ratio, NARROWEST), WIDEST).toFixed(3));
    tile.link.onclick = (event) => {
      if (!isPlainClick(event)) return;
      event.preventDefault();
      place.save(photo.id);
      visit(photo.link);
    };
    return [photo.id, tile];
  }));
}
