// The picture of a photo that was clicked, large, until its view has come from the server: a click answers at once.

import { PHOTO } from "../history/history.js";
import { element } from "./dom.js";
import { isScriptRunning } from "./page.js";

const BELOW_HEADER = "999970"; // of shell.css
const VIEWER = ".st-key-viewer";
/** @type {HTMLElement | null} */
let cover = null;

// To be called before the view of a photo is visited. `image` is that of its tile, `area` the element that the view replaces.
/** @param {HTMLImageElement | null} image @param {HTMLElement} area */
export function coverWith(image, area) {
  uncover();
  if (!image?.complete || !image.naturalWidth) return;
  const page = document.querySelector('[data-testid="stApp"]'), { top } = area.getBoundingClientRect(), picture = element("img");
  cover = element("div", "opening");
  cover.ariaHidden = "true";
  Object.assign(picture, { src: image.currentSrc, alt: "" });
  Object.assign(picture.style, { width: "100%", height: "100%", objectFit: "contain" });
  Object.assign(cover.style, { position: "fixed", inset: `${Math.max(0, top)}px 0 0`, zIndex: BELOW_HEADER, padding: "8px 24px", boxSizing: "border-box", background: page ? getComputedStyle(page).backgroundColor : "" });
  cover.append(picture);
  document.body.append(cover);
}

// To be called by the view of a photo, with its picture, which may still be on its way; null where it shows none.
/** @param {HTMLImageElement | null} image */
export function photoIsShown(image) {
  const covered = cover;
  const end = () => { if (cover === covered) uncover(); };
  if (image) image.decode().then(end, end); else end();
}

// To be called with the path of the view that each run shows: that of a photo shows a card where there is no such photo.
/** @param {string} path */
export function uncoverWithoutPhoto(path) {
  if (!cover || path !== PHOTO) return;
  if (isScriptRunning()) requestAnimationFrame(() => uncoverWithoutPhoto(path));
  else if (!document.querySelector(VIEWER)) uncover();
}

function uncover() {
  cover?.remove();
  cover = null;
}

addEventListener("popstate", () => { if (location.pathname !== PHOTO) uncover(); });
