// One photo of a grid: its picture with marks and a caption, a link to the photo, and a box to select
// it by. What it shows comes from `ui/tiles.py`.

import { element } from "./dom.js";
import { showPicture } from "./picture.js";
import { tray } from "./tray.js";

/** @import { Marks, Tile, TilePhoto } from "../types.d.ts" */

const REST_MS = 350; // of the mouse on a tile before it moves
const SMALL_PX = 360; // the long side of a small picture, as in ui/server.py
const ENOUGH = 1.15; // pixels of the screen in the place of one of the picture, which nobody sees

// A tile without its photo, which arrives later. `tile.link` is what can have the focus.
/** @returns {Tile} */
export function createTile() {
  const link = element("a"), tile = Object.assign(element("figure", "tile loading"), { link });
  tile.append(link);
  return tile;
}

// Show a photo; null if it was deleted meanwhile. `onSelect(isSelected, wholeRange)` is called when
// its box is clicked; without it there is no box. `showMarks` shows what somebody has said of it. `longSide` is that of the
// tile, where it may be larger than a small picture.
/** @param {Tile} tile @param {TilePhoto | null} photo @param {(isSelected: boolean, wholeRange: boolean) => void} [onSelect] @param {number} [longSide] */
export function fillTile(tile, photo, onSelect, longSide = 0) {
  tile.classList.remove("loading");
  if (!photo) return;
  const { link } = tile;
  link.href = photo.link;
  link.ariaLabel = photo.alt;
  const image = element("img");
  Object.assign(image, { alt: "", decoding: "async", draggable: false });
  showPicture(image, longSide * devicePixelRatio > SMALL_PX * ENOUGH ? photo.dense : photo.src, () => image.replaceWith(element("span", "no-preview", "No preview available")));
  link.append(image);
  tile.classList.toggle("weak", Boolean(photo.isWeak));
  if (onSelect) {
    const box = tile.box = element("input", "select");
    Object.assign(box, { type: "checkbox", ariaLabel: `Select ${photo.alt}`, tabIndex: link.tabIndex });
    box.onclick = (event) => onSelect(box.checked, event.shiftKey);
    tile.append(box);
  }
  if (photo.title !== undefined) {
    const caption = element("figcaption", "caption"), first = element("div", "first");
    first.append(element("span", "", photo.title));
    caption.append(first, element("div", "second", photo.subtitle));
    tile.append(caption);
  }
  if (photo.moving) playOnHover(tile, photo);
  for (const [kind, text] of photo.badges) tile.append(element("span", `badge ${kind}`, text));
  tile.photo = photo;
}

// Shows a heart and stars in the corner, and that the photo is hidden.
/** @param {HTMLElement} tile @param {Marks} marks */
export function showMarks(tile, { favourite, rating, hidden, of_file: ofFile }) {
  const stars = Math.max(rating ?? ofFile ?? 0, 0);
  const text = [hidden ? "hidden" : "", favourite ? "♥" : "", stars ? `${stars}★` : ""].filter(Boolean).join(" ");
  tile.classList.toggle("hidden-photo", hidden);
  let mark = tile.querySelector(".marks");
  if (!text) { mark?.remove(); return; }
  if (!mark) { mark = element("span", "marks"); tile.append(mark); }
  mark.textContent = text;
  mark.role = "img";
  mark.ariaLabel = [hidden && "hidden", favourite && "favourite", stars && `${stars} star${stars === 1 ? "" : "s"}`].filter(Boolean).join(", ");
}

// Plays what moves while the mouse rests on the tile, without sound; the picture stays where a browser
// cannot play it.
/** @param {Tile} tile @param {TilePhoto} photo */
function playOnHover(tile, { moving, at }) {
  let timer = 0;
  /** @type {HTMLVideoElement | null} */
  let shown = null;
  tile.onpointerenter = (event) => {
    if (event.pointerType !== "mouse" || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    timer = setTimeout(() => {
      const video = shown = element("video", "preview");
      Object.assign(video, { src: moving, muted: true, loop: true, playsInline: true, currentTime: at, ariaHidden: "true", tabIndex: -1 });
      video.onplaying = () => video.classList.add("playing");
      tile.link.append(video);
      video.play().catch(() => {});
    }, REST_MS);
  };
  const end = () => {
    clearTimeout(timer);
    shown?.removeAttribute("src");
    shown?.load(); // ends its request
    shown?.remove();
    shown = null;
  };
  tile.onpointerleave = end;
  tile.stop = end;
}

// Whether the tile's box is ticked.
/** @param {Tile} tile @param {boolean} isSelected */
export function showSelected(tile, isSelected) {
  tile.classList.toggle("selected", isSelected);
  if (tile.box) tile.box.checked = isSelected;
}

// Gives up the request for its picture, if that has not arrived, and what it plays.
/** @param {Tile} tile */
export function dropTile(tile) {
  tile.querySelector("img")?.removeAttribute("src");
  tile.stop?.();
  tile.remove();
}

// The tile that an element is in.
/** @param {Element | null} node @returns {Tile | null} */
export const tileAt = (node) => node?.closest(".tile") ?? null;

// The tile in which something has happened.
/** @param {Event} event */
export const tileOf = ({ target }) => (target instanceof Element ? tileAt(target) : null);

// A key on a tile marks or selects its photo; whether it did.
/** @param {KeyboardEvent} event */
export function markByKey(event) {
  const photo = tileOf(event)?.photo;
  if (!photo || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
  const change = tray.changeOf(event.key, photo);
  if (change) tray.mark([photo], change);
  else if (event.key === "x") tray.set([photo.id], !tray.isSelected(photo.id));
  else return false;
  event.preventDefault();
  return true;
}
