// A few photos side by side, in rows of one height.

import { isPlainClick, placeInHistory, visit } from "../history/history.js";
import { createTile, fillTile, showMarks, showSelected } from "../shared/photo_tile.js";
import { CHANGED, MARKED, tray } from "../shared/tray.js";

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
  if (!box.follow) {
    box.follow = () => showAll(box);
    for (const kind of [CHANGED, MARKED]) tray.addEventListener(kind, box.follow);
  }
  showAll(box);
  place.update({ tiles, address: data.address });
  box.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const links = [...tiles.values()].map((tile) => tile.link);
    const next = links[links.indexOf(box.getRootNode().activeElement) + step];
    if (next) { next.focus(); event.preventDefault(); return; }
    const photo = box.getRootNode().activeElement?.closest(".tile")?.photo;
    if (!photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const change = tray.changeOf(event.key, photo);
    if (change) tray.mark([photo], change);
    else if (event.key === "x") tray.set([photo.id], !tray.isSelected(photo.id));
    else return;
    event.preventDefault();
  };
  // The element of an earlier run stays; it is gone only when the view changes.
  return () => queueMicrotask(() => { if (!box.isConnected) end(box, place); });
}

function end(box, place) {
  place.close();
  for (const kind of [CHANGED, MARKED]) tray.removeEventListener(kind, box.follow);
  box.place = box.follow = null;
}

function showAll(box) {
  box.classList.toggle("selecting", tray.size > 0);
  for (const tile of box.tiles.values()) {
    showSelected(tile, tray.isSelected(tile.photo.id));
    showMarks(tile, tray.marksOf(tile.photo));
  }
}

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
    return [photo.id, tile];
  }));
}
